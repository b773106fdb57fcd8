"""Where a fault can take hold of the simulator, and which of the open ones do.

    connected   a connection was accepted
    bind        a bind with good credentials is about to be answered
    bound       its answer is about to be written
    request     a request has come, before anything is done about it
    submit      a message has come: what is to become of it
    outgoing    a PDU is about to be written
    write       octets are about to be written

A kind of fault overrides the hooks that it needs; with no fault open every tuple of
`Hooks` is empty and costs one test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from esmed.simulator.faults import Armed, Fault
from esmed.simulator.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esmed.simulator.session import Session
    from esmed.simulator.smsc import SmscSimulator


class Plan(msgspec.Struct):
    """What becomes of one message: the submit hooks change it, intake executes it.

    `outcome` None: what the rules say of the destination.
    """

    status: int = 0
    outcome: Outcome | None = None
    responses: int = 1
    delay: float = 0.0
    receipts: int = 1
    receipt_first: bool = False
    other_bind: bool = False
    unasked: bool = False
    dress: Callable[[bytes], tuple[int, bytes]] | None = None
    """Makes command_id and body of a receipt from the body of a usual deliver_sm."""


class Kind(Fault, frozen=True, kw_only=True):
    """A kind of fault: what happens when it opens and ends, and its hooks."""

    commands: ClassVar[frozenset[int] | None] = None
    """The requests that `request` is about; None: all."""

    def opens(self, smsc: SmscSimulator) -> None:
        """It opens; an instant fault happens here."""

    def ends(self, smsc: SmscSimulator) -> None:
        """It is over."""

    def connected(self, session: Session) -> None:
        """A connection was accepted."""

    def bind(self, session: Session) -> int:
        """The status to refuse a good bind with; 0: none."""
        return 0

    def bound(self, session: Session) -> None:
        """The bind response is in the buffer, but not written yet."""

    def request(self, session: Session, frame: bytes) -> None:
        """Deal with the request instead of the simulator."""

    def concerns(self, destination: bytes) -> bool:
        """Whether `submit` is about messages to this destination."""
        return True

    def submit(self, plan: Plan) -> None:
        """Change what becomes of a message."""

    def outgoing(self, frame: bytes) -> bytes:
        """Another PDU instead of this one; empty: none."""
        return frame

    def write(self, octets: bytes) -> list[bytes]:
        """The pieces to write, each in a turn of the event loop."""
        return [octets]


class Hooks:
    """The open faults by the hooks that they override, and what each hook comes to."""

    def __init__(self, armed: Iterable[Armed[Kind]] = ()) -> None:
        faults = list(armed)
        self.connected = _overriding(faults, Kind.connected)
        self.bind = _overriding(faults, Kind.bind)
        self.bound = _overriding(faults, Kind.bound)
        self.request = _overriding(faults, Kind.request)
        self.submit = _overriding(faults, Kind.submit)
        self.outgoing = _overriding(faults, Kind.outgoing)
        self.write = _overriding(faults, Kind.write)

    def on_connected(self, session: Session, now: float) -> None:
        """Let every fault that strikes at a new connection do so."""
        for armed in self.connected:
            if armed.strikes(now):
                armed.fault.connected(session)

    def on_bind(self, session: Session, now: float) -> int:
        """The status to refuse a good bind with; 0: none."""
        for armed in self.bind:
            if armed.strikes(now):
                return armed.fault.bind(session)
        return 0

    def on_bound(self, session: Session, now: float) -> None:
        """Let every fault that strikes at a bind response do so."""
        for armed in self.bound:
            if armed.strikes(now):
                armed.fault.bound(session)

    def on_request(
        self, session: Session, command: int, frame: bytes, now: float
    ) -> bool:
        """Whether a fault has taken the request over."""
        for armed in self.request:
            commands = armed.fault.commands
            if (commands is None or command in commands) and armed.strikes(now):
                armed.fault.request(session, frame)
                return True
        return False

    def on_submit(self, destination: bytes, now: float) -> Plan:
        """What becomes of a message."""
        plan = Plan()
        for armed in self.submit:
            if armed.fault.concerns(destination) and armed.strikes(now):
                armed.fault.submit(plan)
        return plan

    def on_outgoing(self, frames: list[bytes], now: float) -> list[bytes]:
        """The PDUs to write instead of these."""
        for armed in self.outgoing:
            frames = [
                armed.fault.outgoing(frame) if armed.strikes(now) else frame
                for frame in frames
            ]
        return frames

    def on_write(self, octets: bytes, now: float) -> list[bytes]:
        """The pieces to write instead of these octets."""
        for armed in self.write:
            if armed.strikes(now):
                return armed.fault.write(octets)
        return [octets]


def _overriding(
    faults: list[Armed[Kind]], hook: Callable[..., object]
) -> tuple[Armed[Kind], ...]:
    name = hook.__name__
    return tuple(
        armed for armed in faults if getattr(type(armed.fault), name) is not hook
    )
