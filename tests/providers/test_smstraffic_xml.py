"""`kind: smstraffic-xml` against technical description 2.3, "HTTP API v1 (XML)".

Bodies are those of the description: see `vectors/smstraffic-xml`. Names such as Q-ST-11
are those of the project's list of its oddities.
"""

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from providers import exchange
from providers.examples import configured
from providers.exchange import answer

from esmed.bridge.base import (
    AutoReply,
    CallbackRequest,
    HttpCall,
    Mo,
    News,
    Outgoing,
    Pushed,
    Reply,
)
from esmed.bridge.config import HttpProviderConfig
from esmed.config import loads
from esmed.connector import Sent
from esmed.errors import ConfigError
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
from esmed.providers._smstraffic import API_ERRORS
from esmed.providers.smstraffic_xml import Config, SmsTrafficXml, create
from esmed.providers.smstraffic_xml.config import ShortReply
from esmed.secret import Secret, Surroundings

VECTORS = Path(__file__).parent / "vectors" / "smstraffic-xml"
DOCUMENT = (
    Path(__file__).parents[2] / "docs" / "connectors" / "smstraffic-xml.md"
).read_text(encoding="utf-8")
NOW = 1_589_033_499_000
"""2020-05-09 14:11:39 UTC."""
DAY = 86_400_000

CONFIG = Config(
    base_urls=("https://api.smstraffic.example",),
    login="mylogin",
    password=Secret("mypassword"),
    callback_secret=Secret("path-secret"),
)


@pytest.fixture
def provider() -> SmsTrafficXml:
    return SmsTrafficXml(CONFIG)


def outgoing(
    ident: str = "a",
    to: str = "79051112233",
    text: str = "test тест",
    sender: str | None = None,
    **more: Any,
) -> Outgoing:
    request = Request(to=to, text=text, **more)
    return Outgoing(id=ident, request=request, sender=sender, expires_at=NOW + DAY)


A = outgoing("a", "79051112233", "long message")
B = outgoing("b", "79261112233", "hello test")


def vector(name: str) -> Reply:
    return answer((VECTORS / name).read_bytes())


def error(code: int | str, description: str = "") -> Reply:
    return answer(
        "<?xml version='1.0' ?><reply><result>ERROR</result>"
        f"<code>{code}</code><description>{description}</description></reply>"
    )


def form(call: HttpCall) -> dict[str, str]:
    pairs = parse_qsl(
        call.body.decode("ascii"), keep_blank_values=True, strict_parsing=True
    )
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def sent(sms_id: str) -> Sent:
    request = Request(to="79051112233", text="x")
    return Sent(request=request, host="https://api.smstraffic.example", smsc_id=sms_id)


def push(body: bytes = b"", query: bytes = b"", **headers: str) -> CallbackRequest:
    content = {"content-type": "application/x-www-form-urlencoded"}
    return CallbackRequest(
        method="POST" if body else "GET",
        query=query,
        headers=content | headers,
        body=body,
    )


class TestConfiguration:
    def test_the_example(self) -> None:
        config = configured("smstraffic-xml")
        assert isinstance(config, Config)
        assert config.nodes == (
            "https://api.smstraffic.example",
            "https://api2.smstraffic.example",
        )
        assert config.short_reply is not None
        assert config.short_reply.text == "Thank you"
        assert isinstance(create(config), SmsTrafficXml)

    @pytest.mark.parametrize(
        ("changes", "path", "message"),
        [
            ("short_reply: {timeout: 3s}", "short_reply", "url or text is needed"),
            (
                "short_reply: {text: hello}",
                "short_reply",
                "the short number calls back: callback_secret is needed",
            ),
            (
                "{callback_secret: s, short_reply: {text: a, charset: koi8-r}}",
                "short_reply.charset",
                'expected one of utf-8, windows-1251, got "koi8-r"',
            ),
            ("base_urls: []", "base_urls", "at least one URL is needed"),
        ],
    )
    def test_faults(self, changes: str, path: str, message: str) -> None:
        section = {
            "kind": "smstraffic-xml",
            "base_urls": ["https://api.smstraffic.example"],
            "login": "mylogin",
            "password": "mypassword",
        } | yaml.safe_load(changes)
        text = yaml.safe_dump({"connectors": {"st": section}})
        with pytest.raises(ConfigError) as caught:
            loads(text, Surroundings(environ={}, directory=VECTORS))
        found = {fault.path: fault.message for fault in caught.value.faults}
        assert found[f"connectors.st.{path}"] == message

    def test_no_secret_is_shown(self, provider: SmsTrafficXml) -> None:
        assert "mypassword" not in repr(CONFIG)
        assert "mypassword" not in repr(provider.build([A], NOW))

    def test_every_key_of_its_own_is_documented(self) -> None:
        told = re.findall(r"(?m)^\| `([a-z_.]+)` (?:\|[^|]+){3}\|$", DOCUMENT)
        common = {field.name for field in fields(HttpProviderConfig)}
        own = {field.name for field in fields(Config)} - common
        own |= {f"short_reply.{field.name}" for field in fields(ShortReply)}
        assert set(told) == own | {"base_urls"}

    def test_every_operation_is_documented(self, provider: SmsTrafficXml) -> None:
        _, _, section = DOCUMENT.partition("## Operations")
        rows = re.findall(r"(?m)^\| (`[^|]*)\|", section.partition("\n## ")[0])
        told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
        assert told == {one.name for one in provider.procedures()}


