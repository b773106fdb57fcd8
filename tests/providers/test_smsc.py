"""`esmed.providers.smsc`: messages out, and what smsc's document has it answer."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge.base import HttpCall, Outgoing, Reply
from esmed.models import (
    Accepted,
    Deferred,
    FaultClass,
    Outcome,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers.smsc import Config, create, sending, tables
from esmed.secret import Secret

NOW = 1_325_376_000_000  # 2012-01-01T00:00:00Z
DAY = 86_400_000
CONFIG = Config(
    base_urls=("https://smsc.ua", "https://www2.smsc.ua"),
    login="alex",
    password=Secret("123"),
)
PROVIDER = create(CONFIG)
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"
TO = "79999999999"

MESSAGE, ACCOUNT = FaultClass.MESSAGE, FaultClass.ACCOUNT
TEMPORARY, PROTOCOL = FaultClass.TEMPORARY, FaultClass.PROTOCOL


def outgoing(
    text: str | None = "Hello!",
    *,
    own: str = ID,
    to: str = TO,
    sender: str | None = None,
    doubtful: bool = False,
    expires_at: int = NOW + DAY,
    **of_request: object,
) -> Outgoing:
    values = {"to": to, "text": text, **of_request}
    return Outgoing(
        id=own,
        request=Request(**values),  # type: ignore[arg-type]
        sender=sender,
        expires_at=expires_at,
        doubtful=doubtful,
    )


def form(call: HttpCall) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("ascii"), strict_parsing=True))


def answered(
    body: bytes | str, *messages: Outgoing, status: int = 200
) -> tuple[list[Outcome], float, bool]:
    given = messages or (outgoing(),)
    octets = body.encode() if isinstance(body, str) else body
    answer = PROVIDER.parse(given, Reply(status=status, body=octets), NOW)
    assert len(answer.outcomes) == len(given)
    return list(answer.outcomes), answer.pause, answer.singly


def outcome(body: bytes | str, *messages: Outgoing, status: int = 200) -> Outcome:
    (found,), _, _ = answered(body, *messages, status=status)
    return found


# --- requests ------------------------------------------------------------------------

ALWAYS = {
    "login": "alex",
    "psw": "123",
    "cost": "3",
    "op": "1",
    "err": "1",
    "charset": "utf-8",
    "fmt": "3",
}


class TestBuild:
    """The document's samples, "Приклади надсилання повідомлень"."""

    def test_a_text(self) -> None:
        call = PROVIDER.build([outgoing()], NOW)
        assert isinstance(call, HttpCall)
        assert (call.method, call.path) == ("POST", "/sys/send.php")
        assert call.headers == {"Content-Type": "application/x-www-form-urlencoded"}
        assert form(call) == ALWAYS | {
            "phones": "+79999999999",
            "mes": "Hello!",
            "id": ID,
            "valid": "24:00",
        }

    def test_flash_at_its_time_from_ivan_in_latin_letters(self) -> None:
        provider = create(replace(CONFIG, translit=1))
        message = outgoing(
            "Hello world!", sender="ivan", flash=True, send_at=NOW + 3_600_000
        )
        found = form(provider.build([message], NOW))
        # The sample's 0101120000 would be in the account's own time zone (Q-SC-5).
        assert found == ALWAYS | {
            "phones": "+79999999999",
            "mes": "Hello world!",
            "id": ID,
            "sender": "ivan",
            "flash": "1",
            "time": "01325379600",
            "valid": "23:00",
            "translit": "1",
        }

    def test_binary_with_its_header(self) -> None:
        octets = bytes.fromhex("050A0307056048656C6C6F2C20576F726C6421")
        message = outgoing(None, udh=octets[:6], data=octets[6:])
        found = form(PROVIDER.build([message], NOW))
        assert found["mes"] == "050A0307056048656C6C6F2C20576F726C6421"
        assert found["bin"] == "2"

    def test_binary_without_header_begins_with_a_zero(self) -> None:
        found = form(PROVIDER.build([outgoing(None, data=b"\xab\x01")], NOW))
        assert (found["mes"], found["bin"]) == ("00AB01", "2")

    def test_binary_is_neither_transliterated_nor_shortened(self) -> None:
        provider = create(replace(CONFIG, translit=2, tinyurl=True))
        found = form(provider.build([outgoing(None, data=b"\xab")], NOW))
        assert found.keys() & {"translit", "tinyurl"} == set()
        found = form(provider.build([outgoing()], NOW))
        assert (found["translit"], found["tinyurl"]) == ("2", "1")

    def test_several_texts_are_a_list(self) -> None:
        one = outgoing("Hello!", own=ID)
        two = outgoing("Hello\nworld!", own=OTHER, to="79999999998")
        call = PROVIDER.build([one, two], NOW)
        found = form(call)
        assert b"%0A" in call.body
        assert found.keys() & {"phones", "mes"} == set()
        assert found["list"] == "+79999999999:Hello!\n+79999999998:Hello\\nworld!"
        assert len(found["id"]) == 36
        assert PROVIDER.build([one, two], NOW) == call

    def test_each_list_has_its_own_id(self) -> None:
        one, two, three = (
            outgoing(own=f"{n}", to=f"7999999999{n}") for n in range(1, 4)
        )
        ids = {sending.own_id(each) for each in ([one, two], [one, three], [two, one])}
        assert len(ids) == 2
        assert sending.own_id([one]) == "1"

    def test_every_alphabet(self) -> None:
        text = "Привіт, 5€ 😀 a+b&c=d%"
        assert form(PROVIDER.build([outgoing(text)], NOW))["mes"] == text

    def test_rest(self) -> None:
        provider = create(replace(CONFIG, api="rest"))
        call = provider.build([outgoing("Привіт")], NOW)
        assert (call.method, call.path) == ("POST", "/rest/send/")
        assert call.headers == {"Content-Type": "application/json"}
        assert json.loads(call.body) == {
            "login": "alex",
            "psw": "123",
            "phones": "+79999999999",
            "mes": "Привіт",
            "id": ID,
            "valid": "24:00",
            "charset": "utf-8",
            "cost": 3,
            "fmt": 3,
            "op": 1,
            "err": 1,
        }

    def test_a_key_instead_of_login_and_password(self) -> None:
        config = Config(base_urls=("https://smsc.ua",), api_key=Secret("key"))
        found = form(create(config).build([outgoing()], NOW))
        assert found["apikey"] == "key"
        assert found.keys() & {"login", "psw"} == set()

    @pytest.mark.parametrize("api", ["form", "rest"])
    def test_no_secret_is_shown(self, api: str) -> None:
        config = replace(CONFIG, password=Secret("hush"), api=api)  # type: ignore[arg-type]
        call = create(config).build([outgoing()], NOW)
        assert "hush" not in f"{call!r} {call.path} {call.headers} {config!r}"

    @pytest.mark.parametrize(
        ("left", "valid"),
        [
            (1, "00:01"),
            (60, "00:01"),
            (61, "00:02"),
            (3600, "01:00"),
            (86_400, "24:00"),
            (90_000, "24:00"),
        ],
    )
    def test_validity_in_minutes_rounded_up(self, left: int, valid: str) -> None:
        message = outgoing(expires_at=NOW + left * 1000)
        assert form(PROVIDER.build([message], NOW))["valid"] == valid

    def test_a_time_that_is_past_is_now(self) -> None:
        message = outgoing(send_at=NOW - 1)
        assert "time" not in form(PROVIDER.build([message], NOW))


