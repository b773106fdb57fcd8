"""The wire as Wireshark's dissector sees it: every PDU between daemon and simulator.

Needs tshark, and leave to capture on loopback. Run with ``-m slow``.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest
from peers.daemon import daemon
from peers.peer import PATIENCE, eventually
from peers.texts import (
    CYRILLIC,
    EMOJI,
    EMOJIS,
    EURO,
    EUROS,
    ONE,
    PARTS,
    SPANISH,
    TURKISH,
)

from esmed.simulator import MoMessage, SmscOptions, SmscSimulator
from esmed.simulator.outcomes import STANDARD
from pdu import CommandId

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("tshark") and shutil.which("dumpcap")),
        reason="tshark is not installed",
    ),
]

TO = "3805012345"
UNBIND_RESP = "smpp.command_id == 0x80000006"


class Capture:
    """Packets of one port, in a file."""

    def __init__(self, file: Path, port: int) -> None:
        self._file = file
        self._port = port

    async def tshark(self, *arguments: str) -> bytes:
        """What tshark prints of it."""
        process = await asyncio.create_subprocess_exec(
            *("tshark", "-r", self._file, "-d", f"tcp.port=={self._port},smpp"),
            *("-o", "smpp.decode_sms_over_smpp:GSM 7-bit", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        return printed

    async def until(self, shown: str) -> None:
        """Wait until a packet is in it that passes this filter."""
        await eventually(lambda: self.tshark("-Y", shown))

    async def pdus(self) -> list[Tree.Element]:
        """The PDUs, each with its fields."""
        printed = await self.tshark("-T", "pdml", "-Y", "smpp")
        # It takes UCS-2 at its word: a surrogate pair is two characters.
        units = printed.decode("utf-8", "surrogatepass").encode(
            "utf-16", "surrogatepass"
        )
        found: list[Tree.Element] = []
        for packet in Tree.fromstring(units.decode("utf-16")):  # noqa: S314 - tshark's
            assert packet.find("proto[@name='_ws.malformed']") is None
            for proto in packet.iterfind("proto"):
                if proto.get("name") == "smpp":
                    found.append(proto)
                elif proto.get("name") == "gsm_sms_ud":
                    found[-1].append(proto)
        return found


@asynccontextmanager
async def capturing(folder: Path, port: int) -> AsyncIterator[Capture]:
    """Capture what goes to or from a port of loopback."""
    file = folder / "wire.pcapng"
    process = await asyncio.create_subprocess_exec(
        *("dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", file),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    told = b""
    try:
        while not told.startswith(b"File:"):
            told = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
            if not told:
                pytest.skip("no leave to capture on loopback")
        yield Capture(file, port)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def value(pdu: Tree.Element, name: str) -> str | None:
    found = pdu.find(f".//field[@name='{name}']")
    return None if found is None else found.get("show")


def text(pdu: Tree.Element) -> str:
    """What it says; some texts Wireshark leaves as they are."""
    shown = value(pdu, "smpp.message_text")
    if shown is not None:
        return shown
    for name in ("gsm_sms_ud.short_msg", "smpp.message", "smpp.message_payload"):
        octets = value(pdu, name)
        if octets is not None:
            return bytes.fromhex(octets.replace(":", "")).decode("utf-16-be")
    return ""


def texts(pdus: list[Tree.Element], command: CommandId) -> dict[str, str]:
    """Whole messages by the phone's number; without receipts."""
    phone = "destination" if command is CommandId.SUBMIT_SM else "source"
    parts: dict[str, dict[int, str]] = {}
    for pdu in pdus:
        if value(pdu, "smpp.command_id") != f"0x{command:08x}":
            continue
        if value(pdu, "smpp.receipted_message_id") is not None:
            continue
        number = value(pdu, "gsm_sms.udh.mm.msg_part")
        number = number or value(pdu, "smpp.sar_segment_seqnum") or "1"
        address = value(pdu, f"smpp.{phone}_addr") or ""
        parts.setdefault(address, {})[int(number)] = text(pdu)
    return {
        address: "".join(found[number] for number in sorted(found))
        for address, found in parts.items()
    }


