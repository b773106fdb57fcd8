"""Peers in smpp34 (PyPI; written in Rust), which has no idea of texts.

It codes PDUs only. Texts are coded and cut by smpplib, and decoded by aiosmpplib: each
of somebody else's making too.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import smpp34
from aiosmpplib.codec import GSM7BitCodec
from peers.peer import PATIENCE, Peer
from smpplib import consts, gsm

UDHI = 0x40
TAGS = {
    "receipted_message_id": smpp34.TLV_RECEIPTED_MESSAGE_ID,
    "message_state": smpp34.TLV_MESSAGE_STATE,
    "network_error_code": smpp34.TLV_NETWORK_ERROR_CODE,
    "sar_msg_ref_num": smpp34.TLV_SAR_MSG_REF_NUM,
    "sar_total_segments": smpp34.TLV_SAR_TOTAL_SEGMENTS,
    "sar_segment_seqnum": smpp34.TLV_SAR_SEGMENT_SEQNUM,
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


def tlv(name: str, value: Any) -> smpp34.Tlv:
    """An optional parameter; of octets given in hex, text, or a number."""
    if name == "network_error_code":
        octets = bytes.fromhex(value)
    elif isinstance(value, str):
        octets = value.encode() + b"\0"
    else:
        octets = value.to_bytes(2 if name == "sar_msg_ref_num" else 1, "big")
    return smpp34.Tlv(TAGS[name], octets)


def seen(command: str, pdu: Any) -> dict[str, Any]:
    """A message as an event."""
    fields = {name: getattr(pdu, name) for name in FIELDS}
    content = pdu.short_message
    for each in pdu.tlvs:
        if each.tag == smpp34.TLV_MESSAGE_PAYLOAD:
            content = each.value
        elif each.tag in NAMES:
            text = each.tag == smpp34.TLV_RECEIPTED_MESSAGE_ID
            fields[NAMES[each.tag]] = each.as_string() if text else each.as_int()
    concat = None
    if pdu.esm_class & UDHI:
        header, content = content[1 : 1 + content[0]], content[1 + content[0] :]
        wide = header[0] == 8
        concat = (int.from_bytes(header[2 : 3 + wide], "big"), header[-2], header[-1])
    elif "sar_total_segments" in fields:
        concat = tuple(fields[name] for name in list(TAGS)[-3:])  # type: ignore[assignment]
    coding = pdu.data_coding & 0x0F
    return {
        "event": "pdu",
        "command": command,
        "status": 0,
        "fields": fields,
        "text": decoded(content, coding) if coding in {0, 8} else None,
        "data": None if coding in {0, 8} else content.hex(),
        "concat": concat,
    }


def decoded(content: bytes, coding: int) -> str:
    """The text, by aiosmpplib."""
    if coding == 8:
        return content.decode("utf-16-be", "surrogatepass")
    return str(GSM7BitCodec().decode(content)[0])


def pdus(command: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments of the PDUs that a `send` comes to; cut by smpplib."""
    fields = dict(command["fields"])
    tlvs = [tlv(name, fields.pop(name)) for name in TAGS if name in fields]
    text, concat = command["text"] or "", command.get("concat")
    wanted = fields.get("data_coding", 0)
    parts, coding, esm_class = gsm.make_parts(text, wanted, concat == "udh8")
    fields["data_coding"] = int(coding)
    fields["esm_class"] = fields.get("esm_class", 0) | int(esm_class)
    if concat == "payload":
        payload = smpp34.Tlv(smpp34.TLV_MESSAGE_PAYLOAD, b"".join(parts))
        return [{**fields, "tlvs": [payload]}]
    if concat is None:
        assert len(parts) == 1
        return [{**fields, "short_message": parts[0], "tlvs": tlvs}]
    found = []
    for number in command.get("order") or range(1, len(parts) + 1):
        part = parts[number - 1]
        place = [0x1234, len(parts), number]
        if concat == "udh8":
            found.append({**fields, "short_message": part})
        elif concat == "sar":
            sars = [
                tlv(name, one)
                for name, one in zip(list(TAGS)[-3:], place, strict=True)
            ]
            found.append({**fields, "short_message": part, "tlvs": sars})
        else:
            header = b"\x06\x08\x04\x12\x34" + bytes(place[1:])
            udhi = {**fields, "esm_class": UDHI}
            found.append({**udhi, "short_message": header + part})
    return found