class TestGroup:
    def test_different_texts_go_together(self) -> None:
        one, two = outgoing("a"), outgoing("b", own=OTHER, to="1")
        assert PROVIDER.group(one) == PROVIDER.group(two)

    @pytest.mark.parametrize(
        "other",
        [
            outgoing(sender="ivan"),
            outgoing(flash=True),
            outgoing(send_at=NOW + 1000),
            outgoing(doubtful=True),
            outgoing(validity=600, expires_at=NOW + 600_000),
            outgoing(expires_at=NOW + 10 * DAY),
            outgoing(None, data=b"\0"),
        ],
    )
    def test_what_a_list_has_in_common(self, other: Outgoing) -> None:
        assert PROVIDER.group(other) != PROVIDER.group(outgoing())

    @pytest.mark.parametrize("text", ["C:\\new", "a|b", "a\rb"])
    def test_what_a_list_would_garble_goes_alone(self, text: str) -> None:
        one, two = outgoing(text), outgoing(text, own=OTHER, to="1")
        assert PROVIDER.group(one) != PROVIDER.group(two)
        assert form(PROVIDER.build([one], NOW))["mes"] == text

    def test_two_to_one_number_are_apart(self) -> None:
        one, two = outgoing("a"), outgoing("b", own=OTHER)
        assert PROVIDER.apart(one) == PROVIDER.apart(two) is not None

    def test_a_list_ends_with_its_last_message(self) -> None:
        one = outgoing(expires_at=NOW + 600_000, validity=600)
        two = outgoing(expires_at=NOW + 601_000, validity=600, own=OTHER, to="1")
        assert PROVIDER.group(one) == PROVIDER.group(two)
        assert form(PROVIDER.build([one, two], NOW))["valid"] == "00:11"


