"""ESMEs in smpplib, which blocks, and in aiosmpplib, which cuts and joins by itself."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiosmpplib
import smpplib.client
import smpplib.exceptions
import smpplib.smpp
from aiosmpplib.hook import SimpleHook
from peers import coding
from peers.peer import PATIENCE, Peer

RECEIPTED_MESSAGE_ID = 0x001E  # SMPP 3.4 §5.3.2.12
OPTIONAL = ("receipted_message_id", "message_state", *coding.SAR)
FIELDS = (
    "source_addr_ton",
    "source_addr_npi",
    "source_addr",
    "dest_addr_ton",
    "dest_addr_npi",
    "destination_addr",
    "esm_class",
    "data_coding",
)


class Smpplib(Peer):
    """Reads in a thread of its own."""

    name = "smpplib"

    def __init__(self, port: int, system_id: str) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._system_id = system_id
        self._client = smpplib.client.Client(
            "127.0.0.1", port, timeout=PATIENCE, allow_unknown_opt_params=True
        )
        self._client.set_message_sent_handler(self._answered)
        self._client.set_error_pdu_handler(self._answered)
        self._client.set_message_received_handler(self._received)

    def bind(self) -> None:
        """Connect and bind; blocks."""
        self._client.connect()
        self._client.bind_transceiver(system_id=self._system_id, password="secret")

    def listen(self) -> None:
        """Take what comes until the connection ends; blocks."""
        with contextlib.suppress(smpplib.exceptions.ConnectionError):
            self._client.listen()
        self._client.disconnect()
        self._tell({"event": "closed"})

    async def tell(self, do: str, **arguments: Any) -> None:
        if do == "send":
            for pdu in coding.pdus(arguments):
                self._client.send_message(**pdu)
        else:
            self._client.send_pdu(smpplib.smpp.make_pdu(do, client=self._client))

    def _answered(self, pdu: Any) -> None:
        id_ = getattr(pdu, "message_id", None)
        text = id_.decode() if id_ else None
        self._tell(coding.answer(pdu.command, pdu.status, message_id=text))

    def _received(self, pdu: Any) -> int:
        fields = {
            name: value.rstrip(b"\0").decode() if isinstance(value, bytes) else value
            for name in (*FIELDS, *OPTIONAL)
            if (value := getattr(pdu, name)) is not None
        }
        octets = pdu.short_message or pdu.message_payload or b""
        self._tell(coding.event("deliver_sm", fields, octets))
        return 0

    def _tell(self, event: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self.note, event)


@contextlib.asynccontextmanager
async def smpplib_esme(port: int, system_id: str) -> AsyncIterator[Peer]:
    """Run one, bound."""
    peer = Smpplib(port, system_id)
    await asyncio.to_thread(peer.bind)
    listening = asyncio.create_task(asyncio.to_thread(peer.listen))
    try:
        yield peer
    finally:
        if not peer.closed:
            await peer.tell("unbind")
        await asyncio.wait_for(listening, PATIENCE)


class _Hook(SimpleHook):  # type: ignore[misc]
    def __init__(self, peer: "Aiosmpplib") -> None:
        super().__init__(aiosmpplib.StructuredLogger("peers", logging.CRITICAL))
        self._peer = peer

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        self._peer.received(smpp_message)


class Aiosmpplib(Peer):
    """Joins parts before it tells; of the parts of ours it tells the last answer."""

    name = "aiosmpplib"

    def __init__(self, port: int, system_id: str) -> None:
        super().__init__()
        self.esme = aiosmpplib.ESME(
            "127.0.0.1",
            port,
            system_id,
            "secret",
            hook=_Hook(self),
            log_level=logging.CRITICAL,
        )

    def received(self, message: Any) -> None:
        """Take what the library makes of a PDU."""
        if isinstance(message, aiosmpplib.SubmitSmResp):
            status, id_ = int(message.command_status), message.message_id
            self.note(coding.answer("submit_sm_resp", status, message_id=id_))
        elif isinstance(message, aiosmpplib.DeliverSm):
            fields = {
                "source_addr": message.source.number,
                "destination_addr": message.destination.number,
                "esm_class": 4 if message.is_receipt() else 0,
            }
            for option in message.optional_params:
                if option.tag == RECEIPTED_MESSAGE_ID:
                    fields["receipted_message_id"] = option.value
            text = message.short_message or message.message_payload
            event = coding.answer("deliver_sm", 0, **fields)
            self.note({**event, "text": text})

    async def tell(self, do: str, **arguments: Any) -> None:
        assert do == "send"
        fields = arguments["fields"]
        # It cuts by characters, and then an octet holds no length of two septets each.
        cut = arguments.get("concat") == "udh8" and fields["data_coding"] == 8
        message = aiosmpplib.SubmitSm(
            short_message=arguments["text"],
            source=aiosmpplib.PhoneNumber(fields["source_addr"]),
            destination=aiosmpplib.PhoneNumber(fields["destination_addr"]),
            encoding="ucs2" if fields["data_coding"] == 8 else "gsm0338",
            registered_delivery=fields["registered_delivery"],
            esm_class=coding.UDHI if cut else 0,
            auto_message_payload=not cut,
            log_id=fields["destination_addr"],
        )
        await self.esme.broker.enqueue(message)


@contextlib.asynccontextmanager
async def aiosmpplib_esme(port: int, system_id: str) -> AsyncIterator[Peer]:
    """Run one; it binds by itself."""
    peer = Aiosmpplib(port, system_id)
    running = asyncio.create_task(peer.esme.start())
    try:
        yield peer
    finally:
        # It leaves its socket to the garbage collector.
        writer = peer.esme._writer
        await asyncio.wait_for(peer.esme.stop(), PATIENCE)
        await asyncio.wait_for(running, PATIENCE)
        writer.close()
