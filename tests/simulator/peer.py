"""A raw ESME for tests of the simulator: it sends what it is told, answers nothing."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Framer,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    decode,
    encode,
)

PATIENCE = 60
"""Seconds; only a broken simulator makes a test wait that long."""

P = TypeVar("P")


class Peer(asyncio.Protocol):
    """One connection. `segments` are the reads of its socket as they came."""

    def __init__(self) -> None:
        self.segments: list[bytes] = []
        self.closed: asyncio.Future[Exception | None] = (
            asyncio.get_running_loop().create_future()
        )
        self.transport: asyncio.Transport
        self._pdus: asyncio.Queue[Pdu] = asyncio.Queue()
        self._framer: Framer | None = Framer()
        self._sequence = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.segments.append(data)
        if self._framer is not None:
            for frame in self._framer.feed(data):
                self._pdus.put_nowait(decode(frame))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(exc)

    def raw(self) -> None:
        """From now on look at `segments` only."""
        self._framer = None

    def send(self, pdu: Pdu) -> None:
        self.transport.write(encode(pdu))

    async def next(self, kind: type[P]) -> P:
        """The next PDU, which must be of this kind."""
        pdu = await asyncio.wait_for(self._pdus.get(), PATIENCE)
        assert isinstance(pdu, kind), pdu
        return pdu

    async def nothing(self) -> None:
        """The simulator has nothing to say but to answer an enquire_link."""
        sequence = self._next()
        self.send(EnquireLink(sequence=sequence))
        answer = await self.next(EnquireLinkResp)
        assert answer.sequence == sequence

    async def ended(self) -> Exception | None:
        """The connection has been closed: None by FIN, else how."""
        return await asyncio.wait_for(asyncio.shield(self.closed), PATIENCE)

    async def bind(
        self, kind: Callable[..., Pdu] = BindTransceiver, **fields: Any
    ) -> Pdu:
        """Bind; the answer, whatever it is."""
        self.send(kind(sequence=self._next(), **{"system_id": "esme", **fields}))
        return await asyncio.wait_for(self._pdus.get(), PATIENCE)

    def start_submit(self, **fields: Any) -> int:
        """Send a submit_sm; its sequence number."""
        sequence = self._next()
        usual = {
            "source_addr": "shop",
            "destination_addr": "380501234567",
            "registered_delivery": 1,
            "short_message": b"Hello",
        }
        self.send(SubmitSm(sequence=sequence, **{**usual, **fields}))
        return sequence

    async def submit(self, **fields: Any) -> SubmitSmResp:
        """Submit and give the answer, which must be the next thing to come."""
        sequence = self.start_submit(**fields)
        answer = await self.next(SubmitSmResp)
        assert answer.sequence == sequence
        return answer

    async def delivery(self, status: int = 0) -> DeliverSm:
        """The next PDU, which must be a deliver_sm; it is answered."""
        pdu = await self.next(DeliverSm)
        self.send(DeliverSmResp(sequence=pdu.sequence, status=status))
        return pdu

    def close(self) -> None:
        self.transport.abort()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


async def connect(port: int, tls: ssl.SSLContext | None = None) -> Peer:
    """A connection to the simulator, not bound."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(
        Peer,
        "127.0.0.1",
        port,
        ssl=tls,
        server_hostname="localhost" if tls is not None else None,
    )
    return peer


async def bound(port: int, **fields: Any) -> Peer:
    """A connection with a transceiver bound."""
    peer = await connect(port)
    answer = await peer.bind(**fields)
    assert isinstance(answer, BindTransceiverResp), answer
    assert answer.status == 0
    return peer


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - of another's state
            await asyncio.sleep(0.001)
