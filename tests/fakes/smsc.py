"""A scriptable SMSC: what it does with each PDU is the test's to say.

By itself it accepts every bind and answers every submit_sm with a new message id,
enquire_link and unbind. Attributes of `FakeSmsc` change that at any time; ``answer``
decides on each submit_sm.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CommandStatus,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Framer,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    decode,
    encode,
)

LIMIT = 30.0
"""Seconds for anything that is sure to happen: machines stall."""

Bind = BindTransmitter | BindReceiver | BindTransceiver
BindResp = BindTransmitterResp | BindReceiverResp | BindTransceiverResp
_BIND_RESPONSES: dict[type[Bind], type[BindResp]] = {
    BindTransmitter: BindTransmitterResp,
    BindReceiver: BindReceiverResp,
    BindTransceiver: BindTransceiverResp,
}


class SmscConnection(asyncio.Protocol):
    """One connection to the SMSC."""

    def __init__(self, smsc: "FakeSmsc") -> None:
        self.received: list[Pdu] = []
        self.bind: Bind | None = None
        self.lost = False
        self._smsc = smsc
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._sequence = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._smsc.connections.append(self)
        self._smsc.changed()
        if self._smsc.close_at_once:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._smsc.changed()

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            pdu = decode(frame)
            self.received.append(pdu)
            self._smsc.log.append(pdu)
            if not self._smsc.silent:
                self._react(pdu)
        self._smsc.changed()

    def send(self, *pdus: Pdu) -> None:
        """Write PDUs in one go."""
        self.send_bytes(b"".join(map(encode, pdus)))

    def send_bytes(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def request(self) -> int:
        """A sequence number of ours."""
        self._sequence += 1
        return self._sequence

    def deliver(self, pdu: DeliverSm) -> None:
        """Send a deliver_sm."""
        self.send(pdu)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def reset(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def pause_reading(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        assert self._transport is not None
        self._transport.resume_reading()

    def of(self, *kinds: type[Pdu]) -> list[Pdu]:
        """The PDUs of these kinds that came, in order."""
        return [pdu for pdu in self.received if isinstance(pdu, kinds)]

    def _react(self, pdu: Pdu) -> None:
        smsc = self._smsc
        match pdu:
            case BindTransmitter() | BindReceiver() | BindTransceiver():
                self._answer_bind(pdu)
            case SubmitSm():
                reply = smsc.answer(pdu)
                if reply is not None:
                    self.send(reply)
            case DataSm():
                self.send(DataSmResp(sequence=pdu.sequence, message_id="d1"))
            case EnquireLink() if smsc.answers_enquire_link:
                self.send(EnquireLinkResp(sequence=pdu.sequence))
            case Unbind() if smsc.answers_unbind:
                self.send(UnbindResp(sequence=pdu.sequence))
            case _:
                pass

    def _answer_bind(self, pdu: Bind) -> None:
        smsc = self._smsc
        smsc.bind_attempts += 1
        if not smsc.answers_bind:
            return
        status = smsc.bind_status_of.get(type(pdu), smsc.bind_status)
        status = smsc.bind_statuses.pop(0) if smsc.bind_statuses else status
        response = _BIND_RESPONSES[type(pdu)](
            sequence=pdu.sequence, status=status, system_id="fake" if not status else ""
        )
        glued = b"".join(map(encode, smsc.glued)) if not status else b""
        self.send_bytes(encode(response) + glued)
        if status:
            self.close()
        else:
            self.bind = pdu


class FakeSmsc:
    """Listens on a free port of the loopback; `start` again listens on the same one."""

    def __init__(self) -> None:
        self.bind_status = int(CommandStatus.ESME_ROK)
        self.bind_status_of: dict[type[Bind], int] = {}
        """Of one kind of bind, where it differs."""
        self.bind_statuses: list[int] = []
        """Of the next binds, before ``bind_status`` counts again."""
        self.answers_bind = True
        self.answers_enquire_link = True
        self.answers_unbind = True
        self.silent = False
        """Whether nothing at all is answered."""
        self.close_at_once = False
        self.glued: list[Pdu] = []
        """Sent in the same write as the response of a good bind."""
        self.answer: Callable[[SubmitSm], Pdu | None] = self.accept
        self.connections: list[SmscConnection] = []
        self.bind_attempts = 0
        self.log: list[Pdu] = []
        """All PDUs received, whatever the connection."""
        self._ids = 0
        self._port = 0
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._change = asyncio.Event()

    # --- life ------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context or self._context
        self._server = await asyncio.get_running_loop().create_server(
            lambda: SmscConnection(self),
            "127.0.0.1",
            self._port,
            ssl=self._context,
            reuse_address=True,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and drop those there are."""
        if self._server is not None:
            self._server.close()
            for connection in self.connections:
                if not connection.lost:
                    connection.reset()
            await self._server.wait_closed()
            self._server = None

    # --- answers ---------------------------------------------------------------------

    def accept(self, pdu: SubmitSm) -> SubmitSmResp:
        """The answer to a good submit_sm."""
        self._ids += 1
        return SubmitSmResp(sequence=pdu.sequence, message_id=f"m{self._ids}")

    def throttle(self, pdu: SubmitSm) -> SubmitSmResp:
        """ESME_RTHROTTLED."""
        return refuse(pdu, CommandStatus.ESME_RTHROTTLED)

    def ignore(self, _: SubmitSm) -> None:
        """No answer."""

    # --- what has come ---------------------------------------------------------------

    @property
    def bound(self) -> list[SmscConnection]:
        """The connections that are bound now."""
        return [c for c in self.connections if c.bind is not None and not c.lost]

    @property
    def submitted(self) -> list[SubmitSm]:
        """Every submit_sm, in order."""
        return [pdu for pdu in self.log if isinstance(pdu, SubmitSm)]

    @property
    def texts(self) -> list[str]:
        """The short messages of every submit_sm, taken for ASCII."""
        return [pdu.short_message.decode("ascii") for pdu in self.submitted]

    @property
    def acknowledged(self) -> list[DeliverSmResp]:
        """Every deliver_sm_resp, in order."""
        return [pdu for pdu in self.log if isinstance(pdu, DeliverSmResp)]

    def changed(self) -> None:
        """Have `until` look again."""
        self._change.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that shows on our side."""
        async with asyncio.timeout(LIMIT):
            while not condition():
                self._change.clear()
                await self._change.wait()


def refuse(pdu: SubmitSm, status: int) -> SubmitSmResp:
    """An error response."""
    return SubmitSmResp(sequence=pdu.sequence, status=status)


@asynccontextmanager
async def fake_smsc(context: ssl.SSLContext | None = None) -> AsyncIterator[FakeSmsc]:
    """An SMSC that is gone at the end."""
    smsc = FakeSmsc()
    await smsc.start(context)
    try:
        yield smsc
    finally:
        await smsc.stop()