class TestRequest:
    """2B.1: what is sent to multi.php."""

    def test_one_message(self, provider: SmsTrafficXml) -> None:
        call = provider.build([outgoing()], NOW)
        assert (call.method, call.path) == ("POST", "/multi.php")
        assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert form(call) == {
            "login": "mylogin",
            "password": "mypassword",
            "rus": "5",  # Q-ST-20: the default would transliterate
            "want_sms_ids": "1",
            "timeout": "86400",
            "phones": "79051112233",
            "message": "test тест",
        }

    def test_texts_are_utf_8(self, provider: SmsTrafficXml) -> None:
        body = provider.build([outgoing(text="test тест € 😀")], NOW).body
        assert b"message=test+%D1%82%D0%B5%D1%81%D1%82+%E2%82%AC+%F0%9F%98%80" in body

    def test_several_messages(self, provider: SmsTrafficXml) -> None:
        fields = form(provider.build([A, B], NOW))
        assert "message" not in fields
        assert fields["individual_messages"] == "1"
        assert fields["with_push_id"] == "1"
        assert fields["want_sms_ids"] == "1"
        assert fields["phones"].split(fields["delimiter"]) == [
            "a:79051112233 long message",
            "b:79261112233 hello test",
        ]

    def test_no_part_is_ever_cut_off(self, provider: SmsTrafficXml) -> None:
        """Q-ST-20: max_parts would."""
        fields = form(provider.build([outgoing(max_parts=2)], NOW))
        assert "max_parts" not in fields

    def test_the_sender(self, provider: SmsTrafficXml) -> None:
        assert "originator" not in form(provider.build([A], NOW))
        named = outgoing(sender="SMS.Traffic")
        assert form(provider.build([named], NOW))["originator"] == "SMS.Traffic"

    def test_flash(self, provider: SmsTrafficXml) -> None:
        assert form(provider.build([outgoing(flash=True)], NOW))["flash"] == "1"

    @pytest.mark.parametrize(
        ("left", "timeout"),
        [(1, "1"), (600_000, "600"), (DAY, "86400"), (3 * DAY, "86400")],
    )
    def test_the_lifetime(
        self, provider: SmsTrafficXml, left: int, timeout: str
    ) -> None:
        message = msgspec.structs.replace(A, expires_at=NOW + left)
        assert form(provider.build([message], NOW))["timeout"] == timeout

    def test_it_is_the_same_each_time(self, provider: SmsTrafficXml) -> None:
        assert provider.build([A, B], NOW) == provider.build([A, B], NOW)

    @given(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)
            | st.text("Z01 \r\n:", min_size=1),
            min_size=2,
            max_size=10,
        )
    )
    def test_any_texts_can_share_a_request(self, texts: list[str]) -> None:
        """Q-ST-24, and a delimiter that stands in a text."""
        messages = [
            outgoing(f"id-{index}", f"7905111{index:04d}", text)
            for index, text in enumerate(texts)
        ]
        fields = form(SmsTrafficXml(CONFIG).build(messages, NOW))
        assert fields["phones"].split(fields["delimiter"]) == [
            f"{one.id}:{one.to} {one.request.text}" for one in messages
        ]

    def test_a_delimiter_that_no_text_has(self, provider: SmsTrafficXml) -> None:
        texts = ("Z0Z", "Z1Z in it", "ends with Z2", "Z")
        messages = [
            outgoing(f"id-{place}", f"7905111223{place}", text)
            for place, text in enumerate(texts)
        ]
        fields = form(provider.build(messages, NOW))
        assert fields["delimiter"] not in {"Z0Z", "Z1Z"}
        entries = fields["phones"].split(fields["delimiter"])
        assert [entry.partition(" ")[2] for entry in entries] == list(texts)

    def test_what_shares_a_request(self, provider: SmsTrafficXml) -> None:
        assert provider.group(A) == provider.group(B)
        hour_later = msgspec.structs.replace(B, expires_at=B.expires_at + 3_600_000)
        for other in (
            outgoing(sender="Other"),
            outgoing(flash=True),
            outgoing(validity=600),
            outgoing(text="x" * 4021),
            hour_later,
        ):
            assert provider.group(other) != provider.group(A)

    def test_a_request_has_no_more_than_6000_short_messages(
        self, provider: SmsTrafficXml
    ) -> None:
        """More get no ids. Of 4020 UTF-16 units are made 60 short messages."""
        fits = outgoing("a", text="ы" * 4020), outgoing("b", text="ы" * 4020)
        assert provider.group(fits[0]) == provider.group(fits[1])
        assert provider.traits.batch * 60 <= 6000
        longer = outgoing("a", text="😀" * 2011), outgoing("b", text="😀" * 2011)
        assert provider.group(longer[0]) != provider.group(longer[1])