class TestRefusal:
    @pytest.mark.parametrize(
        "request_",
        [
            Request(to=TO, text="a" * 1000),
            Request(to=TO, text="a ~~~ b"),
            Request(to=TO, data=b"\0"),
            Request(to=TO, data=b"\0", udh=b"\x02\x01\x00"),
        ],
    )
    def test_what_can_be_expressed(self, request_: Request) -> None:
        assert PROVIDER.refusal(request_) is None

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (Request(to=TO, text="я" * 1001), "text"),  # Q-SC-9
            (Request(to=TO, text="all right\n~~~\nprivate"), "text"),  # Q-SC-10
            (Request(to=TO, text="~~~private"), "text"),
            (Request(to=TO, text=""), "text"),
            (Request(to=TO, data=b"\0", udh=b"\x05\x01\x00"), "udh"),
        ],
    )
    def test_what_cannot(self, request_: Request, field: str) -> None:
        fault = PROVIDER.refusal(request_)
        assert fault is not None
        assert (fault.cls, fault.code) == (MESSAGE, field)


# --- answers -------------------------------------------------------------------------

TAKEN = f"{ID}/{TO}"


@pytest.mark.parametrize(
    "body",
    [
        # fmt 0, cost 0, 2, 3
        f"OK - 1 SMS, ID - {ID}",
        f"OK - 1 SMS, ID - {ID}, COST - 1.40",
        f"OK - 1 SMS, ID - {ID}, COST - 1.40, BALANCE - 100.50",
        # fmt 1
        f"{ID},1",
        f"{ID},1,1.40",
        f"{ID},1,1.40,100.50",
        f"{ID},1,1.40,-0.5\n",
        # fmt 2
        f"<result>\n<id>{ID}</id>\n<cnt>1</cnt>\n</result>",
        f"<result><id>{ID}</id><cnt>1</cnt><cost>1.40</cost></result>",
        f"<result><id>{ID}</id><cnt>1</cnt><cost>1</cost><balance>2</balance></result>",
        f'<?xml version="1.0" encoding="windows-1251"?><result><id>{ID}</id></result>',
        # fmt 3
        f'{{\n"id": "{ID}",\n"cnt": 1\n}}',
        f'{{"id": "{ID}", "cnt": 1, "cost": "1.40"}}',
        f'{{"id": "{ID}", "cnt": 1, "cost": "1.40", "balance": "100.50"}}',
        f'\ufeff{{"balance": "83.6", "cnt": 1, "cost": "4.1", "id": "{ID}"}}',
        f'{{"cnt": "1", "id": "{ID}", "new": [1, {{}}]}}',
        '{"cnt": 1}',
    ],
)
def test_taken_in_every_format(body: str) -> None:
    assert outcome(body) == Accepted(TAKEN)


def test_the_id_may_be_theirs_and_a_number() -> None:  # Q-SC-3
    assert outcome('{"id": 1234, "cnt": 1}') == Accepted(f"1234/{TO}")


OP = (
    '{{"id": "{own}", "cnt": 2, "cost": "2.8", "balance": "100.5", "phones": [{each}]}}'
)
GOOD = (
    '{{"phone": "{to}", "mccmnc": "25001", "cost": "1.40",'
    ' "status": "-1", "error": ""}}'
)


