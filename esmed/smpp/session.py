"""One SMPP connection, seen as an ESME, without the connection. Sans-IO.

Bytes, the time and our wishes go in; bytes (`Session.data_to_send`), events
(`Session.events`) and a deadline (`Session.next_deadline`) come out. It never waits,
reads no clock and is used once: after CLOSED make another one. `esmed.smpp.states` is
the table of its states; the rest of the rules:

* A request is in the window before its bytes exist. Each ends as exactly one of
  `Responded`, `TimedOut` or an entry of `Session.lost`; a response after `TimedOut` is
  `Late`, any other without a request `Unexpected`.
* A message is answered when the owner says so (`accept`, `refuse`), in any order.
* What the peer sends against the table, or so that it cannot be read, is answered with
  an error and costs no other PDU; a command that nobody knows gets generic_nack. Only a
  command_length that cannot be one ends the session: nothing behind it can be trusted.
* An unbind of the peer is answered when all else is, or a little later.
* The first cause of an end is the one reported; once it is there, nothing else happens.
"""

from collections import defaultdict
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Literal, TypeAlias, assert_never

from esmed.errors import SessionError
from esmed.smpp.events import (
    Alive,
    Cause,
    Closed,
    Event,
    Late,
    Odd,
    Received,
    Responded,
    StateChanged,
    TimedOut,
    Unexpected,
)
from esmed.smpp.states import (
    BIND_ACCEPTED,
    BOUND,
    SENDS,
    TAKES,
    TRANSITIONS,
    WITHOUT_RESPONSE,
    State,
    Trigger,
)
from esmed.smpp.status import describe
from esmed.smpp.timers import Timer, Timers, TimerSettings
from esmed.smpp.window import Pending, Window
from pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    CommandId,
    CommandStatus,
    DataSm,
    DataSmResp,
    DecodeError,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Framer,
    FramingError,
    Pdu,
    QuerySm,
    RawPdu,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Unbind,
    UnbindResp,
    command_name,
    decode,
    encode,
    tlv,
)
from pdu.vocabulary import RESPONSE_BIT

Bind: TypeAlias = BindTransmitter | BindReceiver | BindTransceiver
Submittable: TypeAlias = (
    SubmitSm | SubmitMulti | DataSm | QuerySm | CancelSm | ReplaceSm
)

Tap: TypeAlias = Callable[[Literal["in", "out"], bytes], None]
"""Is told each whole frame, as it came or is about to leave."""

_header: Final = Struct(">IIII")
_put_sequence: Final = Struct(">I").pack_into
_SEQUENCE_AT: Final = 12
TLS_PEER: Final = "the SMSC speaks TLS on this port"


