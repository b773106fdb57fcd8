"""One bind at one host, for as long as the daemon lives: connect, bind, run, again.

A session and its transport are used once; the link makes new ones for ever, with the
pauses of `esmed.smpp.failover`. It hands its owner what comes, and what was written and
will not be answered as soon as that is known.
"""

import asyncio
import random
from typing import Any, Final, Literal, Protocol, cast

from esmed import certificate, log
from esmed.clock import Clock
from esmed.metrics import BindResult, ConnectorMetrics
from esmed.smpp.binds import PDUS, Bind
from esmed.smpp.config import Config, Host
from esmed.smpp.dial import DialError, dial
from esmed.smpp.events import (
    Alive,
    Cause,
    Closed,
    Event,
    Odd,
    Responded,
    StateChanged,
    Unexpected,
)
from esmed.smpp.failover import Backoff, Failure
from esmed.smpp.session import Bind as BindPdu
from esmed.smpp.session import Session, Tap
from esmed.smpp.states import BOUND, State
from esmed.smpp.status import Statuses
from esmed.smpp.timers import TimerSettings
from esmed.smpp.transport import Transport
from esmed.smpp.window import Pending
from pdu import CommandId, CommandStatus, command_name

LinkState = Literal["closed", "connecting", "binding", "bound", "unbinding"]

UNBIND_TIMEOUT: Final = 5.0
"""Seconds for the answer to our unbind."""
STANDBY: Final = "standby"
"""The reason of a host that is not wanted now."""

_FORGOTTEN: Final = int(CommandStatus.ESME_RINVBNDSTS)
_ANCILLARY: Final = frozenset({CommandId.CANCEL_SM_RESP, CommandId.QUERY_SM_RESP})
"""There the same status says no more than that the account may not ask such things."""
_FORGOTTEN_REASON: Final = "the SMSC has forgotten the bind (ESME_RINVBNDSTS)"

_log: Final = log.get("smpp.link")

_STATES: Final[dict[State, LinkState]] = {
    State.BINDING: "binding",
    State.BOUND_TX: "bound",
    State.BOUND_RX: "bound",
    State.BOUND_TRX: "bound",
    State.UNBINDING: "unbinding",
    State.PEER_UNBINDING: "unbinding",
}


class Owner(Protocol):
    """Who sends over a link."""

    def link_up(self, link: "Link") -> None:
        """Hear that the link is bound."""

    def link_down(self, link: "Link", *, failed: bool) -> None:
        """Hear (again) that the link cannot be used: it failed, or we mean to leave."""

    def link_events(self, link: "Link", events: list[Event]) -> None:
        """Take what the session tells."""

    def link_lost(
        self, link: "Link", lost: list[tuple[int, Pending]], reason: str
    ) -> None:
        """Take the requests that will not be answered, at the end of a session."""

    def link_writable(self, link: "Link") -> None:
        """Hear that a full socket takes bytes again."""


