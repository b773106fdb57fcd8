"""The hosts of a connector: which one is sent over, which are bound, how they are."""

from collections.abc import Iterable
from typing import Final

from esmed import log
from esmed.clock import Clock
from esmed.connector import HostView
from esmed.metrics import ConnectorMetrics
from esmed.smpp.config import Config
from esmed.smpp.failover import Failover
from esmed.smpp.hostbinds import HostBinds
from esmed.smpp.link import Link, Owner

_log: Final = log.get("smpp.connector")


class Hosts:
    """All of them, the primary first. Times are those of the event loop's clock."""

    def __init__(
        self,
        config: Config,
        *,
        connector: str,
        owner: Owner,
        clock: Clock,
        metrics: ConnectorMetrics,
    ) -> None:
        self.all: Final = tuple(
            HostBinds(
                host,
                config,
                connector=connector,
                owner=owner,
                clock=clock,
                metrics=metrics,
            )
            for host in config.hosts
        )
        self.active: HostBinds | None = None
        """The one that is sent over."""
        self._connector = connector
        self._number_of = {
            link: number for number, host in enumerate(self.all) for link in host.links
        }
        self._failover = Failover(len(self.all), config.standby, config.failback_after)

    @property
    def links(self) -> Iterable[Link]:
        """Every bind of every host."""
        return self._number_of

    @property
    def primary(self) -> HostBinds:
        """The first one."""
        return self.all[0]

    @property
    def unanswered(self) -> bool:
        """Whether a request waits for its response."""
        return any(link.unanswered for link in self.links)

    def up(self, link: Link, now: float) -> None:
        """Note that a bind is there; `choose` again."""
        number = self._number_of[link]
        if self.all[number].usable:
            self._failover.bound(number, now)

    def down(self, link: Link, *, failed: bool) -> None:
        """Note that a bind is not there any more, likewise."""
        number = self._number_of[link]
        if self.all[number].usable:
            return
        if failed:
            self._failover.lost(number)
        else:
            self._failover.left(number)

    def choose(self, now: float) -> None:
        """Send over the host whose turn it is, from now on."""
        number = self._failover.active(now)
        active = None if number is None else self.all[number]
        if active is not self.active:
            self.active = active
            address = None if active is None else active.address
            _log.info("connector.active", connector=self._connector, host=address)

    def want(self, *, stopping: bool) -> None:
        """Have those bound that are to be; none of them while ``stopping``."""
        wanted = self._failover.wanted()
        for number, host in enumerate(self.all):
            host.want(wanted=number in wanted and not stopping)

    def next_deadline(self) -> float | None:
        """Return when to `choose` again though nothing happens."""
        return self._failover.next_deadline()

    def is_active(self, link: Link) -> bool:
        """Tell whether the link's host is the one that is sent over."""
        return self.active is self.all[self._number_of[link]]

    def views(self) -> list[HostView]:
        """Show all."""
        return [host.view(backup=number > 0) for number, host in enumerate(self.all)]

    def notices(self) -> str:
        """What is to be known of them though they are bound."""
        return "; ".join(
            f"{host.address}: {host.notice}" for host in self.all if host.notice
        )
