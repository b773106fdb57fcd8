"""`kind: smspager` against the provider's manual ("HTTPS::XML").

Bodies are those of the manual with values in the place of its words: see
`vectors/smspager`. Names such as Q-SP-2 are those of the project's list of oddities.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers import exchange
from providers.examples import configured
from providers.exchange import answer

from esmed.bridge.base import HttpCall, News, Outgoing, Reply
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
from esmed.providers.smspager import Config, Scheduling, SmsPager, create
from esmed.providers.smspager.documents import CODES, STATES, smsid_of
from esmed.secret import Secret, Surroundings

ROOT = Path(__file__).parents[2]
VECTORS = Path(__file__).parent / "vectors" / "smspager"
DOCUMENT = (ROOT / "docs" / "connectors" / "smspager.md").read_text(encoding="utf-8")
NOW = 1_272_696_000_000
"""2010-05-01 06:40:00 UTC, 10:40:00 in Moscow."""
HOUR = 3_600_000
TEXT = "Добрый день, приглашаем Вас в наш салон"
DISCOUNT = f"{TEXT}. Скидка по Вашей дисконтной карте – 5%"

CONFIG = Config(
    base_urls=("https://transport.sms-pager.example:7214",),
    login="test",
    password=Secret("123456"),
)
ZONED = replace(CONFIG, timezone=ZoneInfo("Europe/Moscow"))


def made(config: Config) -> SmsPager:
    provider = create(config)
    assert isinstance(provider, SmsPager)
    return provider


@pytest.fixture
def provider() -> SmsPager:
    return made(CONFIG)


def outgoing(to: str = "79019011234", text: str = TEXT, **more: Any) -> Outgoing:
    fields = {
        "id": f"01890a5d-ac96-774b-bcce-{int(to):012d}",
        "sender": "Magazin",
        "expires_at": NOW + 2 * HOUR,
    }
    request = {name: more.pop(name) for name in list(more) if name not in OUTGOING}
    return Outgoing(**{**fields, **more}, request=Request(to=to, text=text, **request))


OUTGOING = {"id", "sender", "expires_at", "doubtful"}

THREE = [
    outgoing("79019011234"),
    outgoing("79029021234", DISCOUNT),
    outgoing("79039031234"),
]
ONE = THREE[:1]


def vector(name: str) -> Reply:
    return answer((VECTORS / name).read_bytes())


def code(value: int | str) -> Reply:
    return answer(f"<data><code>{value}</code><descr>Ошибка</descr></data>")


def counts(**values: int) -> Reply:
    told = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return answer(f"<data><code>1</code><descr>OK</descr>{told}</data>")


def detail(**groups: str | Sequence[str]) -> Reply:
    told = "".join(
        f"<{name}>"
        + "".join(
            f"<number>{each}</number>"
            for each in ([numbers] if isinstance(numbers, str) else numbers)
        )
        + f"</{name}>"
        for name, numbers in groups.items()
    )
    return answer(f"<data><code>1</code><detail>{told}</detail></data>")


def elements(call: HttpCall) -> list[tuple[str, dict[str, str], str]]:
    """What is in a request, whatever its white space and quotes."""
    root = ET.fromstring(call.body)  # noqa: S314 - we wrote it
    assert root.tag == "data"
    return [(one.tag, one.attrib, (one.text or "").strip()) for one in root]


def values(call: HttpCall) -> dict[str, str]:
    return {tag: text for tag, _, text in elements(call) if tag != "to"}


def sent(number: str = "79019011234", smsid: str | None = None) -> Sent:
    known = smsid_of([outgoing(number)]) if smsid is None else smsid
    request = Request(to=number, text=TEXT)
    return Sent(request=request, host=CONFIG.base_urls[0], smsc_id=f"{known}/{number}")


class TestConfiguration:
    def test_the_example(self) -> None:
        config = configured("smspager")
        assert isinstance(config, Config)
        assert config.nodes == ("https://transport.sms-pager.example:7214",)
        assert (config.timezone, config.batch) == (ZoneInfo("Europe/Moscow"), 1)
        assert config.only_delivered is False
        assert isinstance(create(config), Scheduling)

    @pytest.mark.parametrize(
        ("old", "new", "path"),
        [
            ("login: test", "login: ''", "login"),
            ("    login: test\n", "", "login"),
            ("password: account-password", "password: ''", "password"),
            ("timezone: Europe/Moscow", "timezone: Moscow", "timezone"),
            ("login: test", "login: test\n    batch: 501", "batch"),
            ("login: test", "login: test\n    only_delivered: 1", "only_delivered"),
            ('["https://transport.sms-pager.example:7214"]', "[]", "base_urls"),
        ],
    )
    def test_faults(self, old: str, new: str, path: str) -> None:
        text = (VECTORS / "config.yaml").read_text()
        assert old in text
        with pytest.raises(ConfigError) as refused:
            loads(text.replace(old, new), Surroundings(environ={}, directory=VECTORS))
        paths = [fault.path for fault in refused.value.faults]
        assert paths == [f"connectors.smspager.{path}"]

    def test_times_are_told_only_where_the_zone_is_known(self) -> None:
        assert not create(CONFIG).traits.schedules
        assert create(ZONED).traits.schedules
        assert create(ZONED).traits.cancels


class TestSmsid:
    @given(st.lists(st.integers(0, 2**122 - 1), min_size=2, max_size=2, unique=True))
    def test_no_two_messages_have_the_same(self, numbers: list[int]) -> None:
        ids = {smsid_of([outgoing(id=uuid7(number))]) for number in numbers}
        assert len(ids) == 2

    @given(st.integers(0, 2**122 - 1))
    def test_its_form(self, number: int) -> None:
        smsid = smsid_of([outgoing(id=uuid7(number))])
        assert re.fullmatch("[0-9A-Za-z]{21}", smsid)
        assert smsid[0].isdigit()
        value = 0
        for digit in smsid:
            value = value * 62 + ALPHABET.index(digit)
        assert value == number

    @given(st.permutations(THREE))
    def test_of_several(self, messages: list[Outgoing]) -> None:
        smsid = smsid_of(messages)
        assert re.fullmatch("b[0-9A-Za-z]{20}", smsid)
        assert smsid == smsid_of(THREE)
        assert smsid != smsid_of(THREE[:2])

    def test_it_is_the_same_at_each_attempt(self) -> None:
        (first,) = ONE
        again = msgspec.structs.replace(first, expires_at=NOW + 1, doubtful=True)
        assert smsid_of([first]) == smsid_of([again])


ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def uuid7(free: int) -> str:
    """A UUID of version 7 by the bits that are free."""
    high, middle, low = free >> 74, free >> 62 & 0xFFF, free & (1 << 62) - 1
    value = UUID(int=high << 80 | 7 << 76 | middle << 64 | 0b10 << 62 | low)
    assert (value.version, value.variant) == (7, RFC_4122)
    return str(value)


class TestRefusal:
    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (Request(to="79011234567", data=b"\x01", encoding="binary"), "data"),
            (Request(to="79011234567", text="x", encoding="latin1"), "encoding"),
            (Request(to="79011234567", text="x", flash=True), "flash"),
            (Request(to="79011234567", text="x", tlvs={"0x1403": 1}), "tlvs"),
            (Request(to="79011234567", text=""), "text"),
            (Request(to="79011234567", text=" \n"), "text"),
        ],
    )
    def test_what_cannot_be_expressed(
        self, provider: SmsPager, request_: Request, field: str
    ) -> None:
        fault = provider.refusal(request_)
        assert fault is not None
        assert (fault.cls, fault.code) == (FaultClass.MESSAGE, field)

    def test_usual_ones(self, provider: SmsPager) -> None:
        assert provider.refusal(Request(to="380501234567", text="€👍")) is None


class TestBuild:
    def test_task_1_to_one_number(self, provider: SmsPager) -> None:
        call = provider.build(ONE, NOW)
        assert (call.operation, call.method, call.path) == ("send", "POST", "/send.xml")
        assert call.headers == {"Content-Type": "text/xml; charset=utf-8"}
        assert call.body.startswith(b'<?xml version="1.0" encoding="utf-8"?>')
        assert elements(call) == [
            ("login", {}, "test"),
            ("password", {}, "123456"),
            ("action", {}, "send"),
            ("smsid", {}, smsid_of(ONE)),
            ("text", {}, TEXT),
            ("source", {}, "Magazin"),
            ("vp", {}, "7200"),
            ("to", {"number": "+79019011234"}, ""),
        ]

    def test_task_2_a_text_of_its_own_for_each(self) -> None:
        start = NOW + 80 * 60_000
        messages = [
            outgoing(one.to, one.request.text or "", send_at=start) for one in THREE
        ]
        call = made(ZONED).build(messages, NOW)
        assert elements(call) == [
            ("login", {}, "test"),
            ("password", {}, "123456"),
            ("action", {}, "send"),
            ("smsid", {}, smsid_of(messages)),
            ("text", {}, TEXT),
            ("source", {}, "Magazin"),
            ("datetime", {}, "2010-05-01 12:00:00"),
            # From the start on: 80 of the 120 minutes are over then.
            ("vp", {}, "2400"),
            ("to", {"number": "+79019011234"}, TEXT),
            ("to", {"number": "+79029021234"}, DISCOUNT),
            ("to", {"number": "+79039031234"}, TEXT),
        ]

    def test_only_delivered(self) -> None:
        call = made(replace(CONFIG, only_delivered=True)).build(ONE, NOW)
        assert values(call)["onlydelivery"] == "1"

    def test_without_a_sender_it_is_the_accounts(self, provider: SmsPager) -> None:
        assert "source" not in values(provider.build([outgoing(sender=None)], NOW))

    @pytest.mark.parametrize("text", ["Ціна 5 €", "👍🏽", "<a> & \"b\" 'c'", " Hi\n"])
    def test_characters(self, provider: SmsPager, text: str) -> None:
        root = ET.fromstring(provider.build([outgoing(text=text)], NOW).body)  # noqa: S314
        assert root.findtext("text") == text

    @pytest.mark.parametrize(
        ("ends", "seconds"), [([2 * HOUR], 7200), ([90 * HOUR], 324_000), ([-1], 1)]
    )
    def test_lifetime(self, provider: SmsPager, ends: list[int], seconds: int) -> None:
        messages = [outgoing(expires_at=NOW + end) for end in ends]
        assert values(provider.build(messages, NOW))["vp"] == str(seconds)

    def test_none_lives_longer_than_it_may(self, provider: SmsPager) -> None:
        messages = [
            outgoing("79011234567", expires_at=NOW + 59_999),
            outgoing("79011234568", expires_at=NOW + 1000),
        ]
        assert provider.group(messages[0]) == provider.group(messages[1])
        assert values(provider.build(messages, NOW))["vp"] == "1"

    @pytest.mark.parametrize("send_at", [None, NOW, NOW - 1])
    def test_now(self, send_at: int | None) -> None:
        call = made(ZONED).build([outgoing(send_at=send_at)], NOW)
        assert "datetime" not in values(call)

    def test_without_a_zone_no_time_is_told(self, provider: SmsPager) -> None:
        call = provider.build([outgoing(send_at=NOW + HOUR)], NOW)
        assert "datetime" not in values(call)

    def test_no_secret_is_shown(self, provider: SmsPager) -> None:
        shown = repr(provider.build(ONE, NOW)) + repr(provider.build_probe())
        assert "123456" not in shown
        assert "Добрый" not in shown


class TestGroup:
    @pytest.mark.parametrize(
        "more",
        [{"sender": "Other"}, {"expires_at": NOW + 3 * HOUR}, {"doubtful": True}],
    )
    def test_apart(self, provider: SmsPager, more: dict[str, Any]) -> None:
        assert provider.group(outgoing()) != provider.group(outgoing(**more))

    def test_what_may_have_been_taken_goes_alone(self, provider: SmsPager) -> None:
        doubtful = [
            outgoing(to, doubtful=True) for to in ("79010000001", "79010000002")
        ]
        assert provider.group(doubtful[0]) != provider.group(doubtful[1])

    def test_texts_may_differ(self, provider: SmsPager) -> None:
        assert len({provider.group(message) for message in THREE}) == 1

    def test_starts_matter_where_they_are_told(self, provider: SmsPager) -> None:
        starts = [outgoing(send_at=NOW + HOUR), outgoing(send_at=NOW + 2 * HOUR)]
        assert len({provider.group(message) for message in starts}) == 1
        assert len({create(ZONED).group(message) for message in starts}) == 2


class TestParse:
    def test_taken(self, provider: SmsPager) -> None:
        answer = provider.parse(ONE, vector("sent-one.xml"), NOW)
        assert answer.outcomes == [Accepted(f"{smsid_of(ONE)}/79019011234")]

    def test_taken_by_three(self, provider: SmsPager) -> None:
        answer = provider.parse(THREE, vector("sent.xml"), NOW)
        smsid = smsid_of(THREE)
        assert answer.outcomes == [
            Accepted(f"{smsid}/{message.to}") for message in THREE
        ]

    def test_q_sp_1_descry(self, provider: SmsPager) -> None:
        (outcome,) = provider.parse(ONE, vector("sent-descry.xml"), NOW).outcomes
        assert isinstance(outcome, Accepted)

    def test_without_counts(self, provider: SmsPager) -> None:
        (outcome,) = provider.parse(ONE, counts(), NOW).outcomes
        assert isinstance(outcome, Accepted)

    def test_no_mobile_phone(self, provider: SmsPager) -> None:
        (outcome,) = provider.parse(ONE, vector("bad-number.xml"), NOW).outcomes
        assert isinstance(outcome, Rejected)
        assert outcome.fault.cls is FaultClass.MESSAGE
        assert outcome.fault.code == "allRecivers"

    def test_left_out_q_sp_4(self, provider: SmsPager) -> None:
        """The money may be back later, and another connector has its own."""
        (outcome,) = provider.parse(ONE, vector("left-out.xml"), NOW).outcomes
        assert isinstance(outcome, Deferred)
        assert outcome.fault.cls is FaultClass.ACCOUNT
        assert outcome.fault.code == "colNonSendAbonent"

    @pytest.mark.parametrize(
        ("told", "kind"),
        [
            ({"allRecivers": 3, "colSendAbonent": 3}, Accepted),
            ({"allRecivers": 0, "colSendAbonent": 0}, Rejected),
            ({"allRecivers": 3, "colNonSendAbonent": 3}, Deferred),
            ({"allRecivers": 2, "colSendAbonent": 2}, Unknown),
            ({"allRecivers": 3, "colNonSendAbonent": 1}, Unknown),
            ({"allRecivers": 3, "colSendAbonent": 2}, Unknown),
            ({"allRecivers": 4, "colSendAbonent": 4}, Unknown),
        ],
    )
    def test_counts_of_several(
        self, provider: SmsPager, told: dict[str, int], kind: type
    ) -> None:
        answer = provider.parse(THREE, counts(**told), NOW)
        assert [type(outcome) for outcome in answer.outcomes] == [kind] * 3
        assert answer.understood

    @pytest.mark.parametrize("value", ["-1", "1e3", "", "x", "9" * 5000, "١"])
    def test_a_count_that_is_none(self, provider: SmsPager, value: str) -> None:
        body = f"<data><code>1</code><allRecivers>{value}</allRecivers></data>"
        (outcome,) = provider.parse(ONE, answer(body), NOW).outcomes
        assert isinstance(outcome, Accepted)

    @pytest.mark.parametrize(
        ("value", "cls"),
        [
            ("500", FaultClass.PROTOCOL),
            ("501", FaultClass.ACCOUNT),
            ("502", FaultClass.PROTOCOL),
            ("503", FaultClass.PROTOCOL),
            ("504", FaultClass.ACCOUNT),
            # Q-SP-8: "70x – 70xx".
            *((str(parser), FaultClass.PROTOCOL) for parser in range(700, 710)),
            *((str(parser), FaultClass.PROTOCOL) for parser in (7000, 7012, 7099)),
            ("0", FaultClass.MESSAGE),
            ("999", FaultClass.MESSAGE),
            ("error", FaultClass.MESSAGE),
        ],
    )
    def test_codes(self, provider: SmsPager, value: str, cls: FaultClass) -> None:
        answer = provider.parse(THREE, code(value), NOW)
        assert len(answer.outcomes) == 3
        for outcome in answer.outcomes:
            assert isinstance(outcome, Rejected)
            assert (outcome.fault.cls, outcome.fault.code) == (cls, value)
        assert answer.singly is (cls is not FaultClass.ACCOUNT)

    def test_a_code_counts_before_the_status(self, provider: SmsPager) -> None:
        reply = msgspec.structs.replace(vector("sent-one.xml"), status=500)
        (outcome,) = provider.parse(ONE, reply, NOW).outcomes
        assert isinstance(outcome, Accepted)

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<html><body>Sorry</body></html>",
            "<data></data>",
            "<data><code></code></data>",
            "<sms><code>1</code></sms>",
            "<data><code>1</code>",
            "<!DOCTYPE data [<!ENTITY a '1'>]><data><code>&a;</code></data>",
            '<!DOCTYPE data SYSTEM "http://127.0.0.1/x.dtd"><data><code>1</code></data>',
        ],
    )
    def test_what_cannot_be_read_may_have_been_taken(
        self, provider: SmsPager, body: str
    ) -> None:
        found = provider.parse(THREE, answer(body), NOW)
        assert [type(outcome) for outcome in found.outcomes] == [Unknown] * 3
        assert not found.understood

    def test_another_charset(self, provider: SmsPager) -> None:
        text = (VECTORS / "sent-one.xml").read_text(encoding="utf-8")
        declared = text.replace("UTF-8", "windows-1251").encode("windows-1251")
        assert isinstance(
            provider.parse(ONE, answer(declared), NOW).outcomes[0], Accepted
        )
        wrong = text.encode("windows-1251")
        assert isinstance(provider.parse(ONE, answer(wrong), NOW).outcomes[0], Accepted)

    @given(body=st.binary(max_size=300))
    def test_random_octets(self, body: bytes) -> None:
        provider = create(CONFIG)
        reply = answer(b"<data><code>1</code>" + body + b"</data>")
        assert len(provider.parse(THREE, reply, NOW).outcomes) == 3
        assert len(provider.parse_recheck(THREE, reply, NOW)) == 3
        assert len(provider.parse_ask([sent()], reply)) == 1
        provider.parse_cancel(sent(), reply)
        provider.parse_probe(reply)


class TestProbe:
    def test_balance(self, provider: SmsPager) -> None:
        call = provider.build_probe()
        assert (call.operation, call.path) == ("balance", "/balance.xml")
        assert elements(call) == [("login", {}, "test"), ("password", {}, "123456")]
        assert provider.parse_probe(vector("balance.xml")) is None

    def test_an_account_may_have_credit(self, provider: SmsPager) -> None:
        body = "<data><code>1</code><account>-12.5</account></data>"
        assert provider.parse_probe(answer(body)) is None

    def test_refused(self, provider: SmsPager) -> None:
        fault = provider.parse_probe(vector("refused.xml"))
        assert fault == Fault(FaultClass.ACCOUNT, "501", "wrong login or password")


class TestRecheck:
    def test_by_our_smsid(self, provider: SmsPager) -> None:
        call = provider.build_recheck(ONE, NOW)
        assert (call.operation, call.path) == ("report", "/report.xml")
        assert values(call)["smsid"] == smsid_of(ONE)

    @pytest.mark.parametrize("group", [*STATES, "postponed"])
    def test_whoever_is_in_a_group_was_taken(
        self, provider: SmsPager, group: str
    ) -> None:
        found = provider.parse_recheck(ONE, detail(**{group: "79019011234"}), NOW)
        assert found == [Accepted(f"{smsid_of(ONE)}/79019011234")]

    def test_nobody_else_is_known_of(self, provider: SmsPager) -> None:
        reply = detail(delivered=["79039031234"], waiting=["79019011234"])
        smsid = smsid_of(THREE)
        assert provider.parse_recheck(THREE, reply, NOW) == [
            Accepted(f"{smsid}/79019011234"),
            None,
            Accepted(f"{smsid}/79039031234"),
        ]

    @pytest.mark.parametrize("reply", [code(500), code(501), answer(""), counts()])
    def test_nothing_is_known(self, provider: SmsPager, reply: Reply) -> None:
        assert provider.parse_recheck(ONE, reply, NOW) == [None]


class TestAsk:
    def test_the_question(self, provider: SmsPager) -> None:
        call = provider.build_ask([sent(smsid="abcde123")])
        assert elements(call) == [
            ("login", {}, "test"),
            ("password", {}, "123456"),
            ("smsid", {}, "abcde123"),
        ]

    def test_one_for_each_smsid(self, provider: SmsPager) -> None:
        asked = [sent("79010000001", "b1"), sent("79010000002", "b1")]
        assert provider.ask_group(asked[0]) == provider.ask_group(asked[1])
        assert provider.ask_group(asked[0]) != provider.ask_group(sent())

    @pytest.mark.parametrize("name", ["detail.xml", "detail-system.xml"])
    def test_the_groups_of_the_sample(self, provider: SmsPager, name: str) -> None:
        asked = [sent(f"7901000000{last}", "b1") for last in range(1, 10)]
        found = provider.parse_ask(asked, vector(name))
        seen = [
            (one.state, one.stat) if isinstance(one, News) else one for one in found
        ]
        # Q-SP-5: two groups are in the table only.
        cancelled = (
            (MessageState.DELETED, "cancel") if name == "detail-system.xml" else None
        )
        assert seen == [
            (MessageState.DELIVERED, "delivered"),
            (MessageState.DELIVERED, "delivered"),
            (MessageState.UNDELIVERABLE, "notDelivered"),
            (MessageState.UNDELIVERABLE, "notDelivered"),
            *(None, None, cancelled, None, None),
        ]

    @pytest.mark.parametrize(
        ("group", "state"), [*STATES.items(), ("postponed", MessageState.BUFFERED)]
    )
    def test_every_group(
        self, provider: SmsPager, group: str, state: MessageState | None
    ) -> None:
        asked = sent()
        (found,) = provider.parse_ask([asked], detail(**{group: "79019011234"}))
        expected = News(
            ids=(asked.smsc_id,),
            state=state or MessageState.BUFFERED,
            stat=group,
            recipient="79019011234",
        )
        assert found == (None if state is None else expected)

    @pytest.mark.parametrize("written", ["+7(901) 901-12 34", " 79019011234 "])
    def test_numbers_by_their_digits(self, provider: SmsPager, written: str) -> None:
        (found,) = provider.parse_ask([sent()], detail(delivered=written))
        assert isinstance(found, News)

    @pytest.mark.parametrize(
        ("groups", "group"),
        [
            (("notDelivered", "delivered"), "delivered"),
            (("delivered", "enqueued"), "delivered"),
            (("notDelivered", "waiting"), None),
            (("cancel", "enqueued"), None),
            (("notDelivered", "cancel"), "notDelivered"),
        ],
    )
    def test_q_sp_7_a_number_in_several(
        self, provider: SmsPager, groups: Sequence[str], group: str | None
    ) -> None:
        reply = detail(**dict.fromkeys(groups, "79019011234"))
        (found,) = provider.parse_ask([sent()], reply)
        assert (found.stat if isinstance(found, News) else found) == group

    @pytest.mark.parametrize("reply", [code(500), code(501), code(7001), code(9)])
    def test_a_refusal_is_asked_again(self, provider: SmsPager, reply: Reply) -> None:
        (found,) = provider.parse_ask([sent()], reply)
        assert isinstance(found, Fault)
        assert found.cls is FaultClass.TEMPORARY

    def test_what_is_no_report(self, provider: SmsPager) -> None:
        (found,) = provider.parse_ask([sent()], answer("<html/>", status=502))
        assert isinstance(found, Fault)
        assert provider.parse_ask([sent()], counts()) == [None]


class TestCancel:
    def test_the_request(self, provider: SmsPager) -> None:
        call = provider.build_cancel(sent(smsid="abcde123"))
        assert (call.operation, call.path) == ("cancel", "/cancel.xml")
        assert elements(call)[2:] == [("action", {}, "make"), ("smsid", {}, "abcde123")]

    def test_q_sp_2_blanks_in_the_closing_tag(self, provider: SmsPager) -> None:
        # Two: short messages of a long one.
        assert provider.parse_cancel(sent(), vector("cancelled.xml")) is None

    @pytest.mark.parametrize(
        ("told", "cls"),
        [({"cancelCol": 0}, FaultClass.MESSAGE), ({}, FaultClass.TEMPORARY)],
    )
    def test_it_is_not(
        self, provider: SmsPager, told: dict[str, int], cls: FaultClass
    ) -> None:
        fault = provider.parse_cancel(sent(), counts(**told))
        assert fault is not None
        assert fault.cls is cls

    def test_refused(self, provider: SmsPager) -> None:
        fault = provider.parse_cancel(sent(), code(501))
        assert fault is not None
        assert fault.code == "501"

    def test_never_with_others(self, provider: SmsPager) -> None:
        one = sent(smsid=smsid_of(THREE))
        assert values(provider.build_cancel(one))["action"] == "check"
        fault = provider.parse_cancel(one, counts(cancelCol=1))
        assert fault is not None
        assert fault.cls is FaultClass.PROTOCOL


def run(
    name: str, replies: Sequence[Reply], provider: SmsPager, **arguments: object
) -> tuple[list[HttpCall], Any]:
    """Run an operation; its requests, and what it came to."""
    procedure = exchange.procedure_of(provider, name)
    result, asked = exchange.run(procedure, arguments, replies, NOW)
    assert len(asked) == len(replies)
    return exchange.calls(asked), result


CAMPAIGN = {
    "smsid": "20100501120000",
    "datetime": "2010-05-01 12:00:00",
    "text": TEXT,
    "source": "Magazin",
    "allCol": 3,
    "deliveredCol": 1,
    "notDeliveredCol": 1,
    "waitingCol": 1,
    "enqueuedCol": 0,
    "payment": "1.14",
}


class TestOperations:
    def test_balance(self, provider: SmsPager) -> None:
        _, found = run("balance", [vector("balance.xml")], provider)
        assert found == {"balance": "10000.94"}

    def test_report_q_sp_3(self, provider: SmsPager) -> None:
        (call,), found = run(
            "report",
            [vector("report.xml")],
            provider,
            start="2010-05-01",
            stop="2010-05-02 12:00:00",
        )
        assert elements(call)[2:] == [
            ("start", {}, "2010-05-01"),
            ("stop", {}, "2010-05-02 12:00:00"),
        ]
        assert found["campaigns"][0] == CAMPAIGN
        assert len(found["campaigns"]) == 2

    def test_report_of_all_days(self, provider: SmsPager) -> None:
        (call,), _ = run("report", [vector("report.xml")], provider)
        assert len(elements(call)) == 2

    def test_q_sp_6_dates_in_the_accounts_zone(self) -> None:
        _, found = run("report", [vector("report.xml")], made(ZONED))
        at = {"at": "2010-05-01T08:00:00.000Z"}
        assert found["campaigns"][0] == CAMPAIGN | at

    def test_report_detail(self, provider: SmsPager) -> None:
        reply = vector("detail-system.xml")
        (call,), found = run("report_detail", [reply], provider, smsid="abcde123")
        assert values(call)["smsid"] == "abcde123"
        assert found["campaign"]["smsid"] == "20100501120000"
        assert found["numbers"] == {
            "delivered": ["79010000001", "79010000002"],
            "notDelivered": ["79010000003", "79010000004"],
            "waiting": ["79010000005"],
            "enqueued": ["79010000006"],
            "cancel": ["79010000007"],
            "onModer": ["79010000008"],
        }

    def test_report_detail_by_our_smsid(self, provider: SmsPager) -> None:
        _, found = run("report_detail", [vector("detail.xml")], provider, smsid="x")
        assert found["campaign"] is None
        assert found["numbers"]["cancel"] == []

    @pytest.mark.parametrize(("check", "action"), [(True, "check"), (False, "make")])
    def test_cancel(self, provider: SmsPager, check: bool, action: str) -> None:
        reply = vector("cancelled.xml")
        (call,), found = run("cancel", [reply], provider, smsid="x", check=check)
        assert values(call)["action"] == action
        assert found == {"action": "make", "cancelled": 2}

    def test_check(self, provider: SmsPager) -> None:
        numbers = ["+79019011234", "7-902-902-12 34", "89039031234"]
        (call,), found = run(
            "check",
            [vector("checked.xml")],
            provider,
            to=numbers,
            text=TEXT,
            sender="Magazin",
        )
        assert (call.operation, call.path) == ("check", "/send.xml")
        assert elements(call)[2:] == [
            ("action", {}, "check"),
            ("text", {}, TEXT),
            ("source", {}, "Magazin"),
            *(("to", {"number": number}, "") for number in numbers),
        ]
        assert found == {
            "recipients": 3,
            "sendable": 3,
            "not_sendable": 0,
            "parts": 3,
            "cost": "1.14",
            "price": "0.38",
        }

    def test_check_of_what_xml_cannot_carry(self, provider: SmsPager) -> None:
        _, found = run("check", [], provider, to=["79019011234"], text="\x00")
        assert found.code == "text"

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("report", {"start": "01.05.2010"}),
            ("report_detail", {}),
            ("report_detail", {"smsid": "with blank"}),
            ("cancel", {"smsid": ""}),
            ("check", {"to": [], "text": "x"}),
            ("check", {"to": ["<&>12"], "text": "x"}),
            ("balance", {"more": 1}),
        ],
    )
    def test_arguments(
        self, provider: SmsPager, name: str, arguments: dict[str, object]
    ) -> None:
        with pytest.raises(msgspec.ValidationError):
            run(name, [], provider, **arguments)

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("balance", {}),
            ("report", {}),
            ("report_detail", {"smsid": "x"}),
            ("cancel", {"smsid": "x"}),
            ("check", {"to": ["79019011234"], "text": "x"}),
        ],
    )
    def test_refused(
        self, provider: SmsPager, name: str, arguments: dict[str, object]
    ) -> None:
        _, found = run(name, [vector("refused.xml")], provider, **arguments)
        assert found == Fault(FaultClass.ACCOUNT, "501", "wrong login or password")


class TestDocument:
    @pytest.mark.parametrize("word", [*CODES, *STATES, "70x", "colNonSendAbonent"])
    def test_every_code_and_group(self, word: str) -> None:
        assert word in DOCUMENT