@pytest.mark.parametrize(
    "body",
    [
        OP.format(own=ID, each=GOOD.format(to=TO)),
        OP.format(own=ID, each=f'{{"phone": "+{TO}", "error": "0"}}'),
        OP.format(own=ID, each=f'{{"phone": {TO}, "status": 0, "error": "6"}}'),
        OP.format(own=ID, each=f'{{"phone": "{TO}", "status": "1", "error": "200"}}'),
        OP.format(own=ID, each=f'{{"phone": "{TO}", "status": "77", "error": "1"}}'),
        OP.format(own=ID, each='null, 5, {"phone": ""}'),
        f"OK - 1 SMS, ID - {ID}\n{TO},25001,1.40,0,0",
        f"{ID},1\n{TO},25001,1.40,,",
        (
            f'<result><id>{ID}</id><cnt>1</cnt><phones><phone mccmnc="25001"'
            f' cost="1.40" status="0" error="0">{TO}</phone></phones></result>'
        ),
    ],
)
def test_taken_for_its_number(body: str) -> None:
    assert outcome(body) == Accepted(TAKEN)


def test_a_corrected_number_is_what_it_is_known_by() -> None:
    body = OP.format(own=ID, each=GOOD.format(to="380501234567"))
    assert outcome(body, outgoing(to="0501234567")) == Accepted(f"{ID}/380501234567")


CAUSES = {
    MESSAGE: {
        *(1, 11, 12, 13, 21, 237, 240, 241, 242, 248, 249, 250, 251, 252, 253, 255),
    },
    TEMPORARY: {6, 219, 220, 245, 246, 247},
    ACCOUNT: {238, 239, 243, 244, 254},
}


@pytest.mark.parametrize(
    ("cause", "cls"), [(one, cls) for cls, causes in CAUSES.items() for one in causes]
)
@pytest.mark.parametrize("status", ['"status": "20", ', ""])
def test_refused_for_its_number(cause: int, cls: FaultClass, status: str) -> None:
    each = f'{{"phone": "{TO}", {status}"error": "{cause}"}}'
    found = outcome(OP.format(own=ID, each=each))
    assert isinstance(found, Deferred if cls is TEMPORARY else Rejected)
    assert (found.fault.cls, found.fault.code) == (cls, cause)
    assert found.fault.detail == tables.cause(cause)


def test_every_cause_is_tried() -> None:
    assert set().union(*CAUSES.values()) | tables.HARMLESS == set(tables.CAUSES)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (3, MESSAGE),
        (20, MESSAGE),
        (22, MESSAGE),
        (23, MESSAGE),
        (25, MESSAGE),
        (24, ACCOUNT),
    ],
)
def test_refused_by_its_status_alone(status: int, cls: FaultClass) -> None:
    each = f'{{"phone": "{TO}", "status": "{status}", "error": ""}}'
    found = outcome(OP.format(own=ID, each=each))
    assert isinstance(found, Rejected)
    assert (found.fault.cls, found.fault.code) == (cls, status)


def test_a_cause_that_nobody_knows() -> None:
    each = f'{{"phone": "{TO}", "status": "20", "error": "199"}}'
    found = outcome(OP.format(own=ID, each=each))
    assert isinstance(found, Rejected)
    assert (found.fault.cls, found.fault.code) == (MESSAGE, 199)


def test_a_list_is_matched_by_number() -> None:
    one, two, three = (
        outgoing(own=own, to=to) for own, to in (("a", "71"), ("b", "72"), ("c", "73"))
    )
    each = '{"phone": "73", "status": "22", "error": "249"}, ' + GOOD.format(to="+71")
    found, _, singly = answered(OP.format(own="own", each=each), one, two, three)
    assert not singly
    assert found[0] == Accepted("own/71")
    assert isinstance(found[1], Unknown)
    assert isinstance(found[2], Rejected)


def test_a_list_without_its_numbers() -> None:
    messages = [outgoing(), outgoing(own=OTHER, to="71")]
    own = sending.own_id(messages)
    found, _, _ = answered('{"id": "own", "cnt": 2}', *messages)
    assert found == [Accepted(f"own/{TO}"), Accepted("own/71")]
    found, _, _ = answered('{"cnt": 2}', *messages)
    assert found == [Accepted(f"{own}/{TO}"), Accepted(f"{own}/71")]


ERRORS: dict[int, tuple[type, FaultClass]] = {
    1: (Rejected, PROTOCOL),
    2: (Rejected, ACCOUNT),
    3: (Rejected, ACCOUNT),
    4: (Deferred, TEMPORARY),
    5: (Rejected, PROTOCOL),
    6: (Rejected, MESSAGE),
    7: (Rejected, MESSAGE),
    8: (Rejected, MESSAGE),
    9: (Deferred, TEMPORARY),
    10: (Rejected, PROTOCOL),
}