class TestRefusal:
    @pytest.mark.parametrize(
        ("field", "request_"),
        [
            ("data", Request(to="79051112233", data=b"\x01")),
            ("text", Request(to="79051112233", text="")),
            ("encoding", Request(to="79051112233", text="x", encoding="latin1")),
            ("flash", Request(to="79051112233", text="x" * 161, flash=True)),
            ("flash", Request(to="79051112233", text="ы" * 71, flash=True)),
        ],
    )
    def test_what_cannot_be_expressed(
        self, provider: SmsTrafficXml, field: str, request_: Request
    ) -> None:
        fault = provider.refusal(request_)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)

    @pytest.mark.parametrize(
        "request_",
        [
            Request(to="79051112233", text="x" * 160, flash=True),
            Request(to="79051112233", text="ы" * 17_085),
            Request(to="79051112233", text="two\r\nlines", encoding="gsm7"),
        ],
    )
    def test_what_can(self, provider: SmsTrafficXml, request_: Request) -> None:
        assert provider.refusal(request_) is None


class TestAnswer:
    """2B.1: what multi.php says of messages."""

    def test_two_messages_by_their_numbers(self, provider: SmsTrafficXml) -> None:
        found = provider.parse([B, A], vector("accepted.xml"), NOW)
        assert found.outcomes == [Accepted("1000472892"), Accepted("1000472891")]

    def test_push_ids_and_several_parts(self, provider: SmsTrafficXml) -> None:
        found = provider.parse([A, B], vector("accepted-push-ids.xml"), NOW)
        assert found.outcomes == [
            Accepted("8287366071", ("8287366073",)),
            Accepted("8287366075"),
        ]

    def test_the_number_may_come_back_in_another_form(
        self, provider: SmsTrafficXml
    ) -> None:
        """Direct numbers of Moscow do."""
        moscow = outgoing("a", "74951234567")
        body = b"<phone>79051112233</phone>", b"<phone>79851234567</phone>"
        reply = answer(vector("accepted-push-ids.xml").body.replace(*body))
        found = provider.parse([moscow, B], reply, NOW)
        assert found.outcomes[0] == Accepted("8287366071", ("8287366073",))
        alone = "<message_info><phone>79851234567</phone><sms_id>5</sms_id>"
        reply = answer(f"<reply><result>OK</result>{alone}</message_info></reply>")
        assert provider.parse([moscow], reply, NOW).outcomes == [Accepted("5")]

    def test_ids_that_are_missing_altogether(self, provider: SmsTrafficXml) -> None:
        found = provider.parse([A], vector("accepted-without-ids.xml"), NOW)
        assert found.outcomes == [Accepted("")]

    def test_one_message_that_is_missing(self, provider: SmsTrafficXml) -> None:
        third = outgoing("c", "79161112233")
        reply = vector("accepted-push-ids.xml")
        found = provider.parse([third, A, B], reply, NOW)
        assert found.outcomes[0] == Unknown("the provider says nothing of it")
        assert found.outcomes[2] == Accepted("8287366075")

    def test_what_is_no_message(self, provider: SmsTrafficXml) -> None:
        body = vector("accepted.xml").body
        stranger = body.replace(b"79261112233", b"79990000000")
        found = provider.parse([A, B], answer(stranger), NOW)
        assert found.outcomes[0] == Accepted("1000472891")
        assert isinstance(found.outcomes[1], Unknown)
        no_id = body.replace(b"<sms_id>1000472892</sms_id>", b"")
        found = provider.parse([A, B], answer(no_id), NOW)
        assert isinstance(found.outcomes[1], Unknown)

    def test_an_empty_code_beside_ok(self, provider: SmsTrafficXml) -> None:
        """Manual 1.85."""
        reply = answer(
            vector("accepted.xml").body.replace(b"<code>0</code>", b"<code></code>")
        )
        found = provider.parse([A, B], reply, NOW)
        assert found.outcomes == [Accepted("1000472891"), Accepted("1000472892")]

    def test_the_platform_of_belarus(self, provider: SmsTrafficXml) -> None:
        reply = answer(
            "<reply><result>OK</result><code>0</code><description>success</description>"
            "<message_infos><message_info><phone>375292134567</phone>"
            "<id>17071462711893140571707146271189314057</id>"
            "</message_info></message_infos></reply>"
        )
        message = outgoing("a", "375292134567")
        assert provider.parse([message], reply, NOW).outcomes == [
            Accepted("17071462711893140571707146271189314057")
        ]

    @pytest.mark.parametrize("code", sorted(API_ERRORS))
    def test_every_code(self, provider: SmsTrafficXml, code: int) -> None:
        found = provider.parse([A], error(code), NOW)
        (outcome,) = found.outcomes
        assert not found.singly
        cls, meaning = API_ERRORS[code]
        expected = Fault(cls, code, meaning)
        if code == 1000:
            assert outcome == Deferred(expected)
        elif code == 436:
            assert isinstance(outcome, Rejected)
            assert outcome.fault.cls is FaultClass.ACCOUNT
        else:
            assert outcome == Rejected(expected)
        assert found.elsewhere == (code in {1000, 412})

    @pytest.mark.parametrize(
        ("code", "cls"), [(443, FaultClass.MESSAGE), (1001, FaultClass.TEMPORARY)]
    )
    def test_an_unknown_code(
        self, provider: SmsTrafficXml, code: int, cls: FaultClass
    ) -> None:
        (outcome,) = provider.parse([A], error(code), NOW).outcomes
        assert isinstance(outcome, Rejected | Deferred)
        assert (outcome.fault.cls, outcome.fault.code) == (cls, code)

    def test_an_error_without_a_code(self, provider: SmsTrafficXml) -> None:
        (outcome,) = provider.parse([A], error(""), NOW).outcomes
        assert isinstance(outcome, Rejected)

    @pytest.mark.parametrize(
        "code", [405, 407, 418, 420, *range(422, 433), 437, 438, 440]
    )
    def test_one_bad_number_does_not_sink_the_others(
        self, provider: SmsTrafficXml, code: int
    ) -> None:
        """Nothing was sent, and the text may hold the number of another message."""
        said = "wrong: 79051112233. No messages has been sent"
        assert provider.parse([A, B], error(code, said), NOW).singly
        assert not provider.parse([A], error(code, said), NOW).singly

    @pytest.mark.parametrize("code", [401, 411, 412, 415, 419, 421, 436, 439, 1000])
    def test_what_is_wrong_with_all_of_them(
        self, provider: SmsTrafficXml, code: int
    ) -> None:
        assert not provider.parse([A, B], error(code), NOW).singly

    def test_418_has_two_meanings(self, provider: SmsTrafficXml) -> None:
        """Q-ST-11."""
        classes = []
        for said in ("can't get sms ids for scheduled messages", "invalid phone"):
            (outcome,) = provider.parse([A], error(418, said), NOW).outcomes
            assert isinstance(outcome, Rejected)
            classes.append(outcome.fault.cls)
        assert classes == [FaultClass.PROTOCOL, FaultClass.MESSAGE]

    def test_a_forbidden_sender(self, provider: SmsTrafficXml) -> None:
        named = outgoing(sender="Bank")
        (outcome,) = provider.parse([named], error(436), NOW).outcomes
        assert isinstance(outcome, Rejected)
        assert outcome.fault.cls is FaultClass.MESSAGE

    def test_nothing_private_in_a_fault(self, provider: SmsTrafficXml) -> None:
        said = "message 'secret words' for 79051112233 is too long"
        found = provider.parse([A], error(424, said), NOW)
        assert "secret words" not in repr(found)
        assert "79051112233" not in repr(found)

    def test_a_declared_windows_1251(self, provider: SmsTrafficXml) -> None:
        body = (
            '<?xml version="1.0" encoding="windows-1251" ?><reply>'
            "<result>ERROR</result><code>432</code>"
            "<description>номер закрыт</description></reply>"
        )
        for encoding in ("cp1251", "utf-8"):
            reply = answer(body.encode(encoding))
            (outcome,) = provider.parse([A], reply, NOW).outcomes
            assert outcome == Rejected(Fault(FaultClass.MESSAGE, 432, "phone blocked"))

    def test_an_undeclared_windows_1251(self, provider: SmsTrafficXml) -> None:
        reply = answer(error(432, "номер закрыт").body.decode().encode("cp1251"))
        (outcome,) = provider.parse([A], reply, NOW).outcomes
        assert outcome == Rejected(Fault(FaultClass.MESSAGE, 432, "phone blocked"))

    def test_a_body_counts_whatever_the_status(self, provider: SmsTrafficXml) -> None:
        reply = answer(error(415).body, 500)
        (outcome,) = provider.parse([A], reply, NOW).outcomes
        assert isinstance(outcome, Rejected)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html><body>502</body></html>",
            b"<reply><result>OK</result><code>0</code>",
            b"<reply></reply>",
            b"<reply><account>10025</account></reply>",
            b'<!DOCTYPE r [<!ENTITY a "b">]><reply><result>&a;</result></reply>',
            b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><reply/>',
            b"<a>" * 100_000,
            b"\x98" * 10 * 2**20,
            '<?xml version="1.0" encoding="utf-16"?><reply/>'.encode("utf-16-be"),
        ],
        ids=lambda body: repr(body[:24]),
    )
    def test_what_cannot_be_read_may_have_been_taken(
        self, provider: SmsTrafficXml, body: bytes
    ) -> None:
        for status in (200, 500):
            found = provider.parse([A, B], answer(body, status), NOW)
            assert [type(one) for one in found.outcomes] == [Unknown, Unknown]
        assert not found.elsewhere

    def test_a_status_that_says_all(self, provider: SmsTrafficXml) -> None:
        reply = answer("Too Many Requests", 429, **{"retry-after": "7"})
        found = provider.parse([A], reply, NOW)
        assert found.pause == 7
        assert isinstance(found.outcomes[0], Deferred)

    @given(
        st.sampled_from(sorted(VECTORS.glob("*.xml"))).flatmap(
            lambda path: mutated(path.read_bytes())
        )
        | st.binary(),
        st.integers(100, 599),
    )
    def test_nothing_is_raised(self, body: bytes, status: int) -> None:
        provider = SmsTrafficXml(CONFIG)
        reply = answer(body, status)
        assert len(provider.parse([A, B], reply, NOW).outcomes) == 2
        assert len(provider.parse_ask([sent("8287713301")], reply)) == 1
        provider.parse_pull(reply)
        provider.parse_probe(reply)
        for kind in ("status", "mo", "short"):
            provider.parse_push(kind, push(body, b"a&" + body), NOW)