class Link:
    """The supervisor of one bind."""

    def __init__(
        self,
        host: Host,
        config: Config,
        bind: Bind,
        *,
        connector: str,
        owner: Owner,
        clock: Clock,
        metrics: ConnectorMetrics,
        certificates: certificate.Watch,
    ) -> None:
        self.address = str(host.address)
        self.bind = bind
        self.state: LinkState = "closed"
        self.reason = "not started"
        """Why it is not bound."""
        self.since = clock.now_ms()
        self.session_name = ""
        """Names the current session, or the last one, unlike any other."""
        self.transport: Transport | None = None
        """The current connection, or the last one."""
        self._host = host
        self._config = config
        self._connector = connector
        self._where: dict[str, Any] = {
            "connector": connector,
            "host": self.address,
            "bind": bind.label,
        }
        """What every log event says."""
        self._owner = owner
        self._clock = clock
        self._metrics = metrics
        self._meters = metrics.hosts[self.address]
        self._meters.bind_state(bind.label, "closed")
        self._settings = TimerSettings(
            bind=config.bind_timeout,
            unbind=UNBIND_TIMEOUT,
            response=config.response_timeout,
            enquire_link=config.enquire_link or None,
            enquire_link_timeout=config.enquire_link_timeout,
        )
        self._backoff = Backoff(config.reconnect.min, config.reconnect.max)
        self._certificates = certificates
        self._tap: Tap | None = None
        self._bound_at: float | None = None
        self._failure: Failure | None = None
        self._lasted = 0.0
        self._told = ""
        self._oddities = 0
        self._leaving = False
        self._stopping = False
        self._wanted = asyncio.Event()
        self._sleeper: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # --- for the owner ---------------------------------------------------------------

    @property
    def bound(self) -> bool:
        """Whether there is a bind that we do not mean to leave."""
        return self._is_bound() and not self._leaving

    @property
    def alive(self) -> bool:
        """Whether the task that connects and reconnects, once started, is there."""
        return self._stopping or self._task is None or not self._task.done()

    @property
    def was_bound(self) -> bool:
        """Whether the current session, or the last one, came as far as the bind."""
        return self._bound_at is not None

    @property
    def writable(self) -> bool:
        """Whether the socket takes more bytes."""
        return self.transport is not None and self.transport.writable

    @property
    def unanswered(self) -> int:
        """How many requests wait for their response."""
        return 0 if self.transport is None else self.transport.session.unanswered

    def start(self) -> None:
        """Begin; returns at once. Nothing is connected before it is `want`ed."""
        self._task = asyncio.get_running_loop().create_task(
            self._run(),
            name=f"link {self._connector} {self.address} {self.bind.label}",
        )

    def want(self, *, wanted: bool) -> None:
        """Have the host bound from now on, or left and let alone."""
        if wanted:
            self._wanted.set()
        elif self._wanted.is_set():
            self._wanted.clear()
            self.leave(STANDBY)

    def leave(self, why: str) -> None:
        """Unbind once all is answered, and connect anew if wanted.

        A pause between two attempts ends at once.
        """
        if self.bound:
            self._leaving = True
            self.reason = why
            self._owner.link_down(self, failed=False)
            self._unbind_when_idle()
        elif self._sleeper is not None:
            self._sleeper.cancel()

    async def stop(self, limit: float) -> None:
        """Unbind within ``limit`` seconds, or else just close."""
        self._stopping = True
        task, transport = self._task, self.transport
        if task is None:
            return
        try:
            if transport is not None and self._is_bound():
                transport.session.unbind(transport.now(), "stopping")
                transport.touch()
            if self.state in {"bound", "unbinding"}:
                await asyncio.wait([task], timeout=limit)
        finally:
            task.cancel()
        await asyncio.wait([task])
        self._set("closed", "stopped" if self.state != "closed" else self.reason)

    def trace(self, tap: Tap | None) -> None:
        """Tell each PDU of this session and those to come; None: no more."""
        self._tap = tap
        if self.transport is not None:
            self.transport.session.tap = tap

    def account(self) -> None:
        """Move what was counted since the last time to the metrics."""
        transport = self.transport
        if transport is None:
            return
        session, meters = transport.session, self._metrics
        for counts, by_command in (
            (session.sent, meters.pdus_out),
            (session.received, meters.pdus_in),
        ):
            for command_id, count in counts.items():
                by_command[command_id].inc(count)
            counts.clear()
        wall = self._clock.now() - transport.now()
        if transport.read_at is not None:
            self._meters.last_in.advance(wall + transport.read_at)
        if transport.written_at is not None:
            self._meters.last_out.advance(wall + transport.written_at)

    # --- the task --------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            if not self._wanted.is_set():
                self._set("closed", STANDBY)
                await self._wanted.wait()
            self._set("connecting", self.reason)
            try:
                await self._attempt()
            except Exception as error:  # noqa: BLE001 - the task's root: log, go on
                _log.error(
                    "link.broken",
                    exc=error,
                    **self._where,
                )
                self._fail(Failure.OTHER, f"{type(error).__name__}: {error}")
            if self._failure is not None and not self._stopping:
                await self._pause(self._failure)

    async def _pause(self, failure: Failure) -> None:
        spread = random.random()  # noqa: S311 - parts our attempts, guards nothing
        seconds = self._backoff.pause(failure, self._lasted, spread)
        self._sleeper = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait([self._sleeper])
        finally:
            self._sleeper.cancel()
            self._sleeper = None

    async def _attempt(self) -> None:
        """Connect once and see it through."""
        self._bound_at, self._lasted = None, 0.0
        self._leaving, self._failure, self._oddities = False, None, 0
        self.session_name = "/".join(
            (
                self._connector,
                self.address,
                self.bind.label,
                str(self._clock.now_ms()),
            )
        )
        try:
            transport, ends = await dial(
                self._host, self._config.connect_timeout, self._make_transport
            )
        except DialError as error:
            self._meters.binds[error.stage].inc()
            self._fail(Failure.OTHER, str(error))
            return
        if ends is not None:
            self._certificates.ends = ends
            self._meters.certificate_expiry.set(ends.theirs)
        try:
            if transport.session.state is State.OPEN:
                transport.session.bind(self._bind_pdu(), transport.now())
                transport.touch()
            while not transport.closed.done():
                self._tell_certificates()
                await asyncio.wait([transport.closed], timeout=certificate.TELL_EVERY)
        finally:
            transport.end("stopping")

    def _tell_certificates(self) -> None:
        reason = self._certificates.to_tell(self._clock.now())
        if reason:
            _log.warning(
                "link.certificate",
                reason=reason,
                **self._where,
            )

    def _make_transport(self) -> Transport:
        self.account()
        session = Session(self._settings)
        session.tap = self._tap
        self.transport = Transport(
            session,
            self._on_events,
            lambda: self._owner.link_writable(self),
        )
        return self.transport

    def _bind_pdu(self) -> BindPdu:
        config = self._config
        return PDUS[self.bind.kind](
            system_id=config.system_id,
            password=config.password.reveal(),
            system_type=config.system_type,
            interface_version=config.interface_version,
            addr_ton=config.bind_ton,
            addr_npi=config.bind_npi,
            address_range=config.address_range,
        )

    # --- what the session tells ------------------------------------------------------

    def _on_events(self, events: list[Event]) -> None:
        self._owner.link_events(self, events)
        for event in events:
            if type(event) is Responded:
                pdu = event.pdu
                if pdu.status == _FORGOTTEN and pdu.command_id not in _ANCILLARY:
                    self._on_forgotten()
            elif type(event) is StateChanged:
                self._on_state(event.new)
            elif type(event) is Closed:
                self._on_closed(event)
            elif type(event) is Alive:
                self._metrics.enquire_link_seconds.set(event.seconds)
            elif type(event) is Odd:
                self._on_oddity(event.detail)
            elif type(event) is Unexpected:
                known = "a second" if event.duplicate else "an"
                name = command_name(event.command_id)
                self._on_oddity(f"{known} {name} for request {event.sequence}")
        if self._leaving:
            self._unbind_when_idle()

    def _on_state(self, new: State) -> None:
        if new is State.CLOSED:
            return  # `Closed` follows, and says why
        if new is State.PEER_UNBINDING:
            self._set("unbinding", Cause.UNBOUND_BY_PEER.value)
            self._owner.link_down(self, failed=True)
            return
        self._set(_STATES[new], "" if new in BOUND else self.reason)
        if new not in BOUND:
            return
        self._bound_at = self._clock.monotonic()
        self._meters.binds["bound"].inc()
        self._told = ""
        session = self._session
        _log.info(
            "link.bound",
            peer=session.peer_system_id,
            version=session.peer_version,
            **self._where,
        )
        if self._wanted.is_set():
            self._owner.link_up(self)
        else:
            self._leaving = True

    def _on_closed(self, closed: Closed) -> None:
        reason = closed.reason
        meaning = self._config.bind_errors.get(closed.status)
        if closed.cause is Cause.REFUSED and meaning is not None:
            reason = f"{reason} ({meaning})"
        self.account()
        if self._bound_at is not None:
            self._lasted = self._clock.monotonic() - self._bound_at
        self._owner.link_lost(self, self._session.lost(), reason)
        if closed.cause is Cause.UNBOUND:
            self._set("closed", reason)
            _log.info("link.left", reason=reason, **self._where)
            if not self._leaving:
                self._owner.link_down(self, failed=False)
            return
        failure = Failure.OTHER
        if closed.cause is Cause.REFUSED:
            statuses = Statuses(self._config.statuses)
            failure = statuses.bind_failure(closed.status)
        if self._bound_at is None:
            self._meters.binds[_bind_result(closed.cause, failure)].inc()
        self._fail(failure, reason)

    def _on_forgotten(self) -> None:
        """Bind anew, after a pause: another bind may be forgotten as fast."""
        if self.bound and _FORGOTTEN not in self._config.statuses:
            self._failure = Failure.OTHER
            self.leave(_FORGOTTEN_REASON)
            _log.warning("link.forgotten", **self._where)

    def _on_oddity(self, detail: str) -> None:
        """Tell what the peer did wrong: loudly once for each bind, it may go on."""
        tell = _log.debug if self._oddities else _log.warning
        self._oddities += 1
        tell(
            "session.odd",
            detail=detail,
            count=self._oddities,
            **self._where,
        )

    def _fail(self, failure: Failure, reason: str) -> None:
        """Note and tell why the host is not bound, and that it is to be tried again."""
        self._failure = failure
        self._set("closed", reason)
        if failure is Failure.CREDENTIALS:
            _log.error("link.refused", reason=reason, **self._where)
        elif reason != self._told:
            _log.warning("link.failed", reason=reason, **self._where)
        else:
            _log.debug("link.failed", reason=reason, **self._where)
        self._told = reason
        self._owner.link_down(self, failed=True)

    # --- small things ----------------------------------------------------------------

    @property
    def _session(self) -> Session:
        """Whose events these are."""
        return cast("Transport", self.transport).session

    def _is_bound(self) -> bool:
        return self.transport is not None and self.transport.session.state in BOUND

    def _unbind_when_idle(self) -> None:
        transport = self.transport
        if transport is not None and self._is_bound() and not self.unanswered:
            transport.session.unbind(transport.now(), self.reason)
            transport.touch()

    def _set(self, state: LinkState, reason: str) -> None:
        self.reason = reason
        if state != self.state:
            self.state = state
            self.since = self._clock.now_ms()
            self._meters.bind_state(self.bind.label, state)


def _bind_result(cause: Cause, failure: Failure) -> BindResult:
    """Under which result an attempt is counted that came as far as the bind."""
    match cause:
        case Cause.REFUSED if failure is Failure.CREDENTIALS:
            return "credentials"
        case Cause.REFUSED:
            return "refused"
        case Cause.BIND_TIMEOUT:
            return "timeout"
        case _:
            return "connect"
