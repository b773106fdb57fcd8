"""How a connector is, since when and why."""

from typing import Final, assert_never

from esmed import log
from esmed.clock import Clock
from esmed.connector import Health, HealthState
from esmed.smpp.hosts import Hosts
from esmed.smpp.mode import Mode
from esmed.smpp.throttle import Throttle

_log: Final = log.get("smpp.connector")


class Condition:
    """Up: all binds of the primary are there; degraded: something can send."""

    def __init__(
        self,
        name: str,
        mode: Mode,
        hosts: Hosts,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._name = name
        self._mode = mode
        self._hosts = hosts
        self._throttle = throttle
        self._clock = clock
        self._state = HealthState.DOWN
        self._since = clock.now_ms()

    def health(self) -> Health:
        """Return it as it was noted last; the reason as of now."""
        return Health(self._state, self._since, self._reason())

    def note(self) -> None:
        """Look again, and tell of a change."""
        state = self._judge()
        if state is not self._state:
            self._state = state
            self._since = self._clock.now_ms()
            _log.info(
                "connector.health",
                connector=self._name,
                state=state,
                reason=self._reason(),
            )

    def _judge(self) -> HealthState:
        mode, hosts = self._mode, self._hosts
        if mode.paused:
            return HealthState.PAUSED
        if hosts.active is None or mode.stopping:
            return HealthState.DOWN
        if not mode.sends:
            return HealthState.PAUSED
        return HealthState.UP if hosts.primary.whole else HealthState.DEGRADED

    def _reason(self) -> str:
        primary = f"{self._hosts.primary.address}: {self._hosts.primary.reason}"
        match self._state:
            case HealthState.UP:
                if self._throttle.active:
                    return "throttled by the SMSC"
                return self._hosts.notices()
            case HealthState.DEGRADED:
                return primary
            case HealthState.PAUSED:
                return "by the operator" if self._mode.paused else "bind: receiver"
            case HealthState.DOWN:
                return "stopping" if self._mode.stopping else primary
            case _:
                assert_never(self._state)
