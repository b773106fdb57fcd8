"""What an operator can ask of smsc beside sending."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from providers import exchange

from esmed.bridge.base import HttpCall, Reply, Wait
from esmed.models import Fault, FaultClass
from esmed.providers.smsc import Config, create
from esmed.secret import Secret

NOW = 1_679_060_000_000
TO = "79999999999"
PROVIDER = create(
    Config(base_urls=("https://smsc.ua",), login="alex", password=Secret("123"))
)
PROCEDURES = {one.name: one for one in PROVIDER.procedures()}
OURS = {"login": "alex", "psw": "123", "charset": "utf-8", "fmt": "3"}
SENT = '{"id": 1234, "cnt": 1, "cost": "1.40", "balance": "100.50"}'


def run(
    name: str,
    body: str = SENT,
    given: Mapping[str, object] | None = None,
    status: int = 200,
) -> tuple[HttpCall | None, Any]:
    """The request of an operation, and what comes of that answer."""
    reply = Reply(status=status, body=body.encode())
    result, asked = exchange.run(PROCEDURES[name], given or {}, [reply], NOW)
    call = asked[0] if asked else None
    assert not isinstance(call, Wait)
    return call, result


def form(call: HttpCall | None, *, charset: str = "utf-8") -> dict[str, str]:
    assert call is not None
    assert call.method == "POST"
    found = dict(parse_qsl(call.body.decode("ascii"), encoding=charset))
    assert found.items() >= OURS.items()
    return {name: value for name, value in found.items() if name not in OURS}


def asks(**given: object) -> dict[str, str]:
    """What `send` sends, beside what it always does."""
    call, result = run("send", given=given)
    assert not isinstance(result, Fault), result
    found = form(call)
    assert (found.pop("op"), found.pop("err"), found.pop("cost")) == ("1", "1", "3")
    return found


# --- send ----------------------------------------------------------------------------


class TestSend:
    """The document's samples, "Приклади надсилання повідомлень"."""

    def test_a_text(self) -> None:
        call, result = run("send", given={"phones": TO, "mes": "Hello!"})
        assert call is not None
        assert (call.operation, call.path) == ("send_other", "/sys/send.php")
        assert form(call) == {
            "phones": TO,
            "mes": "Hello!",
            "cost": "3",
            "op": "1",
            "err": "1",
        }
        assert result == {
            "id": "1234",
            "messages": 1,
            "cost": "1.40",
            "balance": "100.50",
            "phones": [],
        }

    @pytest.mark.parametrize(
        "given",
        [
            {"list": "79999999999:Hello!\n79999999999:Hello\\nworld!"},
            {"list": "ivan,2|79999999999:Hello!", "nl": True},
            {
                "phones": TO,
                "mes": "Hello world!",
                "translit": 1,
                "time": "0101120000",
                "flash": True,
                "sender": "ivan",
            },
            {"phones": TO, "mes": "050A0307056048656C6C6F", "bin": 2},
            {"phones": TO, "mes": "0006\n~~~\npid: 1, dcs: 4", "bin": 2},
            {"phones": TO, "mes": "http://wap.ru\nWAP.RU", "push": True},
            {"phones": "79999999999,79999999998;G12", "hlr": True},
            {"phones": TO, "ping": True, "id": "a.B-1_" + "0" * 34},
            {"phones": TO, "mes": "Hi", "viber": True, "fileurl": "https://a.ua/a.png"},
            {"phones": TO, "fileurl": "http://a.ua/a.mp4", "whatsapp": True},
            {"phones": TO, "mes": "Hi", "soc": True},
            {"phones": TO, "mes": "Hi", "bot": "@name_bot"},
            {"phones": TO, "subj": "A subject", "mms": True, "mes": "Hi"},
            {"phones": TO, "subj": "A subject", "mms": True},
            {
                "phones": "a@example.org,b@example.org",
                "mail": True,
                "subj": "S",
                "mes": "M",
                "sender": "me@example.org",
            },
            {
                "phones": TO,
                "mes": "Hi",
                "call": True,
                "voice": "w2,en",
                "param": "25,30,8",
            },
            {"phones": TO, "mes": "Hi", "period": 0.1, "freq": 1440},
            {"phones": TO, "mes": "Hi", "valid": "00:01", "maxsms": 1, "smsreq": 10},
            {"phones": TO, "mes": "Hi", "imgcode": "q1w2", "userip": "192.0.2.1"},
            {"phones": TO, "mes": "Hi", "tinyurl": True, "pp": 7, "tz": -1},
            {"phones": TO, "mes": "Hi", "time": "10-22", "tz": 0},
        ],
    )
    def test_every_parameter(self, given: dict[str, object]) -> None:
        expected = {
            name: "1" if value is True else str(value) for name, value in given.items()
        }
        assert asks(**given) == expected

    def test_octets_are_sent_as_they_are(self) -> None:
        call, _ = run("send", given={"phones": TO, "mes": "\x05\n\xff", "bin": 1})
        assert call is not None
        assert b"mes=%05%0A%FF&" in call.body

    @pytest.mark.parametrize(
        "time",
        [
            "0",
            "0101120000",
            "01.01.12 00:00",
            "01.01.12 00: 00",
            "10-22",
            "01325379600",
            "+5",
        ],
    )
    def test_every_form_of_time(self, time: str) -> None:
        assert asks(phones=TO, mes="Hi", time=time)["time"] == time

    @pytest.mark.parametrize("valid", ["1", "24", "00:01", "23:59", "24:00"])
    def test_every_form_of_validity(self, valid: str) -> None:
        assert asks(phones=TO, mes="Hi", valid=valid)["valid"] == valid

    @pytest.mark.parametrize("cost", [0, 2])
    def test_the_price_and_balance_if_they_are_wanted(self, cost: int) -> None:
        call, _ = run("send", given={"phones": TO, "mes": "Hi", "cost": cost})
        assert form(call).get("cost", "0") == str(cost)

    @pytest.mark.parametrize(
        "given",
        [
            {"translit": 3},
            {"bin": 3},
            {"cost": 1},
            {"id": "a b"},
            {"id": "a" * 41},
            {"time": "tomorrow"},
            {"time": "1"},
            {"period": 0.01},
            {"period": 721},
            {"freq": 0},
            {"freq": 1441},
            {"smsreq": 9},
            {"smsreq": 1000},
            {"valid": "0"},
            {"valid": "25"},
            {"valid": "00:00"},
            {"valid": "24:01"},
            {"voice": "x"},
            {"voice": "m5"},
            {"param": "1"},
            {"bot": "name_bot"},
            {"fileurl": "ftp://a"},
            {"userip": "somewhere"},
            {"maxsms": 0},
            {"charset": "koi8-r"},
            {"fmt": 0},
            {"psw": "x"},
        ],
    )
    def test_what_is_no_argument(self, given: dict[str, object]) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(
                {"phones": TO, "mes": "Hi", **given}, PROCEDURES["send"].arguments
            )

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"mes": "Hi"}, "phones"),
            ({"phones": TO}, "mes"),
            ({"phones": TO, "mms": True}, "mes"),
            ({"phones": TO, "list": "71:a"}, "list"),
            ({"list": "71:a", "bin": 2}, "list"),
            ({"list": "71:a", "hlr": True}, "list"),
            ({"phones": TO, "mes": "Hi", "viber": True, "call": True}, "call"),
            ({"phones": TO, "mes": "xyz", "bin": 2}, "mes"),
            ({"phones": TO, "mes": "я", "bin": 1}, "mes"),
            ({"phones": TO, "mes": "http://wap.ru", "push": True}, "mes"),
            ({"phones": TO, "mes": "Hi", "freq": 5}, "freq"),
            ({"phones": TO, "mes": "Hi", "imgcode": "q"}, "imgcode"),
            ({"phones": TO, "mes": "Hi", "nl": True}, "nl"),
            ({"phones": TO, "mes": "Hi", "mail": True, "sender": "a"}, "subj"),
            ({"phones": TO, "mes": "Hi", "mail": True, "subj": "a"}, "sender"),
            ({"phones": TO, "fileurl": "http://a.ua/a", "mms": True}, "subj"),
        ],
    )
    def test_what_does_not_go_together(
        self, given: dict[str, object], field: str
    ) -> None:
        call, result = run("send", given=given)
        assert call is None
        assert isinstance(result, Fault)
        assert (result.cls, result.code) == (FaultClass.MESSAGE, field)

    def test_each_number_is_told(self) -> None:
        body = (
            '{"id": "a", "cnt": 2, "phones": [{"phone": "71", "mccmnc": "25501", '
            '"cost": "1", "status": "22", "error": "249"}, {"phone": "72"}]}'
        )
        _, result = run("send", body, {"phones": "71,72", "mes": "Hi"})
        assert result["cost"] is None
        assert result["phones"] == [
            {
                "phone": "71",
                "mccmnc": "25501",
                "cost": "1",
                "status": 22,
                "error": 249,
                "error_meaning": "wrong format of the number",
            },
            {
                "phone": "72",
                "mccmnc": None,
                "cost": None,
                "status": None,
                "error": None,
                "error_meaning": None,
            },
        ]


