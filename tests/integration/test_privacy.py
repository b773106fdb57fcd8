"""Nothing private is in the log of a daemon to which everything has happened."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fakes.smsc import FakeSmsc, SmscConnection
from fakes.wait import eventually
from integration.site import (
    SECRET,
    Site,
    a_bind,
    acknowledged,
    connector,
    mo,
    part_of_mo,
    receipt,
    submits,
)

from esmed import log
from esmed.gateway import Gateway
from pdu import CommandStatus, DeliverSm, RawPdu, SubmitSmResp, encode

NUMBER, PHONE = "380671234598", "447700900123"
TEXT, REPLY = "meet-me-at-the-bridge", "i-shall-be-there"
PASSWORD, TOKEN = "the-password-of-it", "the-token-of-it"
HOOK_PATH = "/a-path-that-is-a-secret"

PRIVATE = (NUMBER, PHONE, TEXT, REPLY, PASSWORD, TOKEN, SECRET, HOOK_PATH)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that the process logs at the lowest level."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = root.handlers, root.level, access.level
    stream = io.StringIO()
    log.configure("json", level="debug", stream=stream)
    yield stream
    root.handlers, root.level, access.level = before
    logging.captureWarnings(capture=False)


def found(text: str) -> list[str]:
    """What of the private things is in a text, as it is or as octets in hex."""
    text = text.lower()
    return [
        one
        for one in PRIVATE
        for shape in (one, one.encode().hex(), one.encode("utf-16-be").hex())
        if shape.lower() in text
    ]


def test_a_leak_would_be_found() -> None:
    assert found(f"x{NUMBER}x {TEXT.encode().hex()}") == [NUMBER, TEXT]


async def misuse(site: Site) -> None:
    """Ask for what cannot be, in every way."""
    headers = {"Authorization": f"Bearer {TOKEN}x"}
    status, _ = await site.ask("GET", f"/v1/messages?to={NUMBER}", headers=headers)
    assert status == 401
    status, _ = await site.ask("GET", f"/v1/messages/{NUMBER}")
    assert status == 404
    for body in (
        {"to": f"{NUMBER}x", "text": TEXT},
        {"to": NUMBER, "text": TEXT, "unknown": TEXT},
        {"to": NUMBER, "data": TEXT},
        {"to": NUMBER, "text": TEXT, "webhook_url": f"http://else{HOOK_PATH}"},
        [NUMBER, TEXT],
    ):
        assert (await site.ask("POST", "/v1/messages", body))[0] == 400
    where = urlsplit(site.url)
    for octets in (
        f"GET /{NUMBER} {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization Bearer {TOKEN}\r\n\r\n",
        f"POST / HTTP/1.1\r\nContent-Length: 99\r\nToken: {TOKEN}\r\n\r\n{TEXT}",
    ):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(octets.encode())
        writer.write_eof()
        await reader.read()
        writer.close()


def oddities(bind: SmscConnection) -> None:
    """What an SMSC should not send, with private things in it."""
    octets = f"{NUMBER}\0{TEXT}\0".encode()
    bind.send(
        RawPdu(command_id=0x00010203, sequence=901, body=octets),
        RawPdu(command_id=0x00000005, sequence=902, body=octets),
        RawPdu(command_id=0x80000004, sequence=903, body=octets),
        RawPdu(command_id=0x00000001, sequence=904, body=octets * 3),
        SubmitSmResp(sequence=905, message_id="905"),
    )


async def test_the_log_of_everything(
    site: Site,
    smsc: FakeSmsc,
    backup: FakeSmsc,
    written: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site.clients = [{"name": "ops", "token": TOKEN, "admin": True}]
    site.session.headers["Authorization"] = f"Bearer {TOKEN}"
    site.webhooks = {"url": site.hook.url(HOOK_PATH), "secret": SECRET}
    site.hook.behave(HOOK_PATH, 500, 500, 500, 200)
    backup.bind_status = CommandStatus.ESME_RINVPASWD
    keys = {"password": PASSWORD, "response_timeout": "300ms"}
    await site.start(carrier=connector(smsc, **keys), other=connector(backup, **keys))
    bind = await a_bind(smsc)
    operation = "/v1/connectors/carrier/operations/trace_pdus"
    await site.post(operation, {"seconds": 600})

    # Accepted, with a receipt; refused for good; never answered.
    id_ = await site.submit(to=NUMBER, text=TEXT)
    await site.reaches(id_, "submitted")
    receipt(bind, "m1", to=NUMBER)
    await site.reaches(id_, "delivered")
    smsc.answer = lambda pdu: SubmitSmResp(
        sequence=pdu.sequence, status=CommandStatus.ESME_RINVDSTADR
    )
    await site.reaches(await site.submit(to=NUMBER, text=TEXT), "rejected")
    smsc.answer = smsc.ignore
    id_ = await site.submit(to=NUMBER, text=TEXT, on_unknown="fail")
    await site.reaches(id_, "unknown")

    # From phones: whole, in part, and nothing that can be read.
    await acknowledged(
        smsc,
        mo(bind, REPLY, sender=PHONE),
        part_of_mo(bind, 7, 2, 1, REPLY, sender=PHONE),
    )
    receipt(bind, "nobody", to=NUMBER)
    oddities(bind)
    await misuse(site)

    # A bug of ours, with a number in its words.
    with monkeypatch.context() as broken:

        async def get(*_: object) -> None:
            raise ValueError(f"what is {NUMBER}?")

        broken.setattr(Gateway, "get", get)
        assert (await site.ask("GET", f"/v1/messages/{id_}"))[0] == 500

    # The end of the stream, in the middle of a text; and then it comes again.
    submitted = len(smsc.submitted)
    smsc.answer = smsc.accept
    bind.send_bytes(encode(DeliverSm(short_message=TEXT.encode()))[:-5])
    bind.send_bytes(b"\xff" * 64 + TEXT.encode())
    await site.submit(to=NUMBER, text=TEXT)
    await submits(smsc, submitted + 1)
    await site.hook.count(6)
    await eventually(lambda: "webhooks.back" in written.getvalue())
    await site.stop()

    events = [json.loads(line) for line in written.getvalue().splitlines()]
    told = {event["event"] for event in events}
    assert told >= {
        "api.failed",
        "api.unreadable",
        "link.bound",
        "link.failed",
        "link.refused",
        "pdu",
        "session.odd",
        "webhooks.resting",
        "webhooks.back",
    }
    commands = {event["command"] for event in events if event["event"] == "pdu"}
    assert commands >= {"submit_sm", "deliver_sm", "bind_transceiver", "0x00010203"}
    leaks = [(event["event"], found(json.dumps(event))) for event in events]
    assert [leak for leak in leaks if leak[1]] == []