class Smsc(Peer):
    """smpp34's server."""

    name = "smpp34"

    def __init__(self, first_id: int, ids: str) -> None:
        super().__init__()
        self._number = first_id
        self._ids = ids
        self._refusals: dict[str, list[int]] = {}
        self._sessions: dict[str, smpp34.Esme] = {}
        self._server: smpp34.Server

    async def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server = smpp34.Server("127.0.0.1", self.port, system_id=self.name)
        await self._server.start()

    async def serve(self) -> None:
        while True:
            event = await self._server.next()
            if isinstance(event, smpp34.Esme):
                self._sessions[event.session_id] = event
                fields = {"system_id": event.system_id}
                command = "bind_transceiver"
                self.note(
                    {"event": "pdu", "command": command, "status": 0, "fields": fields}
                )
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._answer(event)
            else:
                self._sessions.pop(event.session_id, None)
                self.note({"event": "closed"})

    def _answer(self, event: smpp34.SubmitSmEvent) -> None:
        statuses = self._refusals.get(event.destination_addr)
        if statuses:
            status = statuses.pop(0)
            event.reject(status)
            self.note({**seen("submit_sm", event), "answer": status})
            return
        self._number += 1
        id_ = format(self._number, "x" if self._ids == "hex" else "d")
        event.accept(id_)
        self.note({**seen("submit_sm", event), "id": id_})

    async def tell(self, do: str, **arguments: Any) -> None:
        if do == "refuse":
            self._refusals[arguments["to"]] = list(arguments["statuses"])
            return
        esme = next(iter(self._sessions.values()))
        if do == "unbind":
            await esme.unbind()
            return
        assert do == "send"
        for pdu in pdus(arguments):
            answer = await esme.deliver_sm(**pdu)
            status = answer.command_status
            self.note(
                {
                    "event": "pdu",
                    "command": "deliver_sm_resp",
                    "status": status,
                    "fields": {},
                }
            )

    async def stop(self) -> None:
        await self._server.stop()


@contextlib.asynccontextmanager
async def smsc(first_id: int, ids: str) -> AsyncIterator[Smsc]:
    """Run the server on a free port."""
    peer = Smsc(first_id, ids)
    await peer.start()
    serving = asyncio.create_task(peer.serve())
    try:
        yield peer
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.wait_for(peer.stop(), PATIENCE)


class Esme(Peer):
    """smpp34's client."""

    name = "smpp34"

    def __init__(self, port: int) -> None:
        super().__init__()
        self._client = smpp34.Client("127.0.0.1", port, "smpp34", "secret")
        self._session: smpp34.Smsc

    async def start(self) -> None:
        self._session = await self._client.connect()

    async def serve(self) -> None:
        while True:
            event = await self._session.next()
            if isinstance(event, smpp34.Disconnected):
                self.note({"event": "closed"})
                return
            self.note(seen("deliver_sm", event))

    async def tell(self, do: str, **arguments: Any) -> None:
        if do == "unbind":
            await self._session.unbind()
            return
        assert do == "send"
        for pdu in pdus(arguments):
            answer = await self._session.submit_sm(**pdu)
            self.note(
                {
                    "event": "pdu",
                    "command": "submit_sm_resp",
                    "status": answer.command_status,
                    "fields": {"message_id": answer.message_id},
                }
            )

    async def stop(self) -> None:
        await self._client.stop()


@contextlib.asynccontextmanager
async def esme(port: int) -> AsyncIterator[Esme]:
    """Run the client, bound."""
    peer = Esme(port)
    await asyncio.wait_for(peer.start(), PATIENCE)
    serving = asyncio.create_task(peer.serve())
    try:
        yield peer
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.wait_for(peer.stop(), PATIENCE)