@pytest.mark.parametrize("name", ["hlr", "ping"])
def test_a_number_is_tried(name: str) -> None:
    call, result = run(name, given={"phones": TO, "id": "a"})
    assert form(call) == {
        "phones": TO,
        "id": "a",
        name: "1",
        "cost": "3",
        "op": "1",
        "err": "1",
    }
    assert result["id"] == "1234"


# --- the others ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '{"cost": "1.40", "cnt": 1}',
        '{"cost": 1.40, "cnt": "1"}',
        "<result><cost>1.40</cost><cnt>1</cnt></result>",
        "1.40,1",
        "1.40 (1 SMS)",
    ],
)
def test_the_cost_in_every_format(body: str) -> None:  # Q-SC-2
    call, result = run("cost", body, {"phones": TO, "mes": "Hi"})
    assert call is not None
    assert (call.operation, call.path) == ("cost", "/sys/send.php")
    assert form(call) == {"phones": TO, "mes": "Hi", "cost": "1"}
    assert (float(result["cost"]), result["messages"]) == (1.4, 1)


def test_a_cost_that_cannot_be_asked_for() -> None:
    call, result = run("cost", given={"mes": "Hi"})
    assert call is None
    assert result.code == "phones"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"balance": "250.80"}', {"balance": "250.80", "currency": None}),
        (
            '{"balance": "250.80", "currency": "UAH"}',
            {"balance": "250.80", "currency": "UAH"},
        ),
        ("250.80 UAH", {"balance": "250.80", "currency": "UAH"}),
    ],
)
def test_the_balance(body: str, expected: dict[str, object]) -> None:
    call, result = run("balance", body)
    assert call is not None
    assert call.path == "/sys/balance.php"
    assert form(call) == {"cur": "1"}
    assert result == expected