class Session:
    """The ESME's side of one connection.

    Every ``now`` is in seconds of the same monotonic clock. ``sent`` and ``received``
    count PDUs by command_id.
    """

    def __init__(self, settings: TimerSettings, *, first_sequence: int = 1) -> None:
        self.sent: defaultdict[int, int] = defaultdict(int)
        self.received: defaultdict[int, int] = defaultdict(int)
        self.peer_system_id = ""
        self.peer_version: int | None = None
        """The SMSC's sc_interface_version, if it gave one."""
        self.unacknowledged = 0
        """Messages received and neither accepted nor refused yet."""
        self.tap: Tap | None = None
        self._settings = settings
        self._state = State.OPEN
        self._sends = SENDS[State.OPEN]
        self._takes = TAKES[State.OPEN]
        self._framer = Framer()
        self._window = Window(settings.response, first_sequence)
        self._timers = Timers(settings)
        self._out = bytearray()
        self._events: list[Event] = []
        self._accepted = Trigger.TRX_ACCEPTED
        self._leaving: Closed | None = None
        self._peer_unbind: int | None = None
        """The number of the peer's unbind, while it waits for its answer."""

    # --- our wishes ------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def unanswered(self) -> int:
        """How many submitted requests wait for their response."""
        return len(self._window)

    def bind(self, pdu: Bind, now: float) -> None:
        """Ask for a bind of the PDU's kind; SessionError unless OPEN."""
        self._apply(Trigger.BIND_SENT)
        self._accepted = BIND_ACCEPTED[pdu.command_id]
        self._write_request(pdu, now)
        self._timers.bind_sent(now)

    def submit(self, pdu: Submittable, now: float, context: Any = None) -> int:
        """Write a request and return its sequence number.

        ``context`` comes back with its outcome. SessionError if the state does not
        allow it, EncodeError if a field does not fit; nothing is written then.
        """
        command_id = pdu.command_id
        if command_id not in self._sends:
            raise SessionError(f"no {command_name(command_id)} while {self._state}")
        frame = encode(pdu)
        sequence = self._window.register(command_id, context, now)
        at = len(self._out) + _SEQUENCE_AT
        self._out += frame
        _put_sequence(self._out, at, sequence)
        self.sent[command_id] += 1
        self._timers.busy(now)
        return sequence

    def accept(self, pdu: DeliverSm | DataSm, message_id: str = "") -> None:
        """Acknowledge a message received; once each. Nothing happens when CLOSED.

        By the PDU and not by its number: an SMSC that uses a number twice is owed two
        answers. EncodeError if the id does not fit; nothing has happened then.
        """
        if self._state is State.CLOSED:
            return
        if type(pdu) is DeliverSm:
            self._write(DeliverSmResp(sequence=pdu.sequence, message_id=message_id))
        else:
            self._write(DataSmResp(sequence=pdu.sequence, message_id=message_id))
        self.unacknowledged -= 1
        self._end_if_settled()

    def refuse(self, pdu: DeliverSm | DataSm, status: int) -> None:
        """Answer a message received with an error; otherwise as `accept`."""
        if self._state is not State.CLOSED:
            self.unacknowledged -= 1
            self._write_error(pdu.command_id | RESPONSE_BIT, pdu.sequence, status)
            self._end_if_settled()

    def unbind(self, now: float, detail: str = "") -> None:
        """Leave in order; SessionError unless bound."""
        self._unbind(now, Closed(Cause.UNBOUND, detail))

    def close(self, detail: str = "") -> None:
        """Give up at once, in any state; nothing more is sent or taken."""
        self._end(Cause.UNBOUND, detail)

    # --- what happens ----------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes of the peer, in any pieces."""
        if self._state is State.CLOSED:
            return
        fault = None
        try:
            frames = self._framer.feed(data)
        except FramingError as error:
            frames, fault = list(error.frames), error
        if frames:
            self._timers.heard(now)
        if self.tap is not None:
            for frame in frames:
                self.tap("in", frame)
        for frame in frames:
            self._receive_frame(frame, now)
            if self.state is State.CLOSED:
                return
        if fault is not None:
            self._write_error(CommandId.GENERIC_NACK, 0, CommandStatus.ESME_RINVCMDLEN)
            self._end(Cause.GARBLED, TLS_PEER if _is_tls(data) else str(fault))
        self._end_if_settled()

    def receive_eof(self, detail: str = "closed by the SMSC") -> None:
        """Hear that the connection is gone, and why."""
        self._end(Cause.DISCONNECTED, detail)

    def tick(self, now: float) -> None:
        """Do what is due. Call it at `next_deadline`; earlier does no harm."""
        if self._state is State.CLOSED:
            return
        for sequence, pending in self._window.expire(now):
            self._events.append(TimedOut(sequence, pending.context, pending.sent_at))
        settings = self._settings
        timer = self._timers.due(now)
        match timer:
            case Timer.ENQUIRE:
                self._write_request(EnquireLink(), now)
                self._timers.enquired(now)
            case Timer.SILENCE:
                silence = f"nothing heard for {settings.enquire_link_timeout:g} s"
                self._end(Cause.SILENT, silence)
            case Timer.BIND:
                self._end(Cause.BIND_TIMEOUT, f"within {settings.bind:g} s")
            case Timer.UNBIND:
                self._end(Cause.UNBOUND, "")
            case Timer.PEER_UNBIND:
                self._answer_unbind()
            case Timer.INACTIVITY:
                self._unbind(now, Closed(Cause.INACTIVE, ""))
            case None:
                pass
            case _:
                assert_never(timer)
        self._end_if_settled()

    def next_deadline(self) -> float | None:
        """When to call `tick`, if nothing else happens before."""
        if self._state is State.CLOSED:
            return None
        own, response = self._timers.next_deadline(), self._window.next_deadline()
        if own is None or (response is not None and response < own):
            return response
        return own

    def data_to_send(self) -> bytes:
        """Take the bytes that are to be written."""
        data = bytes(self._out)
        self._out.clear()
        if self.tap is not None:
            for frame in Framer().feed(data):
                self.tap("out", frame)
        return data

    def events(self) -> list[Event]:
        """Take what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def lost(self) -> list[tuple[int, Pending]]:
        """Take the requests that will not be answered, once `Closed` is there."""
        return self._window.lost()

    # --- inside ----------------------------------------------------------------------

    def _apply(self, trigger: Trigger) -> None:
        old = self._state
        new = TRANSITIONS[old].get(trigger)
        if new is None:
            raise SessionError(f"no {trigger.name} while {old}")
        self._state = new
        self._sends = SENDS[new]
        self._takes = TAKES[new]
        self._events.append(StateChanged(old, new))

    def _end(self, cause: Cause, detail: str, status: int = 0) -> None:
        if self._state is not State.CLOSED:
            self._apply(Trigger.ENDED)
            self._events.append(self._leaving or Closed(cause, detail, status))

    def _unbind(self, now: float, why: Closed) -> None:
        self._apply(Trigger.UNBIND_SENT)
        self._leaving = why
        self._write_request(Unbind(), now)
        self._timers.unbind_sent(now)

    def _hear_unbind(self, sequence: int, now: float) -> None:
        self._leaving = self._leaving or Closed(Cause.UNBOUND_BY_PEER, "")
        self._peer_unbind = sequence
        if self._state in BOUND and not self._is_settled():
            self._apply(Trigger.UNBIND_HEARD)
            self._timers.unbind_heard(now)
        else:
            self._answer_unbind()

    def _is_settled(self) -> bool:
        return not self._window and not self.unacknowledged

    def _end_if_settled(self) -> None:
        if self._state is State.PEER_UNBINDING and self._is_settled():
            self._answer_unbind()

    def _answer_unbind(self) -> None:
        self._write(UnbindResp(sequence=self._peer_unbind or 0))
        self._end(Cause.UNBOUND_BY_PEER, "")

    def _write(self, pdu: Pdu) -> None:
        self._out += encode(pdu)
        self.sent[pdu.command_id] += 1

    def _write_request(self, pdu: Bind | EnquireLink | Unbind, now: float) -> None:
        frame = bytearray(encode(pdu))
        sequence = self._window.reserve(pdu.command_id, now)
        _put_sequence(frame, _SEQUENCE_AT, sequence)
        self._out += frame
        self.sent[pdu.command_id] += 1

    def _write_error(self, command_id: int, sequence: int, status: int) -> None:
        # A response that carries an error needs no body (§4.4.2 and the like).
        self._out += _header.pack(_header.size, command_id, status, sequence)
        self.sent[command_id] += 1

    def _receive_frame(self, frame: bytes, now: float) -> None:
        try:
            pdu = decode(frame)
        except DecodeError as error:
            self._receive_undecodable(frame, error, now)
            return
        self.received[pdu.command_id] += 1
        if type(pdu) is SubmitSmResp:
            self._receive_response(pdu)
        elif type(pdu) is DeliverSm or type(pdu) is DataSm:
            self._receive_message(pdu, now)
        elif pdu.command_id & RESPONSE_BIT:
            self._receive_answer(pdu, now)
        else:
            self._receive_request(pdu, now)

    def _receive_undecodable(
        self, frame: bytes, error: DecodeError, now: float
    ) -> None:
        _, command_id, status, sequence = _header.unpack_from(frame)
        self.received[command_id] += 1
        if command_id & RESPONSE_BIT:
            # The header is whole and says which request ended, and how.
            self._events.append(Odd(f"{command_name(command_id)}: {error}"))
            header = RawPdu(command_id=command_id, sequence=sequence, status=status)
            self._receive_answer(header, now)
        else:
            self._refuse(command_id, sequence, error.status, str(error))

    def _receive_response(self, pdu: Pdu) -> None:
        sequence, command_id = pdu.sequence, pdu.command_id
        pending = self._window.answer(sequence, command_id)
        if pending is not None:
            self._events.append(
                Responded(sequence, pdu, pending.context, pending.sent_at)
            )
            return
        pending = self._window.answer_late(sequence, command_id)
        if pending is not None:
            self._events.append(Late(sequence, pdu, pending.context, pending.sent_at))
            return
        duplicate = self._window.was_issued(sequence)
        self._events.append(Unexpected(command_id, sequence, duplicate))

    def _receive_message(self, pdu: DeliverSm | DataSm, now: float) -> None:
        if pdu.command_id in self._takes:
            self.unacknowledged += 1
            self._timers.busy(now)
            self._events.append(Received(pdu))
        else:
            self._refuse(pdu.command_id, pdu.sequence, CommandStatus.ESME_RINVBNDSTS)

    def _receive_request(self, pdu: Pdu, now: float) -> None:
        match pdu:
            case EnquireLink():
                self._write(EnquireLinkResp(sequence=pdu.sequence))
            case Unbind():
                self._hear_unbind(pdu.sequence, now)
            case RawPdu():
                self._refuse(
                    pdu.command_id,
                    pdu.sequence,
                    CommandStatus.ESME_RINVCMDID,
                    response_id=CommandId.GENERIC_NACK,
                )
            case _:
                self._refuse(
                    pdu.command_id, pdu.sequence, CommandStatus.ESME_RINVBNDSTS
                )

    def _refuse(
        self,
        command_id: int,
        sequence: int,
        status: int,
        detail: str = "",
        response_id: int | None = None,
    ) -> None:
        name = command_name(command_id)
        if command_id in WITHOUT_RESPONSE:
            self._events.append(Odd(f"{name} ignored"))
            return
        if response_id is None:
            response_id = command_id | RESPONSE_BIT
        self._write_error(response_id, sequence, status)
        why = f"{describe(status)}, {detail}" if detail else describe(status)
        self._events.append(Odd(f"{name} while {self._state} refused: {why}"))

    def _receive_answer(self, pdu: Pdu, now: float) -> None:
        """Take a response to whatever it may be that we asked."""
        pending = self._window.answer_reserved(pdu.sequence, pdu.command_id)
        if pending is None:
            self._receive_response(pdu)
        elif pending.response_id == CommandId.ENQUIRE_LINK_RESP:
            self._events.append(Alive(now - pending.sent_at))
        elif pending.response_id == CommandId.UNBIND_RESP:
            self._end(Cause.UNBOUND, "")
        elif pdu.status or pdu.command_id == CommandId.GENERIC_NACK:
            self._end(Cause.REFUSED, describe(pdu.status), pdu.status)
        else:
            self._bound(pdu, now)

    def _bound(self, pdu: Pdu, now: float) -> None:
        self.peer_system_id = getattr(pdu, "system_id", "")
        version = tlv.get_int(getattr(pdu, "tlvs", ()), Tag.SC_INTERFACE_VERSION)
        self.peer_version = version
        self._apply(self._accepted)
        self._timers.bound(now)


def _is_tls(data: bytes) -> bool:
    """Whether this is how a TLS server complains of plain text, RFC 5246 §6.2.1."""
    return data[:2] == b"\x15\x03"
