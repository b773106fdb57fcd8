"""The daemon against SMSCs of other people's making, over real sockets."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.ca import Authority
from peers.conftest import StartDaemon, StartSmsc
from peers.peer import Peer, Seen
from peers.texts import CYRILLIC, EMOJI, EMOJIS, EURO, EUROS, GREEK, ONE, PARTS

TO = "380501234567"
ESME_RALYBND = 0x05
ESME_RSYSERR = 0x08
ESME_RINVDSTADR = 0x0B
ESME_RINVPASWD = 0x0E
ESME_RMSGQFUL = 0x14
ESME_RTHROTTLED = 0x58
VENDOR = 0x4E7

ALL = pytest.mark.parametrize("name", ["node-smpp", "Net::SMPP", "smpp34"])
SCRIPTS = pytest.mark.parametrize("name", ["node-smpp", "Net::SMPP"])
"""smpp34's server shows no more of the protocol than messages."""


def hexadecimal(part: Seen) -> int:
    return int(part.id or "", 16)


@ALL
class TestTexts:
    async def test_of_every_kind_there_and_back(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """Hex in the response, decimal in the receipt; receipts from the last one on."""
        smsc = await start_smsc(name, ids="hex")
        daemon = await start_daemon(smsc)
        to = {f"{TO[:-2]}{number}": text for number, text in enumerate(PARTS, 10)}
        ids = {number: await daemon.submit(number, text) for number, text in to.items()}
        wholes = await smsc.whole(len(to))
        assert {whole.to: whole.text for whole in wholes} == to
        for whole in wholes:
            assert len(whole.parts) == PARTS[whole.text]
            fields = whole.parts[0].fields
            assert (fields["source_addr"], fields["source_addr_ton"]) == ("Shop", 5)
            assert (fields["dest_addr_ton"], fields["dest_addr_npi"]) == (1, 1)
            assert {part.fields["registered_delivery"] for part in whole.parts} == {1}
        for part in reversed(smsc.accepted()):
            await smsc.receipt(part, str(hexadecimal(part)))
        for whole in wholes:
            message = await daemon.final(ids[whole.to])
            assert (message["state"], message["text"]) == ("delivered", whole.text)
            attempts = [segment["attempts"] for segment in message["segments"]]
            assert [[each["smsc_id"] for each in one] for one in attempts] == [
                [part.id] for part in whole.parts
            ]
        answers = await smsc.count("deliver_sm_resp", len(smsc.accepted()))
        assert {answer.status for answer in answers} == {0}

    @pytest.mark.parametrize("concatenation", ["udh16", "sar", "payload"])
    async def test_parts_otherwise(
        self,
        name: str,
        concatenation: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc, concatenation=concatenation)
        texts = (CYRILLIC, EUROS, EMOJIS, ONE)
        for text in texts:
            await daemon.submit(TO, text)
        wholes = await smsc.whole(len(texts))
        assert sorted(whole.text for whole in wholes) == sorted(texts)
        most = 1 if concatenation == "payload" else 3
        assert max(len(whole.parts) for whole in wholes) == most

    async def test_many_at_once(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name, ids="decimal")
        daemon = await start_daemon(smsc, window=20)
        messages = [{"to": f"3805000{n:05}", "text": f"No. {n}"} for n in range(200)]
        answer = await daemon.ask(
            "POST", "/v1/messages/batch", {"messages": messages}
        )
        assert answer["accepted"] == 200
        wholes = await smsc.whole(200)
        assert sorted((one.to, one.text) for one in wholes) == [
            (message["to"], message["text"]) for message in messages
        ]
        for part in smsc.accepted():
            await smsc.receipt(part, part.id or "")
        for one in answer["messages"]:
            assert (await daemon.final(one["id"]))["state"] == "delivered"


@ALL
class TestReceipts:
    @pytest.mark.parametrize(
        ("ids", "form", "id_form"),
        [
            ("hex", "d", "hex_in_response"),
            ("decimal", "X", "auto"),
            ("decimal", "x", "hex_in_receipt"),
            ("decimal", "d", "auto"),
            ("decimal", "020d", "auto"),
            ("decimal", "d", "same"),
        ],
    )
    async def test_forms_of_the_id(
        self,
        name: str,
        ids: str,
        form: str,
        id_form: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        smsc = await start_smsc(name, ids=ids)
        daemon = await start_daemon(smsc, id_form=id_form)
        stats = {
            "DELIVRD": "delivered",
            "UNDELIV": "undeliverable",
            "EXPIRED": "expired",
            "REJECTD": "rejected",
            "DELETED": "deleted",
            "UNKNOWN": "unknown",
        }
        # Ids far enough from each other that another base makes none of another.
        told = [await daemon.submit(f"{TO}{n}", ONE) for n in range(len(stats))]
        await smsc.count("submit_sm", len(stats))
        for part in smsc.accepted():
            stat = list(stats)[int(part.to[-1])]
            number = int(part.id or "", 16 if ids == "hex" else 10)
            await smsc.receipt(part, format(number, form), stat)
        for id_, state in zip(told, stats.values(), strict=True):
            assert (await daemon.final(id_))["state"] == state

    async def test_in_optional_parameters_alone(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        message = await daemon.submit(TO, ONE)
        (part,) = await smsc.count("submit_sm", 1)
        await smsc.send(
            "deliver_sm",
            None,
            esm_class=4,
            source_addr=TO,
            destination_addr="Shop",
            receipted_message_id=part.id,
            message_state=5,
            network_error_code="03000b",
        )
        final = await daemon.final(message)
        assert final["state"] == "undeliverable"
        assert final["segments"][0]["error"]["code"] == "011"

    async def test_of_parts_that_end_differently(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        message = await daemon.submit(TO, CYRILLIC)
        parts = await smsc.count("submit_sm", 3)
        for part, stat in zip(parts, ("DELIVRD", "EXPIRED", "DELIVRD"), strict=True):
            await smsc.receipt(part, str(hexadecimal(part)), stat, "027")
        final = await daemon.final(message)
        states = [segment["state"] for segment in final["segments"]]
        by_part = dict(zip([part.concat for part in parts], states, strict=True))
        assert final["state"] == "expired"
        assert sorted(states) == ["delivered", "delivered", "expired"]
        assert by_part[parts[1].concat] == "expired"

    async def test_it_takes_as_long_as_it_takes(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        message = await daemon.submit(TO, ONE, receipt="all")
        (part,) = await smsc.count("submit_sm", 1)
        assert part.fields["registered_delivery"] == 0x11
        await smsc.receipt(part, part.id or "", "ENROUTE")
        await smsc.count("deliver_sm_resp", 1)
        assert (await daemon.message(message))["state"] == "buffered"
        await smsc.receipt(part, part.id or "")
        assert (await daemon.final(message))["state"] == "delivered"


@ALL
class TestMo:
    @pytest.mark.parametrize("concat", ["udh8", "udh16", "sar"])
    @pytest.mark.parametrize(
        ("text", "coding", "order"),
        [
            (CYRILLIC, 8, (3, 1, 2)),
            (EMOJIS, 8, (2, 3, 1)),
            (EUROS + EUROS, 0, (5, 4, 3, 2, 1)),
        ],
        ids=["cyrillic", "emoji", "euro"],
    )
    async def test_parts_in_any_order(
        self,
        name: str,
        text: str,
        coding: int,
        order: tuple[int, ...],
        concat: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        """The peers cut by octets or units: pairs and escapes too."""
        if name == "node-smpp":
            # A hundred characters a part.
            order = tuple(n for n in order if n <= -(-len(text) // 100) or coding)
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        await smsc.send(
            "deliver_sm",
            text,
            concat=concat,
            order=order,
            data_coding=coding,
            source_addr=TO,
            destination_addr="1234",
        )
        (mo,) = await daemon.inbound(1)
        assert (mo["text"], mo["parts"], mo["complete"]) == (text, len(order), True)
        assert (mo["from"], mo["to"]) == (TO, "1234")
        answers = await smsc.count("deliver_sm_resp", len(order))
        assert {answer.status for answer in answers} == {0}

    async def test_whole_ones(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        sent = [
            (ONE, 0, None),
            (EURO, 0, None),
            (EMOJI, 8, None),
            (GREEK[:24], 0, None),
            ("Ünïcödé", 3, None),
            (CYRILLIC, 8, "payload"),
        ]
        for number, (text, coding, concat) in enumerate(sent):
            await smsc.send(
                "deliver_sm",
                text,
                concat=concat,
                data_coding=coding,
                source_addr=f"{TO}{number}",
                destination_addr="1234",
            )
        heard = {mo["from"]: mo["text"] for mo in await daemon.inbound(len(sent))}
        assert heard == {f"{TO}{n}": text for n, (text, _, _) in enumerate(sent)}

    async def test_of_two_phones_at_once(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """Parts of one come between parts of the other, with the same reference."""
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        first, second = CYRILLIC[:130], CYRILLIC[20:150]
        halves = [(first, 2, "1"), (second, 1, "2"), (first, 1, "1"), (second, 2, "2")]
        for text, part, phone in halves:
            await smsc.send(
                "deliver_sm",
                None,
                esm_class=0,
                data_coding=8,
                source_addr=TO + phone,
                destination_addr="1234",
                **_sar(text, part),
            )
        heard = {mo["from"]: mo["text"] for mo in await daemon.inbound(2)}
        assert heard == {TO + "1": first, TO + "2": second}


def _sar(text: str, part: int) -> dict[str, object]:
    half = 65
    return {
        "text": text[(part - 1) * half : part * half],
        "sar_msg_ref_num": 77,
        "sar_total_segments": 2,
        "sar_segment_seqnum": part,
    }


class TestSession:
    @SCRIPTS
    async def test_the_bind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc, system_type="SMPP")
        (bind,) = await smsc.count("bind_transceiver", 1)
        wanted = {
            "system_id": "esmed",
            "password": "secret",
            "system_type": "SMPP",
            "interface_version": 0x34,
        }
        assert {key: bind.fields[key] for key in wanted} == wanted
        await daemon.until(lambda one: one["hosts"][0]["state"] == "bound")

    @ALL
    async def test_keep_alive_of_ours(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(
            smsc, enquire_link="100ms", enquire_link_timeout="30s"
        )
        async with asyncio.timeout(60):
            while await daemon.pdus("in", "enquire_link_resp") < 3:
                await asyncio.sleep(0.05)
        if name != "smpp34":
            await smsc.count("enquire_link", 3)
        assert (await daemon.connector())["state"] == "up"

    @SCRIPTS
    async def test_keep_alive_of_theirs(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        for number in (1, 2, 3):
            await smsc.tell("enquire_link")
            answers = await smsc.count("enquire_link_resp", number)
        assert [answer.status for answer in answers] == [0, 0, 0]

    @ALL
    async def test_they_unbind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """It is answered, and the daemon comes back."""
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        before = await daemon.submit(TO, ONE)
        (part,) = await smsc.count("submit_sm", 1)
        await smsc.tell("unbind")
        if name != "smpp34":
            await smsc.count("unbind_resp", 1)
        await smsc.count("bind_transceiver", 2)
        await smsc.until(lambda: smsc.closed == 1)
        after = await daemon.submit(TO, EMOJI)
        await smsc.count("submit_sm", 2)
        # A receipt over another session than its message's.
        for each in smsc.accepted():
            await smsc.receipt(each, str(hexadecimal(each)))
        assert (await daemon.final(before))["state"] == "delivered"
        assert (await daemon.final(after))["state"] == "delivered"
        assert smsc.accepted()[0] == part

    @SCRIPTS
    async def test_we_unbind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        await daemon.until(lambda one: one["state"] == "up")
        await daemon.ask("POST", "/v1/connectors/carrier/rebind")
        await smsc.count("unbind", 1)
        await smsc.count("bind_transceiver", 2)

    @SCRIPTS
    async def test_a_bind_that_is_refused(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(
            name, refuse_binds=[ESME_RSYSERR, ESME_RSYSERR, ESME_RINVPASWD]
        )
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 3)
        await daemon.until(
            lambda one: "ESME_RINVPASWD" in one["hosts"][0]["reason"]
            and one["state"] == "down"
        )

    async def test_over_tls(
        self, tmp_path: Path, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        authority = Authority(tmp_path)
        issued = authority.issue("smsc", "IP:127.0.0.1")
        smsc = await start_smsc(
            "node-smpp", certificate=str(issued.certificate), key=str(issued.key)
        )
        tls = {"tls": {"ca": str(authority.certificate)}}
        daemon = await start_daemon(smsc, host=tls)
        message = await daemon.submit(TO, CYRILLIC)
        (whole,) = await smsc.whole(1)
        assert whole.text == CYRILLIC
        for part in whole.parts:
            await smsc.receipt(part, part.id or "")
        assert (await daemon.final(message))["state"] == "delivered"


@ALL
class TestStatuses:
    @pytest.mark.parametrize("status", [ESME_RMSGQFUL, ESME_RTHROTTLED, VENDOR])
    async def test_for_the_time_being(
        self, name: str, status: int, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        await smsc.refuse(TO, status, status)
        daemon = await start_daemon(smsc)
        message = await daemon.submit(TO, ONE)
        await smsc.until(lambda: smsc.accepted())
        (part,) = smsc.accepted()
        assert [seen.answer for seen in smsc.of("submit_sm")] == [status, status, 0]
        await smsc.receipt(part, part.id or "")
        assert (await daemon.final(message))["state"] == "delivered"

    async def test_for_good(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        await smsc.refuse(TO, ESME_RINVDSTADR)
        daemon = await start_daemon(smsc)
        refused = await daemon.final(await daemon.submit(TO, ONE))
        assert refused["state"] == "rejected"
        assert refused["error"]["class"] == "message"
        assert refused["error"]["code"] == ESME_RINVDSTADR
        assert len(smsc.of("submit_sm")) == 1


async def test_a_bind_that_is_still_there(
    start_smsc: StartSmsc, start_daemon: StartDaemon
):
    """ESME_RALYBND after a crash: tried again until the old session is gone."""
    smsc = await start_smsc("node-smpp", refuse_binds=[ESME_RALYBND, ESME_RALYBND])
    daemon = await start_daemon(smsc)
    message = await daemon.submit(TO, ONE)
    await smsc.count("submit_sm", 1)
    assert [bind.answer for bind in smsc.of("bind_transceiver")] == [5, 5, 0]
    assert not (await daemon.message(message))["final"]


async def test_the_validity_as_node_smpp_reads_it(
    start_smsc: StartSmsc, start_daemon: StartDaemon
):
    smsc = await start_smsc("node-smpp")
    daemon = await start_daemon(smsc, validity_format="absolute")
    before = datetime.now(UTC).timestamp()
    await daemon.submit(TO, ONE, validity=3600)
    (part,) = await smsc.count("submit_sm", 1)
    until = datetime.fromisoformat(part.fields["validity_period"]).timestamp()
    assert before + 3598 <= until <= datetime.now(UTC).timestamp() + 3602


class TestWhatIsOdd:
    async def test_gsm_text_that_says_it_is_ascii(
        self, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """node-smpp puts data_coding 1 on GSM 03.38 unless told otherwise."""
        smsc = await start_smsc("node-smpp")
        daemon = await start_daemon(smsc, gsm7_data_coding=1)
        await daemon.submit(TO, EURO)
        (whole,) = await smsc.whole(1)
        assert (whole.text, whole.parts[0].fields["data_coding"]) == (EURO, 1)
        await smsc.send(
            "deliver_sm", EURO, source_addr=TO, destination_addr="1234"
        )
        (mo,) = await daemon.inbound(1)
        assert mo["text"] == EURO


def test_the_peers_are_found_out_about():
    """A name in the lists above that nobody knows would skip nothing and test less."""
    assert Peer.__subclasses__()