def mutated(body: bytes) -> st.SearchStrategy[bytes]:
    at = st.integers(0, len(body))
    return st.builds(
        lambda start, end, new: body[:start] + new + body[end:],
        at,
        at,
        st.binary(max_size=8),
    )


class TestProbe:
    def test_the_account(self, provider: SmsTrafficXml) -> None:
        call = provider.build_probe()
        assert call.path == "/multi.php"
        assert form(call) == {
            "login": "mylogin",
            "password": "mypassword",
            "operation": "account",
        }
        assert provider.parse_probe(vector("account.xml")) is None

    def test_wrong_credentials(self, provider: SmsTrafficXml) -> None:
        fault = provider.parse_probe(error(411))
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.ACCOUNT, 411)

    @pytest.mark.parametrize("body", ["", "<html/>", "<reply/>"])
    def test_no_answer_worth_the_name(self, provider: SmsTrafficXml, body: str) -> None:
        fault = provider.parse_probe(answer(body))
        assert fault is not None
        assert fault.cls is FaultClass.TEMPORARY


class TestAsk:
    """2B.2: operation=status."""

    def test_the_question(self, provider: SmsTrafficXml) -> None:
        call = provider.build_ask([sent("8287713301"), sent("8287713303")])
        assert form(call) == {
            "login": "mylogin",
            "password": "mypassword",
            "operation": "status",
            "sms_id": "8287713301,8287713303",
        }

    def test_one(self, provider: SmsTrafficXml) -> None:
        assert provider.parse_ask([sent("8287713301")], vector("status-one.xml")) == [
            News(
                ids=("8287713301",),
                state=MessageState.DELIVERED,
                stat="Delivered",
                done_at=1_589_022_720_000,  # 14:12:00 in Moscow
            )
        ]

    def test_several_in_any_order(self, provider: SmsTrafficXml) -> None:
        asked = [sent(one) for one in ("82877133031", "8287713303", "8287713301", "9")]
        found = provider.parse_ask(asked, vector("status-several.xml"))
        unknown, delivered, expired, absent = found
        assert isinstance(delivered, News)
        assert isinstance(expired, News)
        assert delivered.state is MessageState.DELIVERED
        assert expired.state is MessageState.EXPIRED
        for one in (unknown, absent):
            assert isinstance(one, Fault)
            assert (one.cls, one.code) == (FaultClass.TEMPORARY, 434)

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("Buffered SMSC", MessageState.BUFFERED),
            ("Delivered", MessageState.DELIVERED),
            ("Non Delivered", MessageState.UNDELIVERABLE),
            ("Rejected", MessageState.REJECTED),
            ("Expired", MessageState.EXPIRED),
            ("Deleted", MessageState.DELETED),
            ("Unknown status", MessageState.UNKNOWN),
            ("Clicked", MessageState.DELIVERED),
            ("Checked", MessageState.DELIVERED),
            ("Read", MessageState.DELIVERED),
            ("Lost Notification", MessageState.UNKNOWN),
            ("Something New", MessageState.BUFFERED),
        ],
    )
    def test_statuses(
        self, provider: SmsTrafficXml, status: str, state: MessageState
    ) -> None:
        reply = answer(
            vector("status-one.xml").body.replace(
                b">Delivered<", f">{status}<".encode()
            )
        )
        (news,) = provider.parse_ask([sent("8287713301")], reply)
        assert isinstance(news, News)
        assert (news.state, news.stat) == (state, status)
        pushed = provider.parse_push(
            "status", push(f"sms_id=8287713301&status={status}".encode()), NOW
        )
        (item,) = pushed.items
        assert isinstance(item, News)
        assert (item.state, item.stat, item.ids) == (state, status, news.ids)

    @pytest.mark.parametrize("status", ["", " ", "Acceptd"])
    def test_nothing_yet(self, provider: SmsTrafficXml, status: str) -> None:
        reply = answer(
            vector("status-one.xml").body.replace(
                b">Delivered<", f">{status}<".encode()
            )
        )
        assert provider.parse_ask([sent("8287713301")], reply) == [None]

    def test_the_platform_of_belarus(self, provider: SmsTrafficXml) -> None:
        reply = answer(
            "<reply><result>OK</result><code>0</code><msg-infos>"
            "<msg-info><id>17</id><submition_date>2020-05-09 14:11:39</submition_date>"
            "<last_update_status>2020-05-09 14:12:00</last_update_status>"
            "<status>READ</status><channel-info><status>READ</status></channel-info>"
            "</msg-info></msg-infos></reply>"
        )
        (news,) = provider.parse_ask([sent("17")], reply)
        assert isinstance(news, News)
        assert news.state is MessageState.DELIVERED
        assert news.done_at == 1_589_022_720_000

    @pytest.mark.parametrize(
        ("reply", "cls"),
        [
            (error(411), FaultClass.ACCOUNT),
            (error(434), FaultClass.TEMPORARY),
            (error(1000), FaultClass.TEMPORARY),
            (answer("<html/>"), FaultClass.TEMPORARY),
            (answer("", 403), FaultClass.ACCOUNT),
        ],
    )
    def test_no_answer(
        self, provider: SmsTrafficXml, reply: Reply, cls: FaultClass
    ) -> None:
        found = provider.parse_ask([sent("1"), sent("2")], reply)
        assert [one.cls for one in found if isinstance(one, Fault)] == [cls, cls]


