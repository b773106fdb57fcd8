"""status.php of smsc: what it says, after the platform's pages and public clients."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge.base import HttpCall, News, Outgoing, Reply
from esmed.connector import Sent
from esmed.models import Accepted, Fault, FaultClass, MessageState, Request
from esmed.providers.smsc import Config, create, sending, tables
from esmed.secret import Secret

NOW = 1_679_060_000_000
TO = "79999999999"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
PROVIDER = create(
    Config(base_urls=("https://smsc.ua",), login="alex", password=Secret("123"))
)


def sent(smsc_id: str = f"{ID}/{TO}") -> Sent:
    request = Request(to=smsc_id.rpartition("/")[2], text="Hello!")
    return Sent(request=request, host="https://smsc.ua", smsc_id=smsc_id)


def reply(body: str, status: int = 200, charset: str = "utf-8") -> Reply:
    return Reply(status=status, body=body.encode(charset))


def form(call: HttpCall) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("ascii"), strict_parsing=True))


def asked(body: str, *ids: str) -> list[Any]:
    given = [sent(one) for one in ids] or [sent()]
    found = PROVIDER.parse_ask(given, reply(body))
    assert len(found) == len(given)
    return list(found)


def one(body: str) -> Any:
    (found,) = asked(body)
    return found


# --- questions -----------------------------------------------------------------------

ALWAYS = {"login": "alex", "psw": "123", "charset": "utf-8", "fmt": "3"}


def test_a_question_about_one() -> None:
    call = PROVIDER.build_ask([sent()])
    assert (call.operation, call.path) == ("status", "/sys/status.php")
    assert form(call) == ALWAYS | {"phone": TO, "id": ID}


def test_a_question_about_several_has_lists_of_one_order() -> None:
    found = form(PROVIDER.build_ask([sent("a/71"), sent("b/72"), sent("a/73")]))
    assert (found["phone"], found["id"]) == ("71,72,73", "a,b,a")


def test_several_are_asked_for_once_a_minute_at_most() -> None:
    assert PROVIDER.traits.asks_every > 60


# --- statuses ------------------------------------------------------------------------

STATES = {
    -3: None,
    -2: None,
    -1: None,
    0: None,
    1: MessageState.DELIVERED,
    2: MessageState.DELIVERED,
    3: MessageState.EXPIRED,
    4: MessageState.DELIVERED,
    6: MessageState.DELIVERED,
    20: MessageState.UNDELIVERABLE,
    22: MessageState.REJECTED,
    23: MessageState.REJECTED,
    24: MessageState.REJECTED,
    25: MessageState.UNDELIVERABLE,
    5: None,
    26: None,
    -99: None,
}


@pytest.mark.parametrize(("status", "state"), STATES.items())
@pytest.mark.parametrize(
    "body",
    [
        "Status = {status}, check_time = 17.03.2023 16:47:56, err = 0",
        "Status = {status}, check_time = 17.03.2023 16:47:56",
        "{status},1679060876,0",
        "{status},1679060876",
        (
            "<sms><status>{status}</status><last_date>17.03.2023 16:47:56</last_date>"
            "<last_timestamp>1679060876</last_timestamp><flag>0</flag><err>0</err></sms>"
        ),
        (
            '{{"status": {status}, "last_date": "17.03.2023 16:47:56", '
            '"last_timestamp": 1679060876, "flag": 0, "err": 0}}'
        ),
        '[{{"status": "{status}", "last_timestamp": "1679060876", "err": "0", '
        '"id": "' + ID + '", "phone": "+' + TO + '"}}]',
    ],
    ids=["0", "0 without err", "1", "1 without err", "2", "3", "3 of several"],
)
def test_every_status_in_every_format(
    status: int, state: MessageState | None, body: str
) -> None:
    found = one(body.format(status=status))
    if state is None:
        assert found is None
        return
    assert (found.ids, found.state, found.stat) == (
        (f"{ID}/{TO}",),
        state,
        str(status),
    )
    assert found.done_at == (None if "Status" in body else 1_679_060_876_000)
    assert found.reason == tables.STATUSES[status].text


def test_every_status_is_tried() -> None:
    assert set(tables.STATUSES) <= set(STATES)


@pytest.mark.parametrize("cause", [6, 220])
def test_the_operator_keeps_trying(cause: int) -> None:
    found = one(f'{{"status": 0, "last_timestamp": 1679060876, "err": {cause}}}')
    assert (found.state, found.err) == (MessageState.BUFFERED, str(cause))
    assert tables.cause(cause) in found.reason


@pytest.mark.parametrize("cause", sorted(tables.CAUSES))
def test_every_cause_is_told(cause: int) -> None:
    found = one(f'{{"status": 20, "last_timestamp": 1679060876, "err": {cause}}}')
    assert found.err == str(cause)
    assert found.reason == ": ".join(
        text for text in ("cannot be delivered", tables.cause(cause)) if text
    )


def test_a_cause_that_nobody_knows() -> None:
    found = one('{"status": 20, "err": 199}')
    assert (found.err, found.reason) == ("199", "cannot be delivered")


def test_everything_about_one_message() -> None:
    """all=1, of which the message may have commas."""
    found = one(
        "1,1679060876,0,1679060800,79999999999,1.40,ivan,Доставлено,Привет, мир, err"
    )
    assert (found.state, found.err) == (MessageState.DELIVERED, "0")
    found = one(
        "Status = 20, check_time = 17.03.2023 16:47:56, err = 1, send_date = "
        "17.03.2023 16:47:56, phone = 79999999999, cost = 1.40, sender_id = ivan, "
        "status_name = Невозможно доставить, message = a, b = c, comment = , type = 0"
    )
    assert (found.stat, found.err) == ("20", "1")


def test_several_of_public_code() -> None:
    body = (
        '[{"status": 25, "last_date": "17.03.2023 16:47:56", "last_timestamp": '
        '1679060876, "flag": 0, "err": 248, "id": 32, "phone": "79999999998"}, '
        '{"status": 23, "last_date": "17.03.2023 16:47:56", "last_timestamp": '
        '1679060876, "flag": 0, "err": 254, "id": 32, "phone": "79999999999"}]'
    )
    found = asked(body, "32/79999999999", "32/79999999998", "33/79999999999")
    assert [each.err for each in found[:2]] == ["254", "248"]
    assert found[2] is None


def test_several_in_xml() -> None:
    each = "<sms><status>{}</status><id>{}</id><phone>{}</phone></sms>"
    body = f"<list>{each.format(1, 'a', '71')}{each.format(20, 'b', '72')}</list>"
    found = asked(body, "b/72", "a/71")
    assert [one.stat for one in found] == ["20", "1"]


def test_one_of_several_cannot_be_told() -> None:
    """Vector 9 of the stand-in: an element with an error of its own."""
    body = (
        '[{"error": "duplicate", "error_code": 9, "id": "a", "phone": "71"}, '
        '{"status": 1, "id": "b", "phone": "72"}, null, 7]'
    )
    first, second, third = asked(body, "a/71", "b/72", "c/73")
    assert isinstance(first, Fault)
    assert (first.cls, first.code) == (FaultClass.TEMPORARY, 9)
    assert isinstance(second, News)
    assert third is None


def test_without_ids_a_number_that_is_there_once_tells() -> None:
    body = '[{"status": 1, "phone": "71"}, {"status": 20, "phone": "72"}]'
    first, second, third = asked(body, "a/71", "b/72", "c/72")
    assert isinstance(first, News)
    assert second is third is None


def test_an_answer_about_somebody_else() -> None:
    assert one('[{"status": 1, "id": "x", "phone": "71"}]') is None
    assert one('{"status": 1, "id": "x", "phone": "71"}') is None


@pytest.mark.parametrize(
    ("body", "status", "cls", "code"),
    [
        ('{"error": "x", "error_code": 1}', 200, FaultClass.PROTOCOL, 1),
        ('{"error": "x", "error_code": 2}', 200, FaultClass.ACCOUNT, 2),
        ("0,-4", 200, FaultClass.TEMPORARY, 4),
        ("ERROR = 9 (too many)", 200, FaultClass.TEMPORARY, 9),
        ("", 200, FaultClass.TEMPORARY, 200),
        ("<html><b></html>", 502, FaultClass.TEMPORARY, 502),
        ("{}", 200, FaultClass.TEMPORARY, 200),
        ("", 403, FaultClass.ACCOUNT, 403),
    ],
)
def test_no_answer(body: str, status: int, cls: FaultClass, code: int) -> None:
    found = PROVIDER.parse_ask([sent(), sent("a/71")], reply(body, status))
    assert len(found) == 2
    for each in found:
        assert isinstance(each, Fault)
        assert (each.cls, each.code) == (cls, code)


@given(body=st.binary(max_size=300), status=st.integers(100, 599))
def test_nothing_is_ever_raised(body: bytes, status: int) -> None:
    whole = Reply(status=status, body=body)
    assert len(PROVIDER.parse_ask([sent(), sent("a/71")], whole)) == 2
    PROVIDER.parse_cancel(sent(), whole)


# --- rechecks ------------------------------------------------------------------------


def outgoing(own: str = ID, to: str = TO) -> Outgoing:
    request = Request(to=to, text="Hello!")
    return Outgoing(id=own, request=request, sender=None, expires_at=NOW + 1000)


class TestRecheck:
    ONE = (outgoing(),)
    TWO = (outgoing("a", "71"), outgoing("b", "72"))

    def test_it_asks_by_our_id(self) -> None:
        call = PROVIDER.build_recheck(self.ONE, NOW)
        assert (call.operation, call.path) == ("recheck", "/sys/status.php")
        assert form(call) == ALWAYS | {"phone": TO, "id": ID}

    def test_of_a_list_it_asks_by_the_id_that_the_list_had(self) -> None:
        call = PROVIDER.build(self.TWO, NOW)
        assert isinstance(call, HttpCall)
        own = form(call)["id"]
        found = form(PROVIDER.build_recheck(self.TWO, NOW))
        assert found["id"] == f"{own},a,{own},b"
        assert found["phone"] == "71,71,72,72"

    def test_one_of_a_list_may_have_gone_alone_before(self) -> None:
        body = '[{"status": 0, "id": "b", "phone": "72"}, {"status": -3}]'
        found = PROVIDER.parse_recheck(self.TWO, reply(body), NOW)
        assert found == [None, Accepted("b/72")]

    @pytest.mark.parametrize("status", [-2, -1, 0, 1, 20, 24, 99])
    def test_what_is_known_was_taken(self, status: int) -> None:
        body = f'{{"status": {status}, "last_timestamp": 1679060876, "err": 0}}'
        found = PROVIDER.parse_recheck(self.ONE, reply(body), NOW)
        assert found == [Accepted(f"{ID}/{TO}")]

    @pytest.mark.parametrize(
        "body",
        [
            '{"status": -3, "last_timestamp": 0, "err": 0}',
            '{"error": "duplicate request", "error_code": 9}',
            '{"status": "", "err": 0}',
            "ERROR = 9 (x)",
            "",
            "<html></html>",
            "[]",
        ],
    )
    def test_else_it_is_open(self, body: str) -> None:
        assert PROVIDER.parse_recheck(self.ONE, reply(body), NOW) == [None]

    def test_some_of_a_list(self) -> None:
        own = sending.own_id(self.TWO)
        body = (
            f'[{{"status": -3, "id": "{own}", "phone": "71"}}, '
            f'{{"status": -1, "id": "{own}", "phone": "72"}}]'
        )
        found = PROVIDER.parse_recheck(self.TWO, reply(body), NOW)
        assert found == [None, Accepted(f"{own}/72")]


# --- cancels -------------------------------------------------------------------------


class TestCancel:
    def test_it_deletes_by_number_and_id(self) -> None:
        call = PROVIDER.build_cancel(sent())
        assert (call.operation, call.path) == ("cancel", "/sys/status.php")
        assert form(call) == ALWAYS | {"phone": TO, "id": ID, "del": "1"}

    @pytest.mark.parametrize("body", ["OK", '{"result": "OK"}', "<r><a>ok</a></r>"])
    def test_it_is_deleted(self, body: str) -> None:
        assert PROVIDER.parse_cancel(sent(), reply(body)) is None

    @pytest.mark.parametrize(
        ("body", "cls", "code"),
        [
            ('{"error": "x", "error_code": 5}', FaultClass.MESSAGE, 5),
            ("ERROR = 5 (x)", FaultClass.MESSAGE, 5),
            ("0,-9", FaultClass.TEMPORARY, 9),
            ('{"status": 1, "err": 0}', FaultClass.TEMPORARY, 200),
            ("", FaultClass.TEMPORARY, 200),
        ],
    )
    def test_it_is_not(self, body: str, cls: FaultClass, code: int) -> None:
        fault = PROVIDER.parse_cancel(sent(), reply(body))
        assert fault is not None
        assert (fault.cls, fault.code) == (cls, code)