def test_the_status() -> None:
    body = (
        '{"status": 20, "last_date": "17.03.2023 16:47:56", "last_timestamp": '
        '1679060876, "flag": 0, "err": 1, "send_timestamp": 1679060800, "phone": '
        '79999999999, "cost": "1.40", "sender_id": "ivan", "message": "Hello!"}'
    )
    given = {"id": "1234", "phone": f"+{TO}", "all": 1}
    call, result = run("status", body, given)
    assert form(call) == {"phone": TO, "id": "1234", "all": "1"}
    assert result == {
        "status": 20,
        "last_date": "17.03.2023 16:47:56",
        "last_timestamp": 1679060876,
        "flag": 0,
        "err": 1,
        "send_timestamp": 1679060800,
        "phone": TO,
        "cost": "1.40",
        "sender_id": "ivan",
        "message": "Hello!",
        "meaning": "cannot be delivered",
        "err_meaning": "subscriber does not exist",
        "changed_at": "2023-03-17T13:47:56Z",
        "sent_at": "2023-03-17T13:46:40Z",
    }


def test_a_status_that_nobody_knows() -> None:
    _, result = run("status", "99,0,", {"id": "1234", "phone": TO})
    assert (result["meaning"], result["changed_at"]) == (None, None)


def test_delete() -> None:
    call, result = run("delete", "OK", {"id": "1234", "phone": TO})
    assert form(call) == {"phone": TO, "id": "1234", "del": "1"}
    assert result == {"deleted": True}
    _, result = run("delete", "ERROR = 5 (x)", {"id": "1234", "phone": TO})
    assert isinstance(result, Fault)