class TestStatusPush:
    """2B.3."""

    def test_the_sample(self, provider: SmsTrafficXml) -> None:
        """Q-ST-19: a raw blank in the date."""
        body = b"sms_id=15166254108&status=Delivered&delivery_date=2020-05-09 17:04:00"
        pushed = provider.parse_push("status", push(body), NOW)
        assert pushed.items == (
            News(
                ids=("15166254108",),
                state=MessageState.DELIVERED,
                stat="Delivered",
                done_at=1_589_033_040_000,
            ),
        )
        assert pushed.reply.status == 200

    @pytest.mark.parametrize(
        "body",
        [
            b"sms_id=1&status=Non+Delivered&delivery_date=2020-05-09&error_code=3",
            b"sms_id=1&status=Non%20Delivered&error_code=03",
            b"sms_id=1&status=Non Delivered&error_code=3\r\n",
        ],
    )
    def test_why_not(self, provider: SmsTrafficXml, body: bytes) -> None:
        (news,) = provider.parse_push("status", push(body), NOW).items
        assert isinstance(news, News)
        assert news.state is MessageState.UNDELIVERABLE
        assert news.stat == "Non Delivered"
        assert int(news.err) == 3
        assert news.reason == "unknown subscriber"

    def test_in_the_query(self, provider: SmsTrafficXml) -> None:
        request = push(query=b"sms_id=1&status=Delivered&error_code=0")
        (news,) = provider.parse_push("status", request, NOW).items
        assert isinstance(news, News)
        assert (news.ids, news.err) == (("1",), "")

    @pytest.mark.parametrize(
        ("body", "broken"),
        [
            (b"", 1),
            (b"status=Delivered", 1),
            (b"{}", 1),
            (b"sms_id=1", 0),
            (b"sms_id=1&status=", 0),
        ],
    )
    def test_what_says_nothing_is_answered_all_the_same(
        self, provider: SmsTrafficXml, body: bytes, broken: int
    ) -> None:
        """Any other status than 200 or 204 slows the pushes down."""
        pushed = provider.parse_push("status", push(body), NOW)
        assert (list(pushed.items), pushed.reply.status) == ([], 200)
        assert pushed.broken == broken


