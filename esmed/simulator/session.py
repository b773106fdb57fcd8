"""One connection of an ESME, as an asyncio protocol.

    open ──bind──► bound ──unbind, either side──► closed
      └────────────┴──FIN, RST, noise─────────────►┘

What one read brings is answered by one write. The PDUs that come by the thousand are
cut by `esmed.simulator.wire`, all others decoded by `pdu`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from esmed.simulator import wire
from esmed.simulator.delivery import Account, Delivery, InFlight
from pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CancelSm,
    CommandId,
    CommandStatus,
    DecodeError,
    Framer,
    FramingError,
    QuerySm,
    Tag,
    decode,
    encode,
    tlv,
)
from pdu.vocabulary import RESPONSE_BIT

if TYPE_CHECKING:
    from esmed.simulator.messages import Message
    from esmed.simulator.smsc import SmscSimulator

log = logging.getLogger("esmed.simulator")

_SUBMIT_SM: Final = int(CommandId.SUBMIT_SM)
"""An integer, for the sake of the comparison with each PDU."""

Bind = BindReceiver | BindTransmitter | BindTransceiver

_UNBIND_TIMEOUT: Final = 5.0
"""Seconds that an ESME has for its unbind_resp."""
_LAST_SEQUENCE: Final = 0x7FFFFFFF
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: close sends RST."""
_INTERFACE_VERSION: Final = 0x34
_WRITE_BUFFER: Final = 1 << 20
"""Octets unread by the ESME, beyond which it gets no more receipts or MO messages."""