def test_incoming() -> None:
    body = (
        '[{"id": 48583869, "received": "17.03.2023 16:47:56", "phone": '
        '"79999999999", "message": "Так", "to_phone": "79990000000"}, null]'
    )
    given = {"cnt": 5, "hour": 24, "after_id": "17", "to_phone": "+79990000000"}
    call, result = run("incoming", body, given)
    assert call is not None
    assert call.path == "/sys/get.php"
    assert form(call) == {
        "get_answers": "1",
        "cnt": "5",
        "hour": "24",
        "after_id": "17",
        "to_phone": "+79990000000",
    }
    assert result == {
        "messages": [
            {
                "id": "48583869",
                "received": "17.03.2023 16:47:56",
                "phone": "79999999999",
                "message": "Так",
                "to_phone": "79990000000",
            }
        ]
    }


def test_history() -> None:
    body = '[{"id": "a", "int_id": 17, "phone": 79999999999, "status": 1}]'
    given = {"start": "01.03.2023", "end": "02.03.2023", "phone": "71", "prev_id": "9"}
    call, result = run("history", body, given)
    assert form(call) == {
        "get_messages": "1",
        "start": "01.03.2023",
        "end": "02.03.2023",
        "phone": "71",
        "format": "0",
        "cnt": "100",
        "prev_id": "9",
    }
    assert result["messages"] == [
        {"id": "a", "int_id": "17", "phone": "79999999999", "status": 1}
    ]


GIVEN: dict[str, dict[str, object]] = {
    "balance": {},
    "send": {"phones": TO, "mes": "Hi"},
    "cost": {"phones": TO, "mes": "Hi"},
    "hlr": {"phones": TO},
    "ping": {"phones": TO},
    "status": {"id": "1234", "phone": TO},
    "delete": {"id": "1234", "phone": TO},
    "incoming": {},
    "history": {"start": "01.03.2023"},
}


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize(
    ("body", "status", "cls", "code"),
    [
        ('{"error": "x", "error_code": 1}', 200, FaultClass.PROTOCOL, 1),
        ("ERROR = 2 (x)", 200, FaultClass.ACCOUNT, 2),
        ("0,-9", 200, FaultClass.TEMPORARY, 9),
        ("<result><error_code>4</error_code></result>", 200, FaultClass.TEMPORARY, 4),
        ("", 200, FaultClass.TEMPORARY, 200),
        ("<html><br></html>", 502, FaultClass.TEMPORARY, 502),
        ("nonsense", 404, FaultClass.PROTOCOL, 404),
    ],
)
def test_every_error(
    name: str, body: str, status: int, cls: FaultClass, code: int
) -> None:
    _, result = run(name, body, GIVEN[name], status)
    assert isinstance(result, Fault)
    assert (result.cls, result.code) == (cls, code)


def test_every_operation_is_tried() -> None:
    assert GIVEN.keys() == PROCEDURES.keys()


# --- configuration -------------------------------------------------------------------


def faults(**keys: object) -> dict[str, str]:
    config = Config(base_urls=("https://smsc.ua",), **keys)  # type: ignore[arg-type]
    return {fault.path: fault.message for fault in config.faults()}


class TestConfig:
    def test_who_we_are_is_needed(self) -> None:
        assert faults().keys() == {"login", "password"}
        assert faults(login="alex").keys() == {"password"}
        assert faults(login="alex", password=Secret("123")) == {}
        assert faults(api_key=Secret("key")) == {}

    def test_but_only_once(self) -> None:
        assert faults(api_key=Secret("key"), login="alex").keys() == {"api_key"}

    def test_an_address_is_needed(self) -> None:
        config = Config(base_urls=(), api_key=Secret("key"))
        assert [fault.path for fault in config.faults()] == ["base_urls"]

    @pytest.mark.parametrize(
        ("keys", "path"),
        [
            ({"concurrency": 15}, "concurrency"),
            (
                {"pull_every": 60.0, "callback_word": Secret("word")},
                "pull_every",
            ),
            ({"base_urls": ("http://smsc.ua",)}, "base_urls[0]"),
        ],
    )
    def test_advice(self, keys: dict[str, object], path: str) -> None:
        whole = {"base_urls": ("https://smsc.ua",), "api_key": Secret("key"), **keys}
        config = Config(**whole)  # type: ignore[arg-type]
        assert [fault.path for fault in config.advice()] == [path]
