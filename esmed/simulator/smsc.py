"""An SMSC for tests, in this process or behind `esmed simulate smsc`.

simulator = SmscSimulator(SmscOptions(receipt_delay=1))
await simulator.start()
... connect to simulator.port ...
await simulator.stop()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from esmed.simulator.agenda import Agenda
from esmed.simulator.delivery import Account, Delivery, Traffic
from esmed.simulator.faults import Schedule
from esmed.simulator.hooks import Hooks, Kind
from esmed.simulator.intake import Intake
from esmed.simulator.journal import Journal
from esmed.simulator.listener import Listener
from esmed.simulator.mo import MoMessage, build
from esmed.simulator.options import SmscOptions
from esmed.simulator.session import Bind, Session
from pdu import BindTransceiver, CommandStatus, encode, status_name

if TYPE_CHECKING:
    from esmed.simulator.messages import Received

log = logging.getLogger("esmed.simulator")

How = Literal["rst", "fin", "unbind"]

_CLOSING: Final = 2.0
"""Seconds that connections have to close by themselves when the simulator stops."""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the start; `bound` are sessions now, by system_id."""

    uptime: float
    connections: int
    connected: int
    bound: dict[str, list[str]]
    binds: int
    bind_refusals: dict[str, int]
    submits: int
    statuses: dict[str, int]
    duplicates: int
    receipts: Traffic
    mo: Traffic
    waiting: int
    enquiries: int
    protocol_errors: int
    faults: list[str]


