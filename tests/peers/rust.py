"""Peers in smpp34 (PyPI; written in Rust)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import smpp34
from peers import coding
from peers.peer import PATIENCE, Peer

TAGS = {  # SMPP 3.4 §5.3.2
    "receipted_message_id": 0x001E,
    "message_state": 0x0427,
    "network_error_code": 0x0423,
    "sar_msg_ref_num": 0x020C,
    "sar_total_segments": 0x020E,
    "sar_segment_seqnum": 0x020F,
    "message_payload": 0x0424,
}
NAMES = {tag: name for name, tag in TAGS.items()}
FIELDS = (
    "source_addr_ton",
    "source_addr_npi",
    "source_addr",
    "dest_addr_ton",
    "dest_addr_npi",
    "destination_addr",
    "esm_class",
    "registered_delivery",
    "data_coding",
)


def written(pdu: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a PDU: optional parameters are octets here."""
    tlvs = []
    for name, tag in TAGS.items():
        value = pdu.pop(name, None)
        if name == "network_error_code" and value:
            value = bytes.fromhex(value)
        elif isinstance(value, str):
            value = value.encode() + b"\0"
        elif isinstance(value, int):
            value = value.to_bytes(2 if name == "sar_msg_ref_num" else 1, "big")
        if value is not None:
            tlvs.append(smpp34.Tlv(tag, value))
    return {**pdu, "tlvs": tlvs}


def read(command: str, pdu: Any) -> dict[str, Any]:
    """A message as an event."""
    fields = {name: getattr(pdu, name) for name in FIELDS}
    octets = pdu.short_message
    for tlv in pdu.tlvs:
        match NAMES.get(tlv.tag):
            case None:
                pass
            case "message_payload":
                octets = tlv.value
            case "receipted_message_id":
                fields["receipted_message_id"] = tlv.as_string()
            case name:
                fields[name] = tlv.as_int()
    return coding.event(command, fields, octets)


class Smsc(Peer):
    """The server."""

    name = "smpp34"

    def __init__(self, first_id: int, ids: str) -> None:
        super().__init__()
        self._number = first_id
        self._ids = ids
        self._refusals: dict[str, list[int]] = {}
        self._sessions: dict[str, smpp34.Esme] = {}
        self._server: smpp34.Server

    async def start(self) -> None:
        """Listen; it does not tell where, so it has to be told."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server = smpp34.Server("127.0.0.1", self.port, system_id=self.name)
        await self._server.start()

    async def serve(self) -> None:
        """Take what comes, for ever."""
        while True:
            event = await self._server.next()
            if isinstance(event, smpp34.Esme):
                self._sessions[event.session_id] = event
                bound = coding.answer("bind_transceiver", 0, system_id=event.system_id)
                self.note(bound)
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._answer(event)
            else:
                self._sessions.pop(event.session_id, None)
                self.note({"event": "closed"})

    def _answer(self, event: smpp34.SubmitSmEvent) -> None:
        statuses = self._refusals.get(event.destination_addr)
        noted = read("submit_sm", event)
        if statuses:
            status = statuses.pop(0)
            event.reject(status)
            self.note({**noted, "answer": status})
            return
        self._number += 1
        id_ = format(self._number, "x" if self._ids == "hex" else "d")
        event.accept(id_)
        self.note({**noted, "id": id_})

    async def tell(self, do: str, **arguments: Any) -> None:
        if do == "refuse":
            self._refusals[arguments["to"]] = list(arguments["statuses"])
            return
        esme = next(iter(self._sessions.values()))
        if do == "unbind":
            await esme.unbind()
            return
        assert do == "send"
        for pdu in coding.pdus(arguments):
            answer = await esme.deliver_sm(**written(pdu))
            self.note(coding.answer("deliver_sm_resp", answer.command_status))

    async def stop(self) -> None:
        """Listen no more, and leave."""
        await self._server.stop()


class Esme(Peer):
    """The client."""

    name = "smpp34"

    def __init__(self, port: int, system_id: str) -> None:
        super().__init__()
        self._client = smpp34.Client("127.0.0.1", port, system_id, "secret")
        self._session: smpp34.Smsc

    async def start(self) -> None:
        """Bind."""
        self._session = await self._client.connect()

    async def serve(self) -> None:
        """Take what comes until the end."""
        while True:
            event = await self._session.next()
            if isinstance(event, smpp34.Disconnected):
                self.note({"event": "closed"})
                return
            self.note(read("deliver_sm", event))

    async def tell(self, do: str, **arguments: Any) -> None:
        if do == "unbind":
            await self._session.unbind()
            return
        assert do == "send"
        for pdu in coding.pdus(arguments):
            answer = await self._session.submit_sm(**written(pdu))
            id_ = answer.message_id
            status = answer.command_status
            self.note(coding.answer("submit_sm_resp", status, message_id=id_))

    async def stop(self) -> None:
        """Leave."""
        await self._client.stop()


@contextlib.asynccontextmanager
async def running(peer: Smsc | Esme) -> AsyncIterator[Peer]:
    """Start one, and stop it."""
    await asyncio.wait_for(peer.start(), PATIENCE)
    serving = asyncio.create_task(peer.serve())
    try:
        yield peer
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.wait_for(peer.stop(), PATIENCE)