class Session(asyncio.Protocol):
    """A connection; `account` is there once it has bound."""

    account: Account

    def __init__(self, smsc: SmscSimulator) -> None:
        self.smsc: Final = smsc
        self.number = 0
        """Of the connection; no other has it."""
        self.bound = ""
        """transmitter, receiver or transceiver once bound."""
        self.receives = False
        self.transmits = False
        self.closed = False
        self.accepted: list[Message] = []
        """The messages of this read, whose receipts are not planned yet."""
        self.peer = "?"
        self._transport: asyncio.Transport
        self._framer = Framer()
        self._in_flight = InFlight(
            smsc.agenda, smsc.options.redeliver_after, self._late
        )
        self._sequence = 0
        self._out: list[bytes] = []
        self._batching = False
        self._deaf = False
        self._blocked = False
        self._pieces: deque[bytes] = deque()
        self._heard_at = 0.0
        self._unanswered_enquiry = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}"
        self._heard_at = self.smsc.agenda.now()
        self.smsc.joined(self)
        self.smsc.hooks.on_connected(self, self._heard_at)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.smsc.left(self)
        log.info("%s %s: closed", self.peer, self.bound or "unbound")
        if self.bound:
            self.account.leave(self, self._in_flight.clear())
        self.receives = False

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        if self.receives:
            self.account.pump()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._heard_at = self.smsc.agenda.now()
        self._unanswered_enquiry = False
        try:
            frames = self._framer.feed(data)
        except FramingError as exc:
            log.warning("%s: %s", self.peer, exc)
            self.smsc.protocol_errors += 1
            self._handle(exc.frames)
            self.send(
                wire.header_only(
                    CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDLEN, 0
                )
            )
            self.fin()
        else:
            self._handle(frames)

    # The simulator's side

    @property
    def system_id(self) -> str:
        """Who has bound; only of a bound session."""
        return self.account.system_id

    @property
    def room(self) -> int:
        """How many more deliver_sm it takes now."""
        if self._blocked or self.closed:
            return 0
        return self.smsc.options.deliver_window - len(self._in_flight)

    def deliver(self, delivery: Delivery) -> None:
        """Write a deliver_sm, with the next `flush`, and wait for its response."""
        sequence = self._next_sequence()
        self._in_flight.add(sequence, delivery)
        self._out.append(wire.request(delivery.command, sequence, delivery.body))

    def send(self, frame: bytes) -> None:
        """Write a PDU: now, or with the others of this read."""
        self._out.append(frame)
        self.flush()

    def send_raw(self, octets: bytes) -> None:
        """Write octets that are no PDU, past the hooks for PDUs."""
        self.flush()
        if not self.closed:
            self._transport.write(octets)

    def flush(self) -> None:
        """Hand what was written to the socket, unless a read is being dealt with."""
        if self._batching or not self._out:
            return
        frames, self._out = self._out, []
        if self.closed or self._deaf:
            return
        hooks = self.smsc.hooks
        if hooks.outgoing:
            frames = hooks.on_outgoing(frames, self.smsc.agenda.now())
        octets = b"".join(frames)
        pieces = [octets]
        if hooks.write:
            pieces = hooks.on_write(octets, self.smsc.agenda.now())
        if not self._pieces and len(pieces) == 1:
            self._transport.write(octets)
            return
        if not self._pieces:
            asyncio.get_running_loop().call_soon(self._write_piece)
        self._pieces.extend(pieces)

    def later(self, delay: float, frame: bytes) -> None:
        """Deal with a request after `delay`, past the hooks for requests."""
        self.smsc.agenda.call_later(delay, partial(self._replay, frame))

    def fin(self) -> None:
        """Close once everything is written."""
        self._end_batch()
        self.closed = True
        self._transport.write(b"".join(self._pieces))
        self._pieces.clear()
        self._transport.close()

    def rst(self) -> None:
        """Reset the connection; what the ESME has not read is lost."""
        self._end_batch()
        self.closed = True
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def go_deaf(self) -> None:
        """Hear and say nothing any more, and keep the connection."""
        self._deaf = True
        self.receives = False

    def forget_bind(self) -> None:
        """Take it for an ESME that has not bound."""
        self.receives = self.transmits = False

    def unbind(self) -> None:
        """Send unbind; close when it is answered, or after a while when it is not."""
        self.receives = False
        self.send(wire.header_only(CommandId.UNBIND, 0, self._next_sequence()))
        self.smsc.agenda.call_later(_UNBIND_TIMEOUT, self._transport.close)

    # PDUs

    def _handle(self, frames: list[bytes] | tuple[bytes, ...]) -> None:
        """Deal with what one read has brought, and answer it in one write."""
        smsc = self.smsc
        self._batching = True
        unpack = wire.HEADER.unpack_from
        for frame in frames:
            _, command, status, sequence = unpack(frame)
            requests = smsc.hooks.request
            if (
                requests
                and not command & RESPONSE_BIT
                and smsc.hooks.on_request(self, command, frame, self._heard_at)
            ):
                continue
            self._dispatch(frame, command, status, sequence)
            if self.closed:
                break
        self._end_batch()

    def _dispatch(self, frame: bytes, command: int, status: int, sequence: int) -> None:
        if command == _SUBMIT_SM:
            self._message(command, sequence, frame)
        elif command in _ANSWERS:
            self._answered(sequence, status)
        elif command == CommandId.DATA_SM:
            self._message(command, sequence, frame)
        elif command == CommandId.ENQUIRE_LINK:
            self.smsc.enquiries += 1
            self.send(wire.header_only(CommandId.ENQUIRE_LINK_RESP, 0, sequence))
        elif command == CommandId.UNBIND:
            self.send(wire.header_only(CommandId.UNBIND_RESP, 0, sequence))
            self.fin()
        elif command == CommandId.UNBIND_RESP:
            self.fin()
        elif not command & RESPONSE_BIT:
            self._request(frame, command, sequence)

    def _request(self, frame: bytes, command: int, sequence: int) -> None:
        try:
            pdu = decode(frame)
        except DecodeError as exc:
            self._refuse(command, exc.status, sequence)
            return
        match pdu:
            case BindReceiver() | BindTransmitter() | BindTransceiver():
                self._bind(pdu)
            case QuerySm() | CancelSm() if not self.transmits:
                self._refuse(command, CommandStatus.ESME_RINVBNDSTS, sequence)
            case QuerySm():
                self.send(encode(self.smsc.intake.query(pdu)))
            case CancelSm():
                self.send(encode(self.smsc.intake.cancel(pdu)))
            case _:
                self.send(
                    wire.header_only(
                        CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDID, sequence
                    )
                )

    def _message(self, command: int, sequence: int, frame: bytes) -> None:
        intake = self.smsc.intake
        if not self.transmits:
            status = CommandStatus.ESME_RINVBNDSTS
            intake.refuse(self, command, sequence, status)
            return
        scan = wire.scan_submit if command == _SUBMIT_SM else wire.scan_data
        try:
            submission = scan(frame)
        except (ValueError, IndexError):
            self.smsc.protocol_errors += 1
            status = CommandStatus.ESME_RINVCMDLEN
            intake.refuse(self, command, sequence, status)
        else:
            intake.take(self, command, sequence, submission)

    def _bind(self, pdu: Bind) -> None:
        mode, receives, transmits, response = _MODES[type(pdu)]
        smsc = self.smsc
        status = CommandStatus.ESME_RALYBND if self.bound else smsc.admit(self, pdu)
        if status:
            smsc.bind_refusals[status] = smsc.bind_refusals.get(status, 0) + 1
            self.send(
                wire.header_only(pdu.command_id | RESPONSE_BIT, status, pdu.sequence)
            )
            return
        self.bound, self.receives, self.transmits = mode, receives, transmits
        self.account = smsc.account(pdu.system_id)
        self.account.join(self)
        version = tlv.build(Tag.SC_INTERFACE_VERSION, _INTERFACE_VERSION)
        self.send(
            encode(
                response(
                    sequence=pdu.sequence,
                    system_id=smsc.options.smsc_id,
                    tlvs=(version,),
                )
            )
        )
        smsc.has_bound(self)
        # What waits is not glued to the response: that is a fault of its own.
        smsc.agenda.call_later(0, self.account.pump)
        if smsc.options.enquire_link:
            smsc.agenda.call_later(smsc.options.enquire_link, self._keep_alive)

    def _refuse(self, command: int, status: int, sequence: int) -> None:
        self.smsc.protocol_errors += 1
        self.send(wire.header_only(command | RESPONSE_BIT, status, sequence))

    def _answered(self, sequence: int, status: int) -> None:
        again = self._in_flight.answered(sequence, status)
        if again is not None:
            self.smsc.agenda.call_later(
                self.smsc.options.redeliver_after, partial(self.account.again, [again])
            )

    def _late(self, deliveries: list[Delivery]) -> None:
        self.account.again(deliveries)

    def _keep_alive(self) -> None:
        interval = self.smsc.options.enquire_link or 0.0
        idle = self.smsc.agenda.now() - self._heard_at
        if self.closed:
            return
        if idle < interval:
            self.smsc.agenda.call_later(interval - idle, self._keep_alive)
        elif self._unanswered_enquiry:
            log.warning("%s: enquire_link not answered", self.peer)
            self.rst()
        else:
            self._unanswered_enquiry = True
            self.send(
                wire.header_only(CommandId.ENQUIRE_LINK, 0, self._next_sequence())
            )
            self.smsc.agenda.call_later(interval, self._keep_alive)

    def _replay(self, frame: bytes) -> None:
        if self.closed:
            return
        _, command, status, sequence = wire.HEADER.unpack_from(frame)
        self._batching = True
        self._dispatch(frame, command, status, sequence)
        self._end_batch()

    def _end_batch(self) -> None:
        self._batching = False
        self.smsc.intake.settle(self)
        if self.receives and self.account.waiting:
            self.account.pump()
        self.flush()

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        return self._sequence

    def _write_piece(self) -> None:
        if self.closed or not self._pieces:
            return
        self._transport.write(self._pieces.popleft())
        if self._pieces:
            asyncio.get_running_loop().call_soon(self._write_piece)


_ANSWERS: Final = frozenset(
    (
        int(CommandId.DELIVER_SM_RESP),
        int(CommandId.DATA_SM_RESP),
        int(CommandId.GENERIC_NACK),
    )
)
_MODES: Final[
    dict[
        type[Bind],
        tuple[
            str,
            bool,
            bool,
            type[BindReceiverResp | BindTransmitterResp | BindTransceiverResp],
        ],
    ]
] = {
    BindReceiver: ("receiver", True, False, BindReceiverResp),
    BindTransmitter: ("transmitter", False, True, BindTransmitterResp),
    BindTransceiver: ("transceiver", True, True, BindTransceiverResp),
}