class TestMoPush:
    """2F: messages to the incoming number."""

    EXPECTED = Mo(id="5269156759", source="79031234567", destination="", text="Привет")

    @pytest.mark.parametrize("encoding", ["cp1251", "utf-8"])
    def test_post(self, provider: SmsTrafficXml, encoding: str) -> None:
        text = b"".join(b"%%%02X" % octet for octet in "Привет".encode(encoding))
        body = b"phone=79031234567&message=" + text + b"&sms_id=5269156759"
        for request in (push(body), push(query=body)):
            pushed = provider.parse_push("mo", request, NOW)
            assert pushed.items == (self.EXPECTED,)
            assert (pushed.reply.status, pushed.reply.body) == (200, b"OK")

    def test_no_message_at_all(self, provider: SmsTrafficXml) -> None:
        pushed = provider.parse_push("mo", push(b"message=x"), NOW)
        assert (list(pushed.items), pushed.reply.status) == ([], 400)


class TestShortNumber:
    """2F: the answer goes back to the subscriber."""

    BODY = b"phone=79031234567&message=hi&sms_id=1&shortcode=3299"
    EXPECTED = Mo(id="1", source="79031234567", destination="3299", text="hi")

    def parse(self, body: bytes, **keys: Any) -> Pushed:
        provider = SmsTrafficXml(replace(CONFIG, short_reply=ShortReply(**keys)))
        return provider.parse_push("short", push(body), NOW)

    def test_how_it_is_answered(self) -> None:
        pushed = self.parse(self.BODY, text="Спасибо", charset="windows-1251")
        assert pushed.items == (self.EXPECTED,)
        assert pushed.auto == AutoReply(text="Спасибо", charset="windows-1251")
        url = "http://127.0.0.1:9000/short"
        pushed = self.parse(self.BODY, url=url, timeout=2.0)
        assert pushed.auto == AutoReply(url=url, timeout=2.0)

    def test_nothing_is_answered_unless_configured(
        self, provider: SmsTrafficXml
    ) -> None:
        pushed = provider.parse_push("short", push(self.BODY), NOW)
        assert pushed.items == (self.EXPECTED,)
        assert (pushed.reply.status, pushed.reply.body) == (200, b"")

    def test_the_password(self) -> None:
        """Q-ST-18: the provider's template has none, so it has to be put there."""
        for body in (self.BODY, self.BODY + b"&password=wrong"):
            pushed = self.parse(body, text="x", password=Secret("s"))
            assert (list(pushed.items), pushed.reply.status) == ([], 403)
        right = self.parse(self.BODY + b"&password=s", text="x", password=Secret("s"))
        assert right.items == (self.EXPECTED,)

    def test_what_is_refused_has_no_body(self) -> None:
        """It could be sent to the subscriber."""
        for body in (b"message=x", self.BODY):
            reply = self.parse(body, text="x", password=Secret("s")).reply
            assert (reply.status, reply.body) == (403, b"")
        reply = self.parse(b"message=x", text="x").reply
        assert (reply.status, reply.body) == (400, b"")