def in_every_format(code: int) -> list[str]:
    """The document's errors; of some the id of the message is told."""
    if code in {3, 6, 7, 8}:
        return [
            f"ERROR = {code} (опис), ID - {ID}",
            f"{ID},-{code}",
            (
                f"<result><error>опис</error><error_code>{code}</error_code><id>{ID}</id>"
                "</result>"
            ),
            f'{{"error": "опис", "error_code": {code}, "id": "{ID}"}}',
            f'{{"error": "опис", "error_code": "{code}", "id": 12}}',
        ]
    return [
        f"ERROR = {code} (опис)",
        f"0,-{code}",
        f"<result>\n<error>опис</error>\n<error_code>{code}</error_code>\n</result>",
        f'{{\n"error": "опис",\n"error_code": {code}\n}}',
    ]


@pytest.mark.parametrize(
    ("code", "body"),
    [(code, body) for code in ERRORS for body in in_every_format(code)],
)
@pytest.mark.parametrize("charset", ["utf-8", "cp1251"])  # Q-SC-4
def test_every_error_in_every_format(code: int, body: str, charset: str) -> None:
    kind, cls = ERRORS[code]
    found = outcome(body.encode(charset))
    assert isinstance(found, Rejected | Deferred)
    assert isinstance(found, kind)
    assert (found.fault.cls, found.fault.code) == (cls, code)
    if "опис" in body:
        assert found.fault.detail.endswith(": опис")


def test_a_blocked_address_rests_for_minutes() -> None:
    assert answered('{"error": "ip blocked", "error_code": 4}')[1] == 600


@pytest.mark.parametrize("code", [2, 3])
def test_an_account_at_fault_rests_before_that_gets_us_blocked(code: int) -> None:
    assert answered(f'{{"error": "no", "error_code": {code}}}')[1] == 60


def test_the_providers_words_are_masked_and_cut() -> None:
    body = json.dumps({"error": f"{TO} is {'long ' * 100}", "error_code": 7})
    found = outcome(body)
    assert isinstance(found, Rejected)
    assert TO not in found.fault.detail
    assert len(found.fault.detail) < 150


class TestError9:
    SAME = '{"error": "duplicate request, wait a minute", "error_code": 9}'
    CROWD = '{"error": "too many concurrent requests", "error_code": 9}'

    def test_the_same_again_waits_for_more_than_a_minute(self) -> None:
        found = outcome(self.SAME)
        assert isinstance(found, Deferred)
        assert found.retry_after is not None
        assert found.retry_after > 60

    def test_too_many_at_once_pauses_all_for_a_little(self) -> None:
        (found,), pause, _ = answered(self.CROWD)
        assert isinstance(found, Deferred)
        assert found.retry_after == pause == 5

    def test_after_an_attempt_without_an_answer_it_may_be_that_one(self) -> None:
        assert isinstance(outcome(self.SAME, outgoing(doubtful=True)), Unknown)
        assert isinstance(outcome(self.CROWD, outgoing(doubtful=True)), Deferred)


class TestAListRefused:
    MESSAGES = (outgoing(own="a", to="71"), outgoing(own="b", to="72"))

    @pytest.mark.parametrize("code", [1, 6, 7, 8])
    def test_for_one_of_them_each_goes_alone(self, code: int) -> None:
        body = json.dumps({"error": "x", "error_code": code, "id": "c"})
        found, _, singly = answered(body, *self.MESSAGES)
        assert singly
        assert all(isinstance(each, Deferred) for each in found)

    @pytest.mark.parametrize("code", [2, 3, 4, 5, 9])
    def test_as_a_whole(self, code: int) -> None:
        body = json.dumps({"error": "x", "error_code": code})
        found, _, singly = answered(body, *self.MESSAGES)
        assert not singly
        assert found[0] == found[1]
        assert isinstance(found[0], ERRORS[code][0])

    def test_each_for_its_own_reason(self) -> None:
        phones = [{"phone": "72", "error": "254"}, {"phone": "71", "error": "249"}]
        body = json.dumps({"error": "x", "error_code": 8, "id": "c", "phones": phones})
        found, _, singly = answered(body, *self.MESSAGES)
        assert not singly
        assert [each.fault.code for each in found if isinstance(each, Rejected)] == [
            249,
            254,
        ]

    def test_only_some_are_named(self) -> None:
        phones = [{"phone": "72", "error": "254"}, {"phone": "71", "status": "-1"}]
        body = json.dumps({"error": "x", "error_code": 8, "phones": phones})
        _, _, singly = answered(body, *self.MESSAGES)
        assert singly