class SmscSimulator:
    """Use once: `start`, then `stop`. All methods belong to the event loop's thread."""

    def __init__(self, options: SmscOptions | None = None) -> None:
        self.options: Final = options or SmscOptions()
        self.hooks = Hooks()
        self.agenda: Agenda
        self.intake: Intake
        self.listener = Listener(
            partial(Session, self), self.options.host, self.options.port
        )
        self.binds = 0
        self.bind_refusals: dict[int, int] = {}
        self.enquiries = 0
        self.protocol_errors = 0
        self._connected = 0
        # Unlike those of the run before, which may have written to the same journal.
        self._first_number = time.time_ns() // 1_000_000
        self._schedule: Schedule[Kind] = Schedule(self.options.seed)
        self._next_advance: float | None = None
        self._accounts: dict[str, Account] = {}
        self._sessions: set[Session] = set()
        self._gone = asyncio.Event()
        self._gone.set()
        self._unclaimed: list[Delivery] = []
        self._mo = Traffic()
        self._reference = 0
        self._started_at = 0.0
        self._journal: Journal | None = None

    # Its life

    async def start(self) -> None:
        """Listen. `OSError` if port, journal or certificate cannot be had."""
        options = self.options
        self.agenda = Agenda()
        self._started_at = self.agenda.now()
        if options.tls_certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(options.tls_certificate, options.tls_key)
            self.listener.tls = tls
        if options.journal is not None:
            self._journal = Journal(options.journal)
        self.intake = Intake(self, self._journal)
        await self.listener.reserve()
        for fault in options.faults:
            self._schedule.add(fault, self._started_at)
        self.advance()
        await self.listener.start()

    async def stop(self) -> None:
        """Close everything, write the journal. Bounded in time; twice does no harm."""
        await self.listener.stop()
        for session in list(self._sessions):
            session.fin()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await self._gone.wait()
        for session in list(self._sessions):
            session.rst()
        await self._gone.wait()
        self.agenda.clear()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    # What tests do to it

    def inject_mo(
        self, mo: MoMessage | None = None, *, session: Session | None = None
    ) -> int:
        """A phone has sent a message: it goes to `session`, else where `mo` says.

        Gives the number of deliver_sm.

        Whoever is bound last gets what is for nobody in particular; with nobody there
        it waits for the first to bind. `ValueError` if it cannot be sent as asked.
        """
        mo = mo or MoMessage()
        self._reference += 1
        deliveries = [
            Delivery(encode(pdu)[16:], self._mo, session)
            for pdu in build(mo, self._reference, self.options.alphabet)
        ]
        account: Account | None = None
        if mo.system_id is not None:
            account = self.account(mo.system_id)
        else:
            receiving = (
                each
                for each in reversed(self._accounts.values())
                if any(session.receives for session in each.sessions)
            )
            account = next(receiving, None)
        if account is None:
            self._unclaimed.extend(deliveries)
        else:
            account.offer(deliveries)
        return len(deliveries)

    def drop(self, how: How = "rst", system_id: str | None = None) -> int:
        """End the connections, all or those of one system_id; how many there were."""
        sessions = [
            each
            for each in self._sessions
            if (system_id is None or (each.bound and each.system_id == system_id))
            and (each.bound or how != "unbind")
        ]
        for session in sessions:
            if how == "rst":
                session.rst()
            elif how == "fin":
                session.fin()
            else:
                session.unbind()
        return len(sessions)

    def add_fault(self, fault: Kind) -> int:
        """Take a fault in, its clock starting now; the key is for `remove_fault`."""
        key = self._schedule.add(fault, self.agenda.now(), self.intake.submits)
        self.advance()
        return key

    def remove_fault(self, key: int) -> bool:
        """End a fault and forget it; False if there is none with this key."""
        armed = self._schedule.remove(key)
        if armed is None:
            return False
        self.hooks = Hooks(self._schedule.open())
        if armed.open:
            armed.fault.ends(self)
        self.advance()
        return True

    def clear_faults(self) -> None:
        """End every fault."""
        for key in self.fault_keys:
            self.remove_fault(key)

    @property
    def port(self) -> int:
        """Where it listens, or would."""
        return self.listener.port

    @property
    def fault_keys(self) -> list[int]:
        """The keys of all faults, open or not."""
        return self._schedule.keys

    def messages(self, after: int = 0, limit: int | None = None) -> list[Received]:
        """The messages received, parts joined, whose `number` is above `after`."""
        return self.intake.ledger.received(after, limit)

    @property
    def incomplete(self) -> int:
        """How many sets of parts have not come whole."""
        return self.intake.ledger.incomplete

    @property
    def stats(self) -> Stats:
        """The figures since the start."""
        intake = self.intake
        statuses = {status_name(k): n for k, n in sorted(intake.refused.items())}
        return Stats(
            uptime=self.agenda.now() - self._started_at,
            connections=len(self._sessions),
            connected=self._connected,
            bound={
                name: [session.bound for session in account.sessions]
                for name, account in self._accounts.items()
            },
            binds=self.binds,
            bind_refusals={
                status_name(k): n for k, n in sorted(self.bind_refusals.items())
            },
            submits=intake.submits,
            statuses={status_name(0): intake.accepted, **statuses},
            duplicates=intake.ledger.duplicates,
            receipts=intake.receipts,
            mo=self._mo,
            waiting=sum(each.waiting for each in self._accounts.values())
            + len(self._unclaimed),
            enquiries=self.enquiries,
            protocol_errors=self.protocol_errors,
            faults=[each.fault.kind for each in self._schedule.open()],
        )

    # What its parts need of it

    def bound(self) -> list[Session]:
        """The bound sessions."""
        return [session for session in self._sessions if session.bound]

    def account(self, system_id: str) -> Account:
        """What is bound, or will be, with this system_id."""
        account = self._accounts.get(system_id)
        if account is None:
            account = Account(system_id, self.options.keep, self.options.attempts)
            self._accounts[system_id] = account
        return account

    def joined(self, session: Session) -> None:
        """A connection was accepted."""
        self._connected += 1
        session.number = self._first_number + self._connected
        self._sessions.add(session)
        self._gone.clear()

    def left(self, session: Session) -> None:
        """A connection is gone."""
        self._sessions.discard(session)
        if not self._sessions:
            self._gone.set()

    def admit(self, session: Session, pdu: Bind) -> int:
        """The status for a bind."""
        options = self.options
        if options.system_id is not None and pdu.system_id != options.system_id:
            return CommandStatus.ESME_RINVSYSID
        if options.password is not None and pdu.password != options.password:
            return CommandStatus.ESME_RINVPASWD
        limit = options.max_binds
        account = self._accounts.get(pdu.system_id)
        if limit is not None and account and len(account.sessions) >= limit:
            return CommandStatus.ESME_RALYBND
        if account and self._is_one_too_many(account, pdu):
            return CommandStatus.ESME_RALYBND
        return self.hooks.on_bind(session, self.agenda.now())

    def _is_one_too_many(self, account: Account, pdu: Bind) -> bool:
        limit = self.options.max_transceivers
        if limit is None or not isinstance(pdu, BindTransceiver):
            return False
        bound = [each.bound for each in account.sessions]
        return bound.count("transceiver") >= limit

    def has_bound(self, session: Session) -> None:
        """A session's bind response is in its buffer."""
        log.info("%s: bound as %s", session.peer, session.bound)
        self.binds += 1
        now = self.agenda.now()
        self._schedule.bound(now)
        self.advance()
        self.hooks.on_bound(session, now)
        if session.receives:
            unclaimed, self._unclaimed = self._unclaimed, []
            self.agenda.call_later(0, partial(session.account.offer, unclaimed))

    def advance(self) -> None:
        """Let the fault schedule do what is due."""
        changes = self._schedule.advance(self.agenda.now(), self.intake.submits)
        if changes:
            self.hooks = Hooks(self._schedule.open())
        for armed, opening in changes:
            log.info("fault %s %s", armed.fault.kind, "begins" if opening else "ends")
            if opening:
                armed.fault.opens(self)
            else:
                armed.fault.ends(self)
        self.intake.threshold = self._schedule.threshold()
        due = self._schedule.deadline()
        if due is not None and (self._next_advance is None or due < self._next_advance):
            self._next_advance = due
            self.agenda.call_at(due, partial(self._advance_at, due))

    def _advance_at(self, due: float) -> None:
        if due == self._next_advance:
            self._next_advance = None
            self.advance()
