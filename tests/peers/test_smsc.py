"""The daemon against SMSCs of other people's making, over real sockets."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.ca import Authority
from peers.conftest import StartDaemon, StartSmsc
from peers.peer import Seen
from peers.texts import (
    CYRILLIC,
    EMOJI,
    EMOJIS,
    EURO,
    EUROS,
    GREEK,
    ONE,
    PARTS,
    PORTUGUESE,
    SPANISH,
    TURKISH,
)

TO = "380501234567"
ESME_RINVBNDSTS = 0x04
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


def numeric(part: Seen, ids: str = "hex") -> int:
    return int(part.id or "", 16 if ids == "hex" else 10)


class TestTexts:
    @ALL
    async def test_of_every_kind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """Hex in the response, decimal in the receipt; the last receipt first."""
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
            await smsc.receipt(part, str(numeric(part)))
        for whole in wholes:
            message = await daemon.final(ids[whole.to])
            assert (message["state"], message["text"]) == ("delivered", whole.text)
            attempts = [segment["attempts"] for segment in message["segments"]]
            assert [[each["smsc_id"] for each in one] for one in attempts] == [
                [part.id] for part in whole.parts
            ]
        answers = await smsc.count("deliver_sm_resp", len(smsc.accepted()))
        assert {answer.status for answer in answers} == {0}

    @pytest.mark.parametrize(
        ("name", "concatenation"),
        [
            ("node-smpp", "udh16"),
            ("node-smpp", "payload"),
            ("Net::SMPP", "udh16"),
            ("Net::SMPP", "sar"),
            ("smpp34", "sar"),
            ("smpp34", "payload"),
        ],
    )
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

    @ALL
    async def test_many_at_once(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name, ids="decimal")
        daemon = await start_daemon(smsc, window=20)
        messages = [{"to": f"3805000{n:05}", "text": f"No. {n}"} for n in range(100)]
        answer = await daemon.ask("POST", "/v1/messages/batch", {"messages": messages})
        assert answer["accepted"] == len(messages)
        wholes = await smsc.whole(len(messages))
        assert sorted((one.to, one.text) for one in wholes) == [
            (message["to"], message["text"]) for message in messages
        ]
        for part in smsc.accepted():
            await smsc.receipt(part, part.id or "")
        for one in answer["messages"]:
            assert (await daemon.final(one["id"]))["state"] == "delivered"

    @pytest.mark.parametrize("concatenation", ["udh8", "udh16", "sar"])
    @pytest.mark.parametrize(
        ("language", "text"), [("tr", TURKISH), ("es", SPANISH), ("pt", PORTUGUESE)]
    )
    async def test_national_languages_as_node_smpp_reads_them(
        self,
        language: str,
        text: str,
        concatenation: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        """It knows the tables of three."""
        smsc = await start_smsc("node-smpp")
        daemon = await start_daemon(
            smsc, national=[language], concatenation=concatenation
        )
        await daemon.submit(TO, text[:60])
        await daemon.submit(f"{TO}1", text)
        one, several = await smsc.whole(2)
        assert (one.text, len(one.parts)) == (text[:60], 1)
        assert (several.text, len(several.parts)) == (text, 2)
        assert {part.fields["data_coding"] for part in several.parts} == {0}

    async def test_the_validity_as_node_smpp_reads_it(
        self, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc("node-smpp")
        daemon = await start_daemon(smsc, validity_format="absolute")
        before = datetime.now(UTC).timestamp()
        await daemon.submit(TO, ONE, validity=3600)
        (part,) = await smsc.count("submit_sm", 1)
        until = datetime.fromisoformat(part.fields["validity_period"]).timestamp()
        assert before + 3598 <= until <= datetime.now(UTC).timestamp() + 3602

    async def test_gsm_03_38_that_says_it_is_ascii(
        self, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """node-smpp puts data_coding 1 on it unless told otherwise."""
        smsc = await start_smsc("node-smpp")
        daemon = await start_daemon(smsc, gsm7_data_coding=1)
        await daemon.submit(TO, EURO)
        (whole,) = await smsc.whole(1)
        assert (whole.text, whole.parts[0].fields["data_coding"]) == (EURO, 1)
        await smsc.send("deliver_sm", EURO, source_addr=TO, destination_addr="1234")
        (mo,) = await daemon.inbound(1)
        assert mo["text"] == EURO


class TestReceipts:
    @pytest.mark.parametrize(
        ("name", "written", "id_form"),
        [
            ("node-smpp", ("hex", "d"), "hex_in_response"),
            ("node-smpp", ("decimal", "020d"), "auto"),
            ("Net::SMPP", ("decimal", "X"), "auto"),
            ("Net::SMPP", ("decimal", "d"), "auto"),
            ("smpp34", ("decimal", "x"), "hex_in_receipt"),
            ("smpp34", ("decimal", "d"), "same"),
        ],
    )
    async def test_forms_of_the_id_and_ends(
        self,
        name: str,
        written: tuple[str, str],
        id_form: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        """In the response one way, in the receipt another."""
        ids, form = written
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
        told = [await daemon.submit(f"{TO}{n}", ONE) for n in range(len(stats))]
        await smsc.count("submit_sm", len(stats))
        for part in smsc.accepted():
            stat = list(stats)[int(part.to[-1])]
            await smsc.receipt(part, format(numeric(part, ids), form), stat)
        for id_, state in zip(told, stats.values(), strict=True):
            assert (await daemon.final(id_))["state"] == state

    @ALL
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

    @ALL
    async def test_of_parts_that_end_differently(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        message = await daemon.submit(TO, CYRILLIC, receipt="all")
        stats = {1: "DELIVRD", 2: "EXPIRED", 3: "DELIVRD"}
        for number, part in enumerate(await smsc.count("submit_sm", 3), 1):
            assert part.fields["registered_delivery"] == 0x11
            await smsc.receipt(part, str(numeric(part)), "ENROUTE")
            await smsc.count("deliver_sm_resp", number)
        assert (await daemon.message(message))["state"] == "buffered"
        for part in smsc.accepted():
            assert part.concat is not None
            stat = stats[part.concat[2]]
            await smsc.receipt(part, str(numeric(part)), stat, "027")
        final = await daemon.final(message)
        assert final["state"] == "expired"
        assert [segment["state"] for segment in final["segments"]] == [
            "delivered",
            "expired",
            "delivered",
        ]


@ALL
class TestMo:
    @pytest.mark.parametrize("concat", ["udh8", "udh16", "sar"])
    async def test_parts_in_any_order(
        self,
        name: str,
        concat: str,
        start_smsc: StartSmsc,
        start_daemon: StartDaemon,
    ):
        """The peers cut by octets or by units: through pairs and escapes too."""
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        await smsc.count("bind_transceiver", 1)
        sent = [
            (CYRILLIC, 8, "reversed"),
            (EMOJIS, 8, "rotated"),
            (EUROS + EUROS, 0, "reversed"),
        ]
        for number, (text, coding, order) in enumerate(sent):
            await smsc.send(
                "deliver_sm",
                text,
                concat=concat,
                order=order,
                data_coding=coding,
                source_addr=f"{TO}{number}",
                destination_addr="1234",
            )
        heard = await daemon.inbound(len(sent))
        assert {mo["from"]: mo["text"] for mo in heard} == {
            f"{TO}{number}": text for number, (text, *_) in enumerate(sent)
        }
        assert all(mo["complete"] and mo["parts"] >= 3 for mo in heard)
        assert {mo["to"] for mo in heard} == {"1234"}
        parts = sum(mo["parts"] for mo in heard)
        answers = await smsc.count("deliver_sm_resp", parts)
        assert [answer.status for answer in answers] == [0] * parts

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
        texts = {TO + "1": CYRILLIC[:130], TO + "2": CYRILLIC[20:150]}
        for phone, part in (("1", 2), ("2", 1), ("1", 1), ("2", 2)):
            await smsc.send(
                "deliver_sm",
                texts[TO + phone][65 * (part - 1) : 65 * part],
                data_coding=8,
                source_addr=TO + phone,
                destination_addr="1234",
                sar_msg_ref_num=77,
                sar_total_segments=2,
                sar_segment_seqnum=part,
            )
        heard = {mo["from"]: mo["text"] for mo in await daemon.inbound(2)}
        assert heard == texts


@SCRIPTS
async def test_data_sm(name: str, start_smsc: StartSmsc, start_daemon: StartDaemon):
    """Both an MO and a receipt may come in one."""
    smsc = await start_smsc(name)
    daemon = await start_daemon(smsc)
    message = await daemon.submit(TO, ONE)
    (part,) = await smsc.count("submit_sm", 1)
    to_us = {"source_addr": TO, "destination_addr": "Shop", "concat": "payload"}
    await smsc.send("data_sm", CYRILLIC, data_coding=8, **to_us)
    await smsc.send("data_sm", f"id:{part.id} stat:DELIVRD", esm_class=4, **to_us)
    (mo,) = await daemon.inbound(1)
    assert mo["text"] == CYRILLIC
    assert (await daemon.final(message))["state"] == "delivered"
    answers = await smsc.count("data_sm_resp", 2)
    assert [answer.status for answer in answers] == [0, 0]


async def test_what_no_smsc_should_ask(
    start_smsc: StartSmsc, start_daemon: StartDaemon
):
    """It is refused, or ignored where no answer is foreseen, and the link stays."""
    smsc = await start_smsc("node-smpp")
    daemon = await start_daemon(smsc)
    await smsc.count("bind_transceiver", 1)
    for command in ("alert_notification", "query_sm", "outbind", "cancel_sm"):
        await smsc.tell(command)
    await smsc.tell("enquire_link")
    await smsc.count("enquire_link_resp", 1)
    refused = [seen.command for seen in smsc.seen if seen.status == ESME_RINVBNDSTS]
    assert refused == ["query_sm_resp", "cancel_sm_resp"]
    assert (await daemon.connector())["state"] == "up"
    assert smsc.closed == 0


class TestSession:
    @ALL
    async def test_keep_alive_both_ways(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(
            smsc, enquire_link="100ms", enquire_link_timeout="30s"
        )
        await daemon.enquired(3)
        if name != "smpp34":
            await smsc.count("enquire_link", 3)
            for number in (1, 2):
                await smsc.tell("enquire_link")
                answers = await smsc.count("enquire_link_resp", number)
            assert [answer.status for answer in answers] == [0, 0]
        assert (await daemon.connector())["state"] == "up"
        assert len(smsc.of("bind_transceiver")) == 1

    @ALL
    async def test_they_unbind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """It is answered, and the daemon comes back."""
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc)
        before = await daemon.submit(TO, ONE)
        await daemon.submitted(before)
        await smsc.tell("unbind")
        if name != "smpp34":
            await smsc.count("unbind_resp", 1)
        await smsc.count("bind_transceiver", 2)
        await smsc.until(lambda: smsc.closed == 1)
        after = await daemon.submit(TO, EMOJI)
        await smsc.count("submit_sm", 2)
        # The first one's receipt comes over another session than its message went.
        for each in smsc.accepted():
            await smsc.receipt(each, str(numeric(each)))
        assert (await daemon.final(before))["state"] == "delivered"
        assert (await daemon.final(after))["state"] == "delivered"

    @SCRIPTS
    async def test_we_unbind_and_bind(
        self, name: str, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc(name)
        daemon = await start_daemon(smsc, system_type="SMPP")
        await daemon.until(lambda one: one["state"] == "up")
        await daemon.ask("POST", "/v1/connectors/carrier/rebind")
        await smsc.count("unbind", 1)
        for bind in await smsc.count("bind_transceiver", 2):
            wanted = {
                "system_id": "esmed",
                "password": "secret",
                "system_type": "SMPP",
                "interface_version": 0x34,
            }
            assert {key: bind.fields[key] for key in wanted} == wanted

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
            lambda one: (
                "ESME_RINVPASWD" in one["hosts"][0]["reason"] and one["state"] == "down"
            )
        )

    async def test_a_pair_and_a_further_transmitter(
        self, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        smsc = await start_smsc("node-smpp")
        daemon = await start_daemon(
            smsc, bind="pair", sessions=2, further_sessions="transmitter"
        )
        await daemon.until(lambda one: one["state"] == "up")
        assert len(smsc.of("bind_transmitter")) == 2
        assert len(smsc.of("bind_receiver")) == 1
        ids = [await daemon.submit(TO, text) for text in (ONE, CYRILLIC, EMOJI)]
        for whole in await smsc.whole(len(ids)):
            for part in whole.parts:
                await smsc.receipt(part, str(numeric(part)))
        for id_ in ids:
            assert (await daemon.final(id_))["state"] == "delivered"

    @pytest.mark.slow
    async def test_a_bind_that_is_still_there(
        self, start_smsc: StartSmsc, start_daemon: StartDaemon
    ):
        """ESME_RALYBND after a crash: tried again until the old session is gone."""
        smsc = await start_smsc("node-smpp", refuse_binds=[ESME_RALYBND, ESME_RALYBND])
        daemon = await start_daemon(smsc)
        await daemon.submit(TO, ONE)
        await smsc.count("submit_sm", 1)
        assert [bind.answer for bind in smsc.of("bind_transceiver")] == [5, 5, 0]

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
async def test_statuses(name: str, start_smsc: StartSmsc, start_daemon: StartDaemon):
    """Some pass, one is for good."""
    smsc = await start_smsc(name)
    refusals = {
        TO + "1": (ESME_RMSGQFUL, ESME_RMSGQFUL),
        TO + "2": (VENDOR,),
        TO + "3": (ESME_RTHROTTLED,),
        TO + "4": (ESME_RINVDSTADR,),
    }
    for to, statuses in refusals.items():
        await smsc.refuse(to, *statuses)
    daemon = await start_daemon(smsc)
    messages = {to: await daemon.submit(to, ONE) for to in refusals}
    await smsc.until(lambda: len(smsc.accepted()) == 3)
    for part in smsc.accepted():
        await smsc.receipt(part, part.id or "")
    ended = {to: await daemon.final(id_) for to, id_ in messages.items()}
    refused = ended.pop(TO + "4")
    assert {message["state"] for message in ended.values()} == {"delivered"}
    assert refused["state"] == "rejected"
    assert refused["error"]["class"] == "message"
    assert refused["error"]["code"] == ESME_RINVDSTADR
    for to, statuses in refusals.items():
        answers = [seen.answer for seen in smsc.of("submit_sm") if seen.to == to]
        assert answers == [*statuses, 0] or (to, answers) == (TO + "4", [*statuses])
