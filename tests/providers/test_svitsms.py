"""svitsms, held to its document (1.2): its samples, its codes and its statuses.

Q-SV-n are the document's quirks, in the order in which one meets them.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers import exchange

from esmed.bridge.base import (
    CallbackRequest,
    HttpCall,
    News,
    Outgoing,
    Provider,
    Reply,
)
from esmed.connector import Sent
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers.svitsms import Config, create
from esmed.secret import Secret

VECTORS = Path(__file__).parent / "vectors" / "svitsms"
NOW = 1_790_000_000_000
HOUR = 3_600_000
URL = "https://svitsms.example/api/api.php"
TO = "380501234567"


def config(**fields: Any) -> Config:
    usual: dict[str, Any] = {
        "base_urls": (URL,),
        "login": "380501234567",
        "password": Secret("pass:wörd"),
        "timezone": ZoneInfo("Europe/Kyiv"),
    }
    return Config(**{**usual, **fields})


def provider(**fields: Any) -> Provider:
    return create(config(**fields))


def outgoing(
    to: str = TO,
    text: str = "message text",
    *,
    hours: float = 4,
    sender: str = "SMS",
    **fields: Any,
) -> Outgoing:
    request = Request(to=to, text=text, from_=sender, **fields)
    expires = (request.send_at or NOW) + round(hours * HOUR)
    return Outgoing(id="0", request=request, sender=sender, expires_at=expires)


def sent(to: str = TO, campaign: str = "1234", text: str = "Hi") -> Sent:
    return Sent(request=Request(to=to, text=text), host=URL, smsc_id=f"{campaign}/{to}")


def vector(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def ok(body: bytes | str) -> Reply:
    octets = body.encode() if isinstance(body, str) else body
    return Reply(status=200, body=octets, node=URL)


def canonical(body: bytes) -> str:
    return ET.canonicalize(body.decode(), strip_text=True)


def state(code: str, text: str = "") -> Reply:
    return ok(
        '<?xml version="1.0" encoding="utf-8"?>\n<message>\n <state '
        f'code="{code}" date="2012-01-24 12:48:32">{text}</state>\n</message>'
    )


def attributes(call: object) -> dict[str, str]:
    assert isinstance(call, HttpCall)
    message = ET.fromstring(call.body).find("message")  # noqa: S314 - we wrote it
    assert message is not None
    return message.attrib


class TestConfig:
    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"login": "a:b"}, "login"),
            ({"description": "a\x01"}, "description"),
            ({"base_urls": ()}, "base_urls"),
        ],
    )
    def test_what_cannot_work(self, fields: dict[str, Any], path: str):
        assert [fault.path for fault in config(**fields).faults()] == [path]

    def test_what_can(self):
        assert list(config().faults()) == []


# --- requests ------------------------------------------------------------------------


class TestRequests:
    def test_to_one(self):
        messages = [outgoing(sender="ALFANAME")]
        call = provider(description="My first campaign ").build(messages, NOW)
        assert isinstance(call, HttpCall)
        assert canonical(call.body) == canonical(vector("send-one.xml"))
        assert call.body.startswith(b'<?xml version="1.0" encoding="utf-8"?>')

    def test_to_a_group(self):
        numbers = ("380501234567", "380991234567", "380671234567")
        messages = [outgoing(to, sender="ALFANAME") for to in numbers]
        call = provider(description="My first campaign").build(messages, NOW)
        assert isinstance(call, HttpCall)
        assert canonical(call.body) == canonical(vector("send-group.xml"))

    def test_individual_texts_recipient_first(self):  # Q-SV-6
        operators = ("50", "99", "63", "93", "67")
        messages = [
            outgoing(f"380{op}1234567", f"message text for 380{op}1234567")
            for op in operators
        ]
        made = provider(description="My first individual campaign")
        call = made.build(messages, NOW)
        assert isinstance(call, HttpCall)
        assert canonical(call.body) == canonical(vector("send-individual.xml"))

    def test_how_it_is_asked(self):
        call = provider().build([outgoing()], NOW)
        assert isinstance(call, HttpCall)
        assert (call.method, call.path) == ("POST", "")
        assert call.headers["Content-Type"] == call.headers["Accept"] == "text/xml"
        scheme, _, credentials = call.headers["Authorization"].partition(" ")
        assert scheme == "Basic"
        assert b64decode(credentials).decode() == "380501234567:pass:wörd"

    @pytest.mark.parametrize(
        ("hours", "lifetime"),
        [(0.01, "1"), (1, "1"), (1.01, "2"), (4, "4"), (23.5, "24"), (72, "24")],
    )
    def test_lifetime(self, hours: float, lifetime: str):
        call = provider().build([outgoing(hours=hours)], NOW)
        assert attributes(call)["lifetime"] == lifetime

    def test_nobody_lives_longer_than_asked_for(self):
        messages = [outgoing(hours=4), outgoing("380991234567", hours=3.9)]
        assert attributes(provider().build(messages, NOW))["lifetime"] == "4"
        messages = [outgoing(hours=4.1), outgoing("380991234567", hours=4)]
        assert attributes(provider().build(messages, NOW))["lifetime"] == "4"

    @pytest.mark.parametrize(
        ("at", "start"),
        [
            (NOW + 24 * HOUR, "2026-09-22 17:13:20"),  # summer: UTC+3
            (NOW + 100 * 24 * HOUR, "2026-12-30 16:13:20"),  # winter: UTC+2
            (NOW, "AUTO"),
            (NOW - HOUR, "AUTO"),
        ],
    )
    def test_start_time(self, at: int, start: str):
        call = provider().build([outgoing(send_at=at)], NOW)
        assert attributes(call)["start_time"] == start
        assert attributes(call)["end_time"] == "AUTO"

    def test_without_a_zone_what_is_scheduled_waits_here(self):
        made = provider(timezone=None)
        assert not made.traits.schedules
        assert provider().traits.schedules
        call = made.build([outgoing(send_at=NOW + HOUR)], NOW)
        assert attributes(call)["start_time"] == "AUTO"

    def test_rate(self):
        call = provider(campaign_rate=60).build([outgoing()], NOW)
        assert attributes(call)["rate"] == "60"

    @pytest.mark.parametrize("text", ["Ціна 5 € <b> & \"x\" 'y'", "👍🏽 ok", "a\nb\tc"])
    def test_texts(self, text: str):
        call = provider().build([outgoing(text=text)], NOW)
        assert isinstance(call, HttpCall)
        root = ET.fromstring(call.body)  # noqa: S314 - we wrote it
        assert root.findtext("message/body") == text

    def test_what_goes_together(self):
        made = provider()
        alike = outgoing("380991234567", "other", hours=4)
        assert made.group(outgoing()) == made.group(alike)
        for other in (
            outgoing(sender="Test"),
            outgoing(hours=9),
            outgoing(send_at=NOW + HOUR),
        ):
            assert made.group(other) != made.group(outgoing())

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"data": b"\x01", "text": None}, "data"),
            ({"flash": True}, "flash"),
            ({"tlvs": {"0x1400": 1}}, "tlvs"),
            ({"from_": None}, "from"),
            ({"from_": "A\x01"}, "from"),
        ],
    )
    def test_what_cannot_be_said(self, fields: dict[str, Any], code: str):
        request = Request(**{"to": TO, "text": "Hi", "from_": "SMS", **fields})
        fault = provider().refusal(request)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, code)

    def test_the_connectors_own_sender(self):
        request = Request(to=TO, text="Hi")
        assert provider(default_from="SMS").refusal(request) is None


# --- answers -------------------------------------------------------------------------


ACCEPTED = (
    "<message><state code='ACCEPT' campaignID='7'/>"
    "<to recipient='{to}' status='{status}'/></message>"
)


class TestAnswers:
    def test_of_the_document(self):
        numbers = ("380661234567", "380631234567", "380931234567")
        messages = [outgoing(to) for to in numbers]
        answer = provider().parse(messages, ok(vector("accepted.xml")), NOW)
        assert answer.outcomes == [Accepted(f"4124/{to}") for to in numbers]

    def test_one_of_several_is_refused_and_another_not_there(self):
        # Q-SV-5: other order, other numbers, a plus.
        numbers = ("380931234567", "380631234567", "380501111111")
        messages = [outgoing(to) for to in numbers]
        answer = provider().parse(messages, ok(vector("one-refused.xml")), NOW)
        refused, taken, missing = answer.outcomes
        assert isinstance(refused, Rejected)
        assert (refused.fault.cls, refused.fault.code) == (FaultClass.MESSAGE, "ERROR")
        assert taken == Accepted("4124/380631234567")
        assert isinstance(missing, Unknown)

    @pytest.mark.parametrize(
        ("code", "cls"),
        [
            ("XMLERROR", FaultClass.PROTOCOL),
            ("ERRPHONES", FaultClass.MESSAGE),
            ("ERRSTARTTIME", FaultClass.MESSAGE),
            ("ERRENDTIME", FaultClass.MESSAGE),
            ("ERRLIFETIME", FaultClass.PROTOCOL),
            ("ERRSPEED", FaultClass.PROTOCOL),
            ("ERRALFANAME", FaultClass.ACCOUNT),
            ("ERRTEXT", FaultClass.MESSAGE),
            ("INSUFFICIENTFUNDS", FaultClass.ACCOUNT),
            ("ALFANAMEERROR", FaultClass.MESSAGE),
            ("ERRNEW", FaultClass.PROTOCOL),  # Q-SV-7: codes outside of the list
        ],
    )
    def test_every_code(self, code: str, cls: FaultClass):
        answer = provider().parse([outgoing()], state(code), NOW)
        (outcome,) = answer.outcomes
        assert isinstance(outcome, Rejected)
        assert (outcome.fault.cls, outcome.fault.code) == (cls, code)
        assert not answer.singly

    @pytest.mark.parametrize("code", ["ERRPHONES", "ERRTEXT"])
    def test_what_is_wrong_with_one_of_several(self, code: str):
        messages = [outgoing(), outgoing("380991234567", "other")]
        answer = provider().parse(messages, state(code), NOW)
        assert answer.singly
        assert {type(outcome) for outcome in answer.outcomes} == {Deferred}

    def test_one_text_for_all_is_refused_at_once(self):
        messages = [outgoing(), outgoing("380991234567")]
        answer = provider().parse(messages, state("ERRTEXT"), NOW)
        assert not answer.singly
        assert {type(outcome) for outcome in answer.outcomes} == {Rejected}

    def test_forbidden_words_are_not_repeated(self):
        reply = ok(vector("stop-words.xml"))
        (outcome,) = provider().parse([outgoing()], reply, NOW).outcomes
        assert isinstance(outcome, Rejected)
        assert outcome.fault.detail == "the text has a forbidden word"
        assert "secret-word" not in repr(outcome)

    @pytest.mark.parametrize("status", [200, 400, 500])
    def test_the_body_counts_whatever_the_status(self, status: int):
        reply = msgspec.structs.replace(state("ERRTEXT"), status=status)
        (outcome,) = provider().parse([outgoing()], reply, NOW).outcomes
        assert isinstance(outcome, Rejected)

    @pytest.mark.parametrize(
        "body",
        [
            "<message><state code='ACCEPT'/></message>",
            "<message><state/></message>",
            "<message/>",
            "<answer><campaign/></answer>",
            ACCEPTED.format(to=TO, status="PERHAPS"),
            ACCEPTED.format(to="380999999999", status="ACCEPTED"),
        ],
    )
    def test_what_says_too_little_is_unknown(self, body: str):
        (outcome,) = provider().parse([outgoing()], ok(body), NOW).outcomes
        assert isinstance(outcome, Unknown)

    def test_to_one_the_campaign_is_enough(self):
        body = "<message><state code='ACCEPT' campaignID='7'/></message>"
        (outcome,) = provider().parse([outgoing()], ok(body), NOW).outcomes
        assert outcome == Accepted(f"7/{TO}")

    def test_any_quoting_and_order(self):  # Q-SV-10
        body = (
            "<message><to status='ACCEPTED' recipient = '+38 050 1234567'/>"
            "<state date='x' campaignID='7' code='ACCEPT'/></message>"
        )
        (outcome,) = provider().parse([outgoing()], ok(body), NOW).outcomes
        assert outcome == Accepted(f"7/{TO}")

    def test_wrong_credentials(self):
        reply = Reply(status=401, body=b"Unauthorized")
        (outcome,) = provider().parse([outgoing()], reply, NOW).outcomes
        assert isinstance(outcome, Rejected)
        assert outcome.fault.cls is FaultClass.ACCOUNT

    def test_in_another_charset(self):
        body = '<?xml version="1.0" encoding="windows-1251"?><message><state '
        body += 'code="ERRTEXT">Заборонено</state></message>'
        reply = ok(body.encode("windows-1251"))
        (outcome,) = provider().parse([outgoing()], reply, NOW).outcomes
        assert isinstance(outcome, Rejected)


class TestProbe:
    def test_the_balance_is_asked_for(self):
        call = provider().build_probe()
        assert isinstance(call, HttpCall)
        assert canonical(call.body) == canonical(vector("ask-balance.xml"))
        assert provider().parse_probe(ok(vector("balance.xml"))) is None

    def test_no_money(self):  # seen by another client
        fault = provider().parse_probe(state("INSUFFICIENTFUNDS"))
        assert fault is not None
        assert fault.cls is FaultClass.ACCOUNT

    @pytest.mark.parametrize("text", ["", "much", "NaN", "1e9", "1" * 30])
    def test_what_is_no_amount(self, text: str):
        reply = ok(f"<message><balance>{text}</balance></message>")
        assert provider().parse_probe(reply) is not None


# --- states --------------------------------------------------------------------------

FINAL = {
    "DELIVERED": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "ERROR": MessageState.UNDELIVERABLE,
    "STOPED": MessageState.REJECTED,
    "USERSTOPED": MessageState.DELETED,
    "ALFANAMELIMITED": MessageState.REJECTED,
}
OPEN = ("NEW", "STOPFLAG", "PENDING", "SENT", "FOO", "delivered", "")  # Q-SV-2, Q-SV-9


def detail(*rows: tuple[str, int, int, str], status: str = "INPROGRESS") -> Reply:
    shown = "".join(
        f'<message phone="{to}" part="{part}" parts="{parts}" status="{word}" '
        'startDateTime="2013-12-12 14:45:49" modifyDateTime="2013-12-12 14:45:59"/>'
        for to, part, parts, word in rows
    )
    return ok(
        f'<answer><campaign campaignID="1234" status="{status}">{shown}</campaign>'
        "</answer>"
    )


def asked(*messages: Sent, reply: Reply) -> list[Any]:
    return list(provider().parse_ask(messages, reply))


class TestAsking:
    def test_one_of_one_part(self):
        call = provider().build_ask([sent()])
        assert canonical(call.body) == canonical(vector("ask-status.xml"))
        (news,) = asked(sent(), reply=ok(vector("message-status.xml")))
        assert news == News(
            ids=(f"1234/{TO}",),
            state=MessageState.DELIVERED,
            stat="DELIVERED",
            done_at=1_327_564_772_000,  # 2012-01-26 09:59:32 in Kyiv
        )

    def test_several_or_of_several_parts(self):  # Q-SV-3
        for question in (
            [sent("380501230001", "3917349"), sent("380501230002", "3917349")],
            [sent("380501230001", "3917349", "x" * 161)],
        ):
            call = provider().build_ask(question)
            assert canonical(call.body) == canonical(vector("ask-detail.xml"))

    def test_what_can_never_be_one_part(self):
        call = provider().build_ask([sent("380501230001", "3917349", "ї" * 40_000)])
        assert canonical(call.body) == canonical(vector("ask-detail.xml"))

    @pytest.mark.parametrize("body", ["<message/>", "<answer/>", "<html/>"])
    def test_what_says_nothing(self, body: str):
        (fault,) = asked(sent(), reply=ok(body))
        assert isinstance(fault, Fault)

    def test_the_detail_of_the_document(self):
        numbers = ("380501230024", "380501230001", "380501230099")
        question = [sent(to, "3917349") for to in numbers]
        late, early, missing = asked(*question, reply=ok(vector("campaign-detail.xml")))
        assert (late.state, early.state) == ("delivered", "delivered")
        assert late.done_at - early.done_at == (18 * 3600 + 36 * 60 + 42) * 1000
        assert missing is None

    def test_only_one_campaign_in_a_question(self):
        made = provider()
        assert made.ask_group(sent()) == made.ask_group(sent("380991234567"))
        assert made.ask_group(sent()) != made.ask_group(sent(campaign="1235"))

    @pytest.mark.parametrize("word", FINAL)
    def test_final_states(self, word: str):
        row = (TO, 1, 1, word)
        (news,) = asked(sent(), reply=detail(row))
        assert (news.state, news.stat) == (FINAL[word], word)

    @pytest.mark.parametrize("word", OPEN)
    def test_those_on_the_way(self, word: str):
        assert asked(sent(), reply=detail((TO, 1, 1, word), status="COMPLETE")) == [
            None
        ]

    @pytest.mark.parametrize(
        ("first", "second", "state"),
        [
            ("DELIVERED", "DELIVERED", "delivered"),
            ("DELIVERED", "UNDELIV", "undeliverable"),
            ("UNDELIV", "STOPED", "rejected"),
            ("EXPIRED", "UNDELIV", "undeliverable"),
            ("USERSTOPED", "EXPIRED", "expired"),
            ("DELIVERED", "SENT", None),
            ("FOO", "UNDELIV", None),
        ],
    )
    def test_parts(self, first: str, second: str, state: str | None):
        for one, two in ((first, second), (second, first)):
            rows = (TO, 1, 2, one), (TO, 2, 2, two)
            (news,) = asked(sent(), reply=detail(*rows))
            assert (news and news.state) == state

    def test_a_part_is_missing(self):
        assert asked(sent(), reply=detail((TO, 1, 2, "DELIVERED"))) == [None]

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("SYSSTOPED", "rejected"),
            ("USERSTOPED", "deleted"),
            ("ERROR", "undeliverable"),
            ("PENDING", None),
            ("INPROGRESS", None),
            ("COMPLETE", None),
            ("OTHER", None),
        ],
    )
    def test_campaigns_that_are_stopped(self, status: str, state: str | None):
        rows = ((TO, 1, 1, "NEW"), ("380991234567", 1, 1, "SENT"))
        messages = [sent(), sent("380991234567"), sent("380671234567")]
        new, handed_over, absent = asked(*messages, reply=detail(*rows, status=status))
        assert (new and new.state) == state
        assert handed_over is None
        assert (absent and absent.state) == state

    def test_an_unknown_campaign_is_asked_for_again(self):
        (fault,) = asked(sent(), reply=state("XMLERROR", "not found"))
        assert isinstance(fault, Fault)
        assert fault.cls is FaultClass.TEMPORARY

    def test_without_a_zone_there_is_no_date(self):
        made = provider(timezone=None)
        (news,) = made.parse_ask([sent()], ok(vector("message-status.xml")))
        assert isinstance(news, News)
        assert news.done_at is None


def push(body: bytes, method: str = "POST") -> CallbackRequest:
    headers = {"content-type": "text/xml"}
    return CallbackRequest(method=method, query=b"", headers=headers, body=body)


class TestPushes:
    @pytest.mark.parametrize("name", ["status.xml", "status-straight.xml"])
    def test_the_sample(self, name: str):  # Q-SV-1
        pushed = provider().parse_push("status", push(vector(name)), NOW)
        assert pushed.items == [
            News(
                ids=("4125/380631234567",),
                state=MessageState.DELIVERED,
                stat="DELIVERED",
                done_at=1_327_494_693_000,
            )
        ]
        assert (pushed.reply.status, pushed.reply.body) == (200, b"")

    @pytest.mark.parametrize(
        ("left", "right"), [("“", "”"), ("„", "“"), ("«", "»"), ("”", "”")]
    )
    def test_other_quotes(self, left: str, right: str):  # Q-SV-1
        body = (
            "<status><state campaignID=“4125” recipient=“+38063” "
            'status="UNDELIV" date=“2012-01-25 14:31:33” /></status>'
        )
        body = body.translate({ord("“"): left, ord("”"): right})
        for octets in (body.encode(), body.encode("windows-1251")):
            (news,) = provider().parse_push("status", push(octets), NOW).items
            assert isinstance(news, News)
            assert (news.ids, news.state) == (("4125/38063",), "undeliverable")

    def test_broken_otherwise(self):
        body = (
            b'<status><state campaignID="4125" recipient="38063" status="EXPIRED" '
            b"date=2012-01-25 & more></status>"
        )
        (news,) = provider().parse_push("status", push(body), NOW).items
        assert isinstance(news, News)
        assert (news.ids, news.state) == (("4125/38063",), "expired")

    @pytest.mark.parametrize(
        "piece", [b"<state", b"a", b"= ", b'="', b"=\xe2\x80\x9d", b"<state a=b>"]
    )
    def test_a_long_one_takes_no_time(self, piece: bytes):
        body = b"<status><state " + piece * (2**20 // len(piece))
        assert not provider().parse_push("status", push(body), NOW).items

    def test_several_and_one_of_them_broken(self):
        body = (
            b'<status><state campaignID="1" recipient="38063" status="DELIVERED"/>'
            b'<state recipient="38064" status="DELIVERED"/>'
            b'<state campaignID="1" recipient="38065" status="EXPIRED"/></status>'
        )
        pushed = provider().parse_push("status", push(body), NOW)
        assert [item.ids for item in pushed.items if isinstance(item, News)] == [
            ("1/38063",),
            ("1/38065",),
        ]
        assert pushed.broken == 1

    @pytest.mark.parametrize("word", FINAL)
    def test_final_states(self, word: str):
        body = vector("status.xml").replace(b"DELIVERED", word.encode())
        (news,) = provider().parse_push("status", push(body), NOW).items
        assert isinstance(news, News)
        assert news.state == FINAL[word]

    @pytest.mark.parametrize("word", OPEN)
    def test_those_on_the_way_are_no_news(self, word: str):
        body = vector("status.xml").replace(b"DELIVERED", word.encode())
        pushed = provider().parse_push("status", push(body), NOW)
        assert (list(pushed.items), pushed.reply.status) == ([], 200)

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 200),
            (b" \r\n", 200),
            (b"<html>", 400),
            (b"<html></html>", 400),
            (b"x", 400),
        ],
    )
    def test_nothing_in_it(self, body: bytes, status: int):
        pushed = provider().parse_push("status", push(body, "GET"), NOW)
        assert (list(pushed.items), pushed.reply.status) == ([], status)
        assert pushed.broken == (status == 400)

    @given(st.binary(max_size=300))
    def test_octets(self, body: bytes):
        provider().parse_push("status", push(b"<status><state " + body), NOW)


# --- operations ----------------------------------------------------------------------


def run(name: str, reply: Reply, **arguments: Any) -> tuple[HttpCall, Any]:
    """The request that an operation makes, and what it comes to."""
    procedure = exchange.procedure_of(provider(), name)
    result, (call,) = exchange.run(procedure, arguments, [reply], NOW)
    assert isinstance(call, HttpCall)
    return call, result


class TestOperations:
    def test_there_are(self):
        assert [procedure.name for procedure in provider().procedures()] == [
            *("balance", "status", "campaign_info", "campaign_detail"),
            *("alfanames", "check_alfaname", "add_alfaname"),
        ]

    def test_balance(self):
        call, result = run("balance", ok(vector("balance.xml")))
        assert canonical(call.body) == canonical(vector("ask-balance.xml"))
        assert result == {"balance": "123.156"}

    def test_status(self):
        call, result = run(
            "status", ok(vector("message-status.xml")), campaign_id="1234", to=TO
        )
        assert canonical(call.body) == canonical(vector("ask-status.xml"))
        assert result == {
            "campaign_id": "1234",
            "to": TO,
            "status": "DELIVERED",
            "changed_at": "2012-01-26T07:59:32Z",
        }

    def test_campaign_info(self):
        reply = ok(vector("campaign-info.xml"))
        call, result = run("campaign_info", reply, campaign_id="3917349")
        assert canonical(call.body) == canonical(vector("ask-info.xml"))
        assert result["status"] == "COMPLETE"
        assert result["created_at"] == result["starts_at"] == "2013-12-11T22:00:00Z"
        assert result["messages"]["DELIVERED"] == 26
        assert len(result["messages"]) == 11

    def test_campaign_detail(self):
        reply = ok(vector("campaign-detail.xml"))
        call, result = run("campaign_detail", reply, campaign_id="3917349")
        assert canonical(call.body) == canonical(vector("ask-detail.xml"))
        assert len(result["messages"]) == 3
        assert result["messages"][0] == {
            "to": "380501230001",
            "part": 1,
            "parts": 1,
            "status": "DELIVERED",
            "sent_at": "2013-12-12T12:45:49Z",
            "changed_at": "2013-12-12T12:45:59Z",
        }

    def test_alfanames(self):
        call, result = run("alfanames", ok(vector("alfanames.xml")))
        assert canonical(call.body) == canonical(vector("ask-alfanames.xml"))
        assert result == {
            "alfanames": [
                {"alfaname": "Test", "status": "ACTIVE"},
                {"alfaname": "SMS", "status": "ACTIVE"},
                {"alfaname": "SMSka", "status": "MODERATE"},
            ]
        }

    def test_an_account_without_any(self):
        assert run("alfanames", ok("<message/>"))[1] == {"alfanames": []}

    @pytest.mark.parametrize("name", ["check_alfaname", "add_alfaname"])
    def test_one_alfaname(self, name: str):
        call, result = run(name, ok(vector("alfaname.xml")), alfaname="SMS")
        asked_for = vector(f"ask-{name.replace('_', '-')}.xml")
        assert canonical(call.body) == canonical(asked_for)
        assert result == {"alfanames": [{"alfaname": "SMS", "status": "MODERATE"}]}
        _, fault = run(name, ok(vector("alfaname-error.xml")), alfaname="SMS")
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, "ALFANAMEERROR")

    @pytest.mark.parametrize("body", ["<message/>", "<answer/>", "<html/>", "x"])
    def test_what_says_nothing(self, body: str):
        for name, arguments in (
            ("balance", {}),
            ("status", {"campaign_id": "1", "to": TO}),
            ("campaign_info", {"campaign_id": "1"}),
            ("campaign_detail", {"campaign_id": "1"}),
        ):
            assert isinstance(run(name, ok(body), **arguments)[1], Fault)

    def test_odd_values_stay_as_they_are(self):
        reply = ok(
            '<answer><campaign createDateTime="soon"><state status="NEW" '
            'messages="many"/></campaign></answer>'
        )
        _, result = run("campaign_info", reply, campaign_id="1")
        assert result["created_at"] == "soon"
        assert result["messages"] == {"NEW": "many"}