# --- what is no answer ---------------------------------------------------------------

BOMB = (
    '<?xml version="1.0"?>'
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    "<result><id>&b;</id></result>"
)
NONSENSE = [
    b"",
    b" \n",
    b"OK",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"<!DOCTYPE html><html><br></html>",
    b'{"id": 12',
    b'{"id":' * 3000,
    b"[]",
    b"{}",
    b"null",
    b"12",
    b"<result></result>",
    b"\xff\xfe\x00\x01",
    BOMB.encode(),
    b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><result><id>&a;</id>',
    b"<a>" * 100,
    b"x" * 10 * 2**20,
    b'{"id": "' + b"9" * 10 * 2**20,
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:20]))
def test_what_cannot_be_read_may_have_been_taken(body: bytes) -> None:
    assert isinstance(outcome(body), Unknown)
    assert isinstance(outcome(body, status=502), Unknown)


def test_a_refusal_in_the_wrong_format_is_read() -> None:  # Q-SC-1
    found = outcome("ERROR = 9 (duplicate request, wait a minute)")
    assert isinstance(found, Deferred)
    assert found.fault.code == 9


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Rejected), (429, Deferred), (503, Unknown)]
)
def test_the_http_status_where_the_body_says_nothing(status: int, kind: type) -> None:
    assert isinstance(outcome("<html></html>", status=status), kind)


def test_the_body_counts_before_the_http_status() -> None:
    assert outcome(f'{{"id": "{ID}", "cnt": 1}}', status=500) == Accepted(TAKEN)


SAMPLES = [
    OP.format(own=ID, each=GOOD.format(to=TO)).encode(),
    f"OK - 1 SMS, ID - {ID}, COST - 1.40\n{TO},25001,1.40,0,0".encode(),
    f"<result><id>{ID}</id><cnt>1</cnt></result>".encode(),
    '{"error": "опис", "error_code": 6}'.encode(),
    b"ERROR = 9 (too many)",
]


@given(
    body=st.binary(max_size=200) | st.sampled_from(SAMPLES),
    cut=st.integers(0, 200),
    more=st.binary(max_size=9),
    status=st.integers(100, 599),
)
def test_nothing_is_ever_raised(
    body: bytes, cut: int, more: bytes, status: int
) -> None:
    mutated = body[:cut] + more + body[cut:]
    for messages in ([outgoing()], [outgoing(), outgoing(own=OTHER, to="1")]):
        reply = Reply(status=status, body=mutated)
        answer = PROVIDER.parse(messages, reply, NOW)
        assert len(answer.outcomes) == len(messages)
        assert len(PROVIDER.parse_recheck(messages, reply, NOW)) == len(messages)
        PROVIDER.parse_probe(reply)
        PROVIDER.parse_pull(reply)


# --- whether the account works -------------------------------------------------------


class TestProbe:
    def test_it_asks_for_the_balance(self) -> None:
        call = PROVIDER.build_probe()
        assert call.path == "/sys/balance.php"
        assert form(call) == {
            "login": "alex",
            "psw": "123",
            "cur": "1",
            "charset": "utf-8",
            "fmt": "3",
        }

    @pytest.mark.parametrize(
        "body",
        [
            '{"balance": "250.80"}',
            '{"balance": 250.8, "currency": "UAH"}',
            "250.80",
            "250.80 UAH",
            "<balance>250.80</balance>",
            "-1.50",
        ],
    )
    def test_it_works(self, body: str) -> None:
        assert PROVIDER.parse_probe(Reply(status=200, body=body.encode())) is None

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ('{"error": "login", "error_code": 2}', 2),
            ("ERROR = 2 (x)", 2),
            ("0,-9", 9),
            ("<html></html>", 200),
            ("", 200),
            ("[]", 200),
        ],
    )
    def test_it_does_not(self, body: str, code: int) -> None:
        fault = PROVIDER.parse_probe(Reply(status=200, body=body.encode()))
        assert fault is not None
        assert fault.code == code