class TestPull:
    """2B.6: operation=incoming."""

    def test_the_question(self, provider: SmsTrafficXml) -> None:
        assert provider.pull_every == 60.0
        call = provider.build_pull(NOW - 60_000, NOW)
        assert form(call) == {
            "login": "mylogin",
            "password": "mypassword",
            "operation": "incoming",
            "from_date": "2020-05-09 17:10:39",
            "want_sms_ids": "1",
        }

    def test_no_more_than_there_is(self, provider: SmsTrafficXml) -> None:
        """Q-ST-25: two days."""
        fields = form(provider.build_pull(0, NOW))
        assert fields["from_date"] == "2020-05-07 17:11:39"

    def test_it_can_be_left_off(self) -> None:
        assert SmsTrafficXml(replace(CONFIG, pull_every=0.0)).pull_every is None

    def test_the_sample(self, provider: SmsTrafficXml) -> None:
        assert provider.parse_pull(vector("incoming.xml")) == [
            Mo(
                id="5269156759",
                source="79031234567",
                destination="",
                text="sms message text",
            ),
            Mo(
                id="5269156775",
                source="79037654321",
                destination="",
                text="sms message",
            ),
        ]

    def test_without_ids_they_are_known_again(self, provider: SmsTrafficXml) -> None:
        body = vector("incoming.xml").body.decode()
        bare = answer("".join(one for one in body.splitlines() if "sms_id" not in one))
        first, again = provider.parse_pull(bare), provider.parse_pull(bare)
        assert first == again
        assert not isinstance(first, Fault)
        assert len({one.id for one in first} - {""}) == 2

    def test_windows_1251(self, provider: SmsTrafficXml) -> None:
        body = (
            '<?xml version="1.0" encoding="windows-1251" ?><reply><messages><message>'
            "<from_phone>79031234567</from_phone><text>Привет, №1</text>"
            "<sms_id>1</sms_id></message></messages></reply>"
        )
        (mo,) = messages(provider.parse_pull(answer(body.encode("cp1251"))))
        assert mo.text == "Привет, №1"

    def test_nothing_there(self, provider: SmsTrafficXml) -> None:
        reply = answer("<reply><count>0</count><messages></messages></reply>")
        assert provider.parse_pull(reply) == []

    def test_refused(self, provider: SmsTrafficXml) -> None:
        found = provider.parse_pull(error(411))
        assert isinstance(found, Fault)
        assert found.code == 411


def messages(found: Sequence[Mo] | Fault) -> Sequence[Mo]:
    assert not isinstance(found, Fault)
    return found


class Run:
    """One operation with the answers it gets."""

    def __init__(self, *answers: Reply) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, str]]] = []

    def __call__(self, name: str, **arguments: object) -> Any:
        procedure = exchange.procedure_of(SmsTrafficXml(CONFIG), name)
        result, asked = exchange.run(procedure, arguments, self.answers, NOW)
        for call in asked:
            assert isinstance(call, HttpCall)
            fields = form(call)
            assert fields.pop("login") == "mylogin"
            assert fields.pop("password") == "mypassword"
            self.calls.append((call.path, fields))
        assert len(self.calls) == len(self.answers)
        return result