@pytest.mark.parametrize("concatenation", ["udh8", "udh16", "sar"])
async def test_a_mixed_run(tmp_path: Path, concatenation: str):
    options = SmscOptions(enquire_link=0.1, outcomes=STANDARD)
    simulator = SmscSimulator(options)
    await simulator.start()
    sent = {f"{TO}{number}0": text for number, text in enumerate(PARTS)}
    ended = {f"{TO}01": "undeliverable", f"{TO}05": "rejected", f"{TO}07": "delivered"}
    mo = {f"{TO}{number}": text for number, text in enumerate([CYRILLIC, EUROS, EMOJI])}
    try:
        async with capturing(tmp_path, simulator.port) as capture:
            async with daemon(
                tmp_path,
                simulator.port,
                concatenation=concatenation,
                enquire_link="100ms",
            ) as esmed:
                messages = {
                    to: await esmed.submit(to, body)
                    for to, body in {**sent, **dict.fromkeys(ended, ONE)}.items()
                }
                for to, id_ in messages.items():
                    final = await esmed.final(id_)
                    assert final["state"] == ended.get(to, "delivered")
                for phone, body in mo.items():
                    order = (3, 1, 2) if len(body) > 70 else None
                    simulator.inject_mo(
                        MoMessage(
                            from_=phone,
                            text=body,
                            concat=concatenation,  # type: ignore[arg-type]
                            parts_order=order,
                        )
                    )
                await esmed.inbound(len(mo))
                await esmed.enquired(2)
            await capture.until(UNBIND_RESP)
            pdus = await capture.pdus()
    finally:
        await simulator.stop()
    # Warnings and errors of the dissector, whatever they are about.
    assert [
        pdu for pdu in pdus if pdu.find(".//*[@name='_ws.expert']") is not None
    ] == []
    assert texts(pdus, CommandId.SUBMIT_SM) == {**sent, **dict.fromkeys(ended, ONE)}
    assert texts(pdus, CommandId.DELIVER_SM) == mo
    counts = Counter(value(pdu, "smpp.command_id") for pdu in pdus)
    stats = simulator.stats
    delivered = stats.mo.sent + stats.receipts.sent
    assert counts[f"0x{CommandId.BIND_TRANSCEIVER:08x}"] == 1
    assert counts[f"0x{CommandId.SUBMIT_SM:08x}"] == stats.submits
    assert counts[f"0x{CommandId.DELIVER_SM:08x}"] == delivered
    assert counts[f"0x{CommandId.UNBIND:08x}"] == 1
    for command in (
        CommandId.BIND_TRANSCEIVER,
        CommandId.SUBMIT_SM,
        CommandId.DELIVER_SM,
        CommandId.ENQUIRE_LINK,
        CommandId.UNBIND,
    ):
        answers = counts[f"0x{command | 0x80000000:08x}"]
        # The end may cut off the answer to an enquire_link.
        assert answers == counts[f"0x{command:08x}"] or (
            command is CommandId.ENQUIRE_LINK and answers >= 2
        )
    statuses = Counter(value(pdu, "smpp.command_status") for pdu in pdus)
    assert set(statuses) - {None, "0x00000000"} == {"0x0000000b", "0x00000014"}
    (validity,) = {
        value(pdu, "smpp.validity_period_r")
        for pdu in pdus
        if value(pdu, "smpp.command_id") == f"0x{CommandId.SUBMIT_SM:08x}"
        and value(pdu, "smpp.destination_addr") == f"{TO}00"
    }
    assert validity is not None
    assert 86_390 <= float(validity) <= 86_400
    assert EURO in sent.values()
    assert EMOJIS in sent.values()


async def test_national_languages(tmp_path: Path):
    """Wireshark does not know the tables; it reads ı as what else has its septet."""
    simulator = SmscSimulator(SmscOptions())
    await simulator.start()
    try:
        async with capturing(tmp_path, simulator.port) as capture:
            async with daemon(tmp_path, simulator.port, national=["tr", "es"]) as esmed:
                for number, body in enumerate([TURKISH, SPANISH]):
                    await esmed.final(await esmed.submit(f"{TO}{number}", body))
            await capture.until(UNBIND_RESP)
            pdus = await capture.pdus()
    finally:
        await simulator.stop()
    assert not any(pdu.find(".//*[@name='_ws.expert']") is not None for pdu in pdus)
    assert [message.text for message in simulator.messages()] == [TURKISH, SPANISH]
    parts = [
        (
            value(pdu, "gsm_sms.dis_field_udh.user_data_header_length"),
            value(pdu, "gsm_sms.udh.mm.msg_parts"),
        )
        for pdu in pdus
        if value(pdu, "smpp.command_id") == f"0x{CommandId.SUBMIT_SM:08x}"
    ]
    assert parts == [("8", "2")] * 4
    first = texts(pdus, CommandId.SUBMIT_SM)[f"{TO}0"]
    assert len(first) == len(TURKISH)
    assert first.startswith("Yar\xecn saat")


@pytest.mark.parametrize(
    ("submit_with", "command"),
    [("submit_sm", CommandId.SUBMIT_SM), ("data_sm", CommandId.DATA_SM)],
)
async def test_what_smscs_want_otherwise(
    tmp_path: Path, submit_with: str, command: CommandId
):
    simulator = SmscSimulator(SmscOptions())
    await simulator.start()
    keys = {
        "submit_with": submit_with,
        "service_type": "CMT",
        "esm_class": 3,
        "destination_format": "plus",
        "source": {"alphanumeric": {"ton": 5, "npi": 8}},
        "ucs2_data_coding": 0x18,
        "validity_format": "absolute",
        "validity_max": "2h",
        "timezone": "+03:00",
        "tlvs": [{"tag": 0x1400, "name": "entity", "type": "int4", "value": 4711}],
        "deliver_response_id": "echo",
    }
    try:
        async with capturing(tmp_path, simulator.port) as capture:
            async with daemon(tmp_path, simulator.port, **keys) as esmed:
                for number, body in enumerate([ONE, CYRILLIC]):
                    id_ = await esmed.submit(f"{TO}{number}", body)
                    assert (await esmed.final(id_))["state"] == "delivered"
            await capture.until(UNBIND_RESP)
            pdus = await capture.pdus()
    finally:
        await simulator.stop()
    assert not any(pdu.find(".//*[@name='_ws.expert']") is not None for pdu in pdus)
    sent = [p for p in pdus if value(p, "smpp.command_id") == f"0x{command:08x}"]
    assert len(sent) >= 2
    for pdu in sent:
        assert value(pdu, "smpp.service_type") == "CMT"
        assert value(pdu, "smpp.source_addr_npi") == "0x08"
        assert (value(pdu, "smpp.destination_addr") or "").startswith(f"+{TO}")
        assert value(pdu, "smpp.esm.submit.msg_mode") == "0x03"
        assert value(pdu, "smpp.vendor_op") == "00:00:12:67"
    assert value(sent[-1], "smpp.data_coding") == "0x18"
