"""A stand-in for a provider, whatever it speaks: its life, messages, states, faults.

    class Simulator(HttpSimulator): ...

    async with Simulator(ProviderOptions(deliver_after=1)) as provider:
        ... talk to provider.url ...

A kind says what its states are called and how they are told; the rest is here.
"""

import asyncio
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from hmac import compare_digest
from types import TracebackType
from typing import ClassVar, Final, Self

import msgspec

from esmed.simulator.agenda import Agenda
from esmed.simulator.bridge.faults import FAULTS, ProviderFault, PushLost, PushTwice
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Outcomes, Step
from esmed.simulator.bridge.pushes import Push, Pusher
from esmed.simulator.bridge.register import Message, Register
from esmed.simulator.faults import Schedule
from esmed.simulator.listener import Listener

log = logging.getLogger("esmed.simulator")


class Mo(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A message from a subscriber."""

    from_: str = "380501234567"
    to: str = "1234"
    text: str = "Hello"


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """One that has come: what a client may be told of, or ask for."""

    id: int
    at: float
    mo: Mo


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the start."""

    requests: dict[str, int]
    taken: int
    duplicates: int
    pushed: int
    push_lost: int
    faults: list[str]


class _Requests(Schedule[ProviderFault]):
    """Faults by the number of requests: of the operation that they strike, or all."""

    def __init__(self, seed: int, requests: Mapping[str, int]) -> None:
        super().__init__(seed)
        self._requests = requests

    def counted(self, fault: ProviderFault, messages: int) -> int:
        return self._requests.get(fault.on, 0) if fault.on else messages


class ProviderSimulator(ABC):
    """Use once: `start`, then `stop`, or as a context. All methods belong to the event
    loop's thread."""

    rules: ClassVar[tuple[str, ...]] = ()
    """What the end of a recipient means, as `outcomes` of the options."""
    usual: ClassVar[str]
    """The steps of every other message."""
    defaults: ClassVar[Mapping[str, str]] = {}
    """The kind's own settings."""
    faults: ClassVar[Mapping[str, type[ProviderFault]]] = FAULTS
    """The kinds of fault it can have."""

    def __init__(self, options: ProviderOptions | None = None) -> None:
        self.options: Final = options or ProviderOptions()
        given = self.options.settings
        unknown = given.keys() - self.defaults.keys()
        if unknown:
            known = ", ".join(self.defaults) or "none"
            raise ValueError(f"no such setting: {', '.join(unknown)}; known: {known}")
        self.settings: Final = {**self.defaults, **given}
        rules = [rule for rule in self.options.outcomes if rule != "none"]
        standard = () if "none" in self.options.outcomes else self.rules
        self._outcomes = Outcomes((*standard, *rules), self.usual)
        self.callback_url = self.options.callback_url
        """This and the next two: where it pushes to from now on."""
        self.mo_url = self.options.mo_url
        self.short_url = self.options.short_url
        self.requests: dict[str, int] = {}
        """How many of each operation."""
        self.inbound: list[Inbound] = []
        """The newest messages from subscribers, oldest first."""
        self._schedule = _Requests(self.options.seed, self.requests)
        self._next_advance: float | None = None
        self._last_id = 0
        self._closing = AsyncExitStack()
        self.agenda: Agenda
        self.register: Register
        self.pusher: Pusher
        self.listener: Listener

    # Its life

    async def start(self) -> None:
        """Listen. `OSError` if port, journal or certificate cannot be had."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        options = self.options
        self.agenda = Agenda()
        self._closing.callback(self.agenda.clear)
        first = options.first_id
        self._last_id = (time.time_ns() // 1000 if first is None else first) - 1
        self.register = Register(options.keep, options.journal)
        self._closing.callback(self.register.close)
        self.pusher = Pusher(options.push_attempts, options.push_pause)
        await self.pusher.start()
        self._closing.push_async_callback(self.pusher.stop)
        protocol = await self._begin(self._closing)
        self.listener = Listener(protocol, options.host, options.port)
        self._closing.push_async_callback(self.listener.stop)
        if options.tls_certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(options.tls_certificate, options.tls_key)
            self._secure(tls)
        await self.listener.reserve()
        for fault in options.faults:
            self._schedule.add(fault, self.agenda.now())
        self._advance()
        await self.listener.start()

    async def stop(self) -> None:
        """Close everything. Bounded in time; twice does no harm."""
        await self._closing.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @abstractmethod
    async def _begin(self, closing: AsyncExitStack) -> Callable[[], asyncio.Protocol]:
        """Make ready; gives what serves a connection. `closing` is done at the end."""

    def _secure(self, tls: ssl.SSLContext) -> None:
        """Use TLS from the first octet of each connection."""
        self.listener.tls = tls

    @property
    def port(self) -> int:
        """Where it listens, or would."""
        return self.listener.port

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client's configuration names."""

    # What tests do to it

    def inject_mo(self, mo: Mo) -> None:
        """A phone has sent a message: it is kept for who asks, and pushed."""
        came = Inbound(id=self.new_id(), at=time.time(), mo=mo)
        self.inbound.append(came)
        del self.inbound[: -self.options.keep]
        push = self.mo_push(came)
        if push is not None and self.mo_url is not None:
            self._push(self.mo_url, push, mo.from_)

    def add_fault(self, fault: ProviderFault) -> int:
        """Take a fault in, its clock starting now; the key is for `remove_fault`."""
        key = self._schedule.add(fault, self.agenda.now(), sum(self.requests.values()))
        self._advance()
        return key

    def remove_fault(self, key: int) -> bool:
        """End a fault and forget it; False if there is none with this key."""
        armed = self._schedule.remove(key)
        if armed is not None and armed.open:
            armed.fault.ends(self)
        return armed is not None

    def clear_faults(self) -> None:
        """End every fault."""
        for key in self._schedule.keys:
            self.remove_fault(key)

    def messages(self, after: int = 0, limit: int | None = None) -> list[Message]:
        """The messages taken whose `number` is above `after`."""
        return self.register.messages(after, limit)

    @property
    def stats(self) -> Stats:
        """The figures since the start."""
        return Stats(
            requests=dict(self.requests),
            taken=self.register.taken,
            duplicates=self.register.duplicates,
            pushed=sum(answer.taken for answer in self.pusher.answers),
            push_lost=self.pusher.lost,
            faults=[armed.fault.kind for armed in self._schedule.open()],
        )

    # What a kind says

    def status_push(self, message: Message, step: Step) -> Push | None:
        """What to tell when a message has got that far; None: nothing."""
        return None

    def mo_push(self, inbound: Inbound) -> Push | None:
        """What to tell of a message from a subscriber; None: nothing."""
        return None

    # What a kind uses

    def knows(self, login: str, password: str) -> bool:
        """Whether these are the right ones, wherever they stood."""
        wanted = self.options.login, self.options.password
        return all(
            right is None or compare_digest(right.encode(), given.encode())
            for right, given in zip(wanted, (login, password), strict=True)
        )

    def new_id(self) -> int:
        """A number that no message has had."""
        self._last_id += 1
        return self._last_id

    def outcome(self, to: str) -> Outcome:
        """What becomes of a message to this number (digits).

        Its `refusal` is empty if it is not to be refused, this time.
        """
        destination = to.encode()
        outcome = self._outcomes.of(destination)
        if outcome.refusal and not self._outcomes.refuses(outcome, destination):
            return Outcome(steps=outcome.steps)
        return outcome

    def take(
        self,
        *,
        message_id: str,
        to: str,
        outcome: Outcome,
        from_: str = "",
        text: str | None = None,
        data: str | None = None,
        parts: int = 1,
        reference: str = "",
        fields: Mapping[str, str] | None = None,
        start_at: float | None = None,
    ) -> Message:
        """Take a message: in the register, the journal, and on its way.

        `start_at` is wall time, in seconds; None or what is past: now.
        """
        now = time.time()
        starts = max(start_at or now, now)
        message = Message(
            number=self.register.taken + 1,
            id=message_id,
            at=now,
            from_=from_,
            to=to,
            text=text,
            data=data,
            parts=parts,
            reference=reference,
            fields=fields or {},
            steps=outcome.steps,
            starts=starts,
            begins=self.agenda.now() + starts - now,
            deliver_after=self.options.deliver_after,
        )
        self.register.add(message)
        if self.callback_url is not None:
            for number, step in enumerate(message.steps):
                due = message.due(number)
                self.agenda.call_at(due, partial(self._tell, message, step))
        return message

    def cancel(self, message: Message, step: Step) -> None:
        """End a message before its time."""
        message.ended, message.ended_at = step, time.time()
        self._tell(message, step)

    def state(self, message: Message) -> Step | None:
        """How far a message is; None: nothing has become of it yet."""
        return message.state(self.agenda.now())

    def changed(self, message: Message) -> float:
        """Since when it is that far, wall time."""
        return message.changed(self.agenda.now())

    def struck(self, operation: str) -> ProviderFault | None:
        """Count a request; the fault that strikes it, if one does."""
        self._schedule.bound(self.agenda.now())
        self.requests[operation] = self.requests.get(operation, 0) + 1
        self._advance()
        return self._strikes(
            lambda fault: fault.requests and fault.on in {"", operation}
        )

    def _tell(self, message: Message, step: Step) -> None:
        if message.ended is not None and step is not message.ended:
            return
        push = self.status_push(message, step)
        if push is not None and self.callback_url is not None:
            self._push(self.callback_url, push, f"{message.id}/{message.to}")

    def _push(self, url: str, push: Push, key: str) -> None:
        if self._strikes(lambda fault: isinstance(fault, PushLost)):
            return
        self.pusher.push(url, push, key)
        if self._strikes(lambda fault: isinstance(fault, PushTwice)):
            self.pusher.push(url, push, key)

    def _strikes(
        self, concerned: Callable[[ProviderFault], bool]
    ) -> ProviderFault | None:
        now = self.agenda.now()
        for armed in self._schedule.open():
            if concerned(armed.fault) and armed.strikes(now):
                return armed.fault
        return None

    def _advance(self) -> None:
        """Let the fault schedule do what is due."""
        count = sum(self.requests.values())
        for armed, opening in self._schedule.advance(self.agenda.now(), count):
            log.info("fault %s %s", armed.fault.kind, "begins" if opening else "ends")
            if opening:
                armed.fault.opens(self)
            else:
                armed.fault.ends(self)
        due = self._schedule.deadline()
        if due is not None and (self._next_advance is None or due < self._next_advance):
            self._next_advance = due
            self.agenda.call_at(due, partial(self._advance_at, due))

    def _advance_at(self, due: float) -> None:
        if due == self._next_advance:
            self._next_advance = None
            self._advance()