class TestOperations:
    def test_account(self) -> None:
        run = Run(vector("account.xml"))
        assert run("account") == {"account": "10025"}
        assert run.calls == [("/multi.php", {"operation": "account"})]

    def test_checked(self) -> None:
        ids = ["709031382353069057", "709031527266247680", "709031527266247681"]
        run = Run(vector("checked.xml"))
        assert run("checked", ids=ids) == {"checked": ids}
        assert run.calls == [
            ("/multi.php", {"operation": "set_checked", "sms_id": ",".join(ids)})
        ]

    def test_checked_that_are_not_ours(self) -> None:
        found = Run(vector("checked-refused.xml"))("checked", ids=["1"])
        assert isinstance(found, Fault)
        assert (found.cls, found.code) == (FaultClass.MESSAGE, 434)

    def test_statuses(self) -> None:
        run = Run(vector("status-several.xml"))
        found = run("statuses", ids=["8287713301", "8287713303", "82877133031"])
        assert found == {
            "statuses": [
                {
                    "id": "8287713301",
                    "status": "Expired",
                    "submitted_at": "2020-05-09T11:11:39.000Z",
                    "sent_at": "2020-05-09T11:11:39.000Z",
                    "changed_at": "2020-05-09T11:12:00.000Z",
                },
                {
                    "id": "8287713303",
                    "status": "Delivered",
                    "submitted_at": "2020-05-09T11:11:39.000Z",
                    "sent_at": "2020-05-09T11:11:40.000Z",
                    "changed_at": "2020-05-09T11:12:00.000Z",
                },
                {
                    "id": "82877133031",
                    "error": "no such message or this message does not belong to you",
                },
            ]
        }

    def test_many_statuses_take_several_questions(self) -> None:
        ids = [str(number) for number in range(1, 32)]
        run = Run(*[vector("status-several.xml")] * 3)
        assert run("statuses", ids=ids) == {"statuses": []}
        asked = [fields["sms_id"].split(",") for _, fields in run.calls]
        assert [len(one) for one in asked] == [15, 15, 1]
        assert [one for some in asked for one in some] == ids

    def test_the_older_spelling_of_a_date(self) -> None:
        """Q-ST-17."""
        body = vector("status-one.xml").body.replace(b"submission", b"submition")
        found = Run(answer(body))("statuses", ids=["8287713301"])
        assert found["statuses"][0]["submitted_at"] == "2020-05-09T11:11:39.000Z"

    def test_incoming(self) -> None:
        run = Run(vector("incoming.xml"))
        found = run(
            "incoming",
            from_date="2020-05-08T21:00:00Z",
            from_phone="79031234567",
            count=2,
        )
        assert found["count"] == 125
        assert found["messages"][0] == {
            "id": "5269156759",
            "from": "79031234567",
            "text": "sms message text",
            "sent_at": "2020-05-08T22:12:59.000Z",
            "delivered_at": "2020-05-08T22:13:05.000Z",
        }
        assert run.calls == [
            (
                "/multi.php",
                {
                    "operation": "incoming",
                    "from_date": "2020-05-09 00:00:00",
                    "from_phone": "79031234567",
                    "count": "2",
                    "want_sms_ids": "1",
                },
            )
        ]

    def test_incoming_without_arguments(self) -> None:
        run = Run(vector("incoming.xml"))
        assert len(run("incoming")["messages"]) == 2
        ((_, fields),) = run.calls
        assert fields == {"operation": "incoming", "want_sms_ids": "1"}

    def test_lists(self) -> None:
        """Q-ST-12: `login` in lower case. Q-ST-13: four are announced, three come."""
        run = Run(vector("lists.xml"))
        found = run("lists")
        assert len(found["lists"]) == 3
        assert found["lists"][1] == {
            "id": "59355",
            "name": "клиенты",
            "created": "2020-05-09T08:48:15.000Z",
            "congratulate": False,
        }
        assert run.calls == [("/list.php", {"operation": "status_all"})]

    def test_one_list(self) -> None:
        run = Run(vector("lists.xml"))
        assert run("list", group_id=59353)["lists"][0]["name"] == "hello world"
        assert run.calls == [
            ("/list.php", {"operation": "status", "group_id": "59353"})
        ]

    @pytest.mark.parametrize("name", ["add", "remove"])
    def test_members(self, name: str) -> None:
        run = Run(vector("members.xml"))
        numbers = ["79012223344", "79082223344"]
        found = run(f"{name}_members", group_id=59353, members=numbers)
        assert found == {"members": 2}
        assert run.calls == [
            (
                "/list.php",
                {
                    "operation": f"{name}_member",
                    "group_id": "59353",
                    "member": "79012223344,79082223344",
                },
            )
        ]

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("checked", {"ids": []}),
            ("checked", {"ids": ["1"] * 5001}),
            ("statuses", {"ids": ["1,2"]}),
            ("list", {"group_id": 0}),
            ("list", {"group_id": 2**32}),
            ("add_members", {"group_id": 1, "members": []}),
            ("add_members", {"group_id": 1, "members": ["+79012223344"]}),
            ("incoming", {"from_date": "2020-05-08T21:00:00"}),
            ("lists", {"group_id": 1}),
        ],
    )
    def test_arguments_that_cannot_be(
        self, name: str, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(msgspec.ValidationError):
            Run()(name, **arguments)

    @pytest.mark.parametrize(
        ("reply", "cls"),
        [
            (error(411), FaultClass.ACCOUNT),
            (error(413, "no such group"), FaultClass.MESSAGE),
            (error(1000), FaultClass.TEMPORARY),
            (answer("<html/>"), FaultClass.TEMPORARY),
            (answer("", 404), FaultClass.PROTOCOL),
        ],
    )
    def test_refused(self, reply: Reply, cls: FaultClass) -> None:
        one = {"group_id": 1}
        for name, arguments in (
            ("account", {}),
            ("statuses", {"ids": ["1"]}),
            ("checked", {"ids": ["1"]}),
            ("incoming", {}),
            ("lists", {}),
            ("list", one),
            ("add_members", one | {"members": ["79012223344"]}),
            ("remove_members", one | {"members": ["79012223344"]}),
        ):
            found = Run(reply)(name, **arguments)
            assert isinstance(found, Fault)
            assert found.cls is cls
