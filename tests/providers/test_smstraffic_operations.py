"""`esmed.providers.smstraffic`: what can be asked of it beside sending."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from providers import exchange
from providers.exchange import calls
from providers.smstraffic import NOW, VECTORS, provider, reply, vector

from esmed.bridge.base import HttpCall, NoReply, Reply, Wait
from esmed.models import Fault, FaultClass

API, API2 = "https://api.smstraffic.ru", "https://api2.smstraffic.ru"
MADE = "16e15fec1d27803e18511793b5bf699e"
LOST = NoReply("no route to host")


def at(node: str, answer: Reply) -> Reply:
    return msgspec.structs.replace(answer, node=node)


def run(
    name: str,
    arguments: dict[str, Any],
    answers: Sequence[Reply | NoReply],
    **changes: object,
) -> tuple[Any, list[HttpCall | Wait]]:
    """The result of an operation whose calls are answered so, and its steps."""
    procedure = exchange.procedure_of(provider(**changes), name)
    result, asked = exchange.run(procedure, arguments, answers, NOW)
    assert len(calls(asked)) == len(answers)
    return result, asked


def body_of(call: HttpCall) -> Any:
    return json.loads(call.body)


def test_those_there_are() -> None:
    names = [one.name for one in provider().procedures()]
    assert names == ["account", "statuses", "checked", "send_template", "report"]


def test_the_account() -> None:
    result, (call,) = run("account", {}, [reply(vector("account.json"))])
    assert result == {"account": "12520.35"}
    assert isinstance(call, HttpCall)
    assert (call.method, call.path) == ("GET", "/v2/account")


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        (reply(vector("denied.json")), FaultClass.ACCOUNT),
        (reply(b"", 403), FaultClass.ACCOUNT),
        (reply(b"", 429), FaultClass.TEMPORARY),
        (reply(b"<html>"), FaultClass.TEMPORARY),
        (reply({"success": True, "data": []}), FaultClass.TEMPORARY),
    ],
)
def test_the_account_that_is_not_shown(answer: Reply, cls: FaultClass) -> None:
    result, _ = run("account", {}, [answer])
    assert isinstance(result, Fault)
    assert result.cls is cls


# --- states


def test_statuses_by_either_name() -> None:
    arguments = {"ids": ["1046379029789147161"], "tracking_data": ["108c"]}
    result, (call,) = run("statuses", arguments, [reply(vector("statuses.json"))])
    assert isinstance(call, HttpCall)
    assert body_of(call) == {
        "ids": ["1046379029789147161"],
        "trackingData": ["108c"],
        "extendedInfo": True,
    }
    first, second = result["statuses"]
    assert first == {
        "id": "1046379029789147161",
        "tracking_data": "108c3492-98ef-44b4-ab17-ee20c864584a",
        "submission_date": "2025-11-27T10:56:41.562000Z",
        "send_date": "2025-11-27T10:56:41.593000Z",
        "delivery_date": "2025-11-27T10:56:42.341000Z",
        "status": "Delivered",
        "state": "delivered",
        "operator_id": 1971,
        "mcc": 250,
        "mnc": 99,
    }
    assert second["status_extended"] == {"code": 3, "description": "Unknown subscriber"}


def test_statuses_as_they_are_where_they_are_odd() -> None:
    odd = {"smsId": 2**64, "status": "", "sendDate": "soon", "new": [1]}
    answer = reply({"success": True, "data": [odd, None]})
    result, _ = run("statuses", {"ids": ["1"], "extended": False}, [answer])
    assert result["statuses"] == [
        {"id": "18446744073709551616", "status": "", "state": None}
        | {"send_date": "soon", "new": [1]}
    ]


def test_statuses_of_nothing() -> None:
    result, asked = run("statuses", {}, [])
    assert isinstance(result, Fault)
    assert (result.code, asked) == ("ids", [])


def test_statuses_that_are_refused() -> None:
    result, _ = run("statuses", {"ids": ["1"]}, [reply(vector("denied.json"))])
    assert isinstance(result, Fault)
    assert result.code == 403


def test_checked() -> None:
    ids = ["1046379029789147161", "1046379029789147162"]
    result, (call,) = run("checked", {"ids": ids}, [reply(vector("checked.json"))])
    assert isinstance(call, HttpCall)
    assert call.path == "/v2/statuses/checked"
    assert body_of(call) == ids
    assert result == json.loads(vector("checked.json"))["data"]


def test_checked_that_is_denied() -> None:
    # HTTP 200, and a code of the API that v1 has for something else (Q-ST-8).
    result, _ = run("checked", {"ids": ["1"]}, [reply(vector("denied.json"))])
    assert isinstance(result, Fault)
    assert (result.cls, result.code) == (FaultClass.ACCOUNT, 403)


@pytest.mark.parametrize("data", [None, [], {"updated": "x", "failed": [None]}])
def test_checked_without_its_lists(data: object) -> None:
    answer = reply({"success": True, "data": data})
    result, _ = run("checked", {"ids": ["1"]}, [answer])
    assert result == {"updated": [], "failed": []}


# --- templates


SAMPLE = json.loads(vector("send_request.json"))
TEMPLATE: dict[str, Any] = {
    "text": "Hello, [[name]]!",
    "timeout": 86400,
    "max_parts": 255,
    "destinations": [
        {
            "to": "78000000001",
            "params": {"name": "Ivan"},
            "tracking_data": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
        },
        {"to": "78000000002", "text": "Individual message for 78000000002"},
    ],
    "sender": "Originator",
    "tracking_data": "common-tracking-0001",
    "start_at": "2025-01-01T10:30:00+03:00",
    "batch_name": "Batch via API 0001",
    "restrictive_id": "ba52-5ad86d408887",
}


def test_a_template_as_the_description_writes_it() -> None:
    answer = reply(vector("accepted.json"))
    result, (call,) = run(
        "send_template", TEMPLATE, [answer], schedule_field="startTime"
    )
    assert isinstance(call, HttpCall)
    assert body_of(call) == SAMPLE
    assert result == {
        "destinations": [
            {
                "to": "78000000001",
                "id": "1046379029789147161",
                "tracking_data": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
            },
            {
                "to": "78000000002",
                "id": "1046379029789147194",
                "tracking_data": "common-tracking-0001",
                "error": {
                    "class": "message",
                    "code": 432,
                    "detail": "blocked phone: 78000000002. No messages has been sent",
                },
            },
        ]
    }


def test_a_template_starts_as_the_table_has_it() -> None:
    _, (call,) = run("send_template", TEMPLATE, [reply(vector("accepted.json"))])
    assert isinstance(call, HttpCall)
    assert body_of(call)["scheduling"] == {
        "startDateTime": "2025-01-01T10:30:00+03:00",
        "localtime": False,
    }


@pytest.mark.parametrize(
    ("change", "field"), [({"text": None}, "text"), ({"start_at": "soon"}, "start_at")]
)
def test_a_template_that_cannot_be_sent(change: dict[str, Any], field: str) -> None:
    result, asked = run("send_template", TEMPLATE | change, [])
    assert isinstance(result, Fault)
    assert (result.code, asked) == (field, [])


def test_a_template_that_was_sent_before() -> None:
    least = {"destinations": [{"to": "78000000001", "text": "x"}]}
    answer = reply(vector("duplicate.json"))
    result, (call,) = run("send_template", least, [answer])
    assert isinstance(call, HttpCall)
    assert body_of(call) == {
        "channels": {"sms": {"transliterate": False}},
        "destinations": [
            {"to": 78000000001, "content": {"sms": {"message": "x"}}},
        ],
    }
    assert isinstance(result, Fault)
    assert result.code == 105


# --- reports


WISH = json.loads(vector("report_request.json"))
CREATED = reply(vector("report_created.json"))
ROW = ["12345", "2021-01-01T00:00:00+03:00", "hello world", "Delivered"]
AS_JSON = reply(b'{"count":1,"messages":[["12345","2021-01-01T00:00:00+03:00"]]}')


def test_a_report_takes_its_time_at_the_node_that_makes_it() -> None:
    nothing = Reply(status=204)
    answers = [at(API2, CREATED), nothing, nothing, AS_JSON]
    result, asked = run("report", WISH, answers)
    create, *downloads = calls(asked)
    assert (create.method, create.path, create.node) == ("POST", "/v2/report", None)
    assert body_of(create) == WISH
    assert {one.path for one in downloads} == {f"/v2/report/{MADE}"}
    assert {one.node for one in downloads} == {API2}
    assert {one.method for one in downloads} == {"GET"}
    # The provider keeps a download waiting for five minutes.
    assert all((one.response_timeout or 0) > 300 for one in downloads)
    assert [step.seconds for step in asked if isinstance(step, Wait)] == [1.0, 1.0]
    assert result == {
        "report_id": MADE,
        "format": "json",
        "count": 1,
        "messages": [["12345", "2021-01-01T00:00:00+03:00"]],
    }


def test_q_st_4_the_id_by_its_other_name() -> None:
    created = reply({"code": 0, "description": "", "report_id": "77"})
    result, asked = run("report", {}, [at(API, created), AS_JSON])
    assert result["report_id"] == "77"
    assert body_of(calls(asked)[0]) == {}


@pytest.mark.parametrize(
    "body",
    [
        vector("report_as_printed.txt"),
        json.dumps({"count": 1, "messages": [[{"x": cell} for cell in ROW]]}).encode(),
        json.dumps({"count": 1, "messages": [ROW], "new": True}).encode(),
    ],
)
def test_q_st_5_rows_however_they_are_written(body: bytes) -> None:
    result, _ = run("report", WISH, [at(API, CREATED), reply(body)])
    assert result["messages"] == [ROW]


@pytest.mark.parametrize(
    ("form", "body"),
    [("csv", (VECTORS / "report.csv").read_bytes()), ("zip", b"PK\x03\x04\xff\x00")],
)
def test_files(form: str, body: bytes) -> None:
    answer = reply(body, content_type="text/csv")
    result, asked = run("report", WISH | {"format": form}, [at(API, CREATED), answer])
    assert body_of(calls(asked)[0])["format"] == form
    assert b64decode(result.pop("content")) == body
    assert result == {
        "report_id": MADE,
        "format": form,
        "content_type": "text/csv",
        "octets": len(body),
    }


@pytest.mark.parametrize(
    "lost", [LOST, reply(vector("report_gone.json"), 404), reply(b"", 502)]
)
def test_a_node_that_is_lost_has_the_other_make_it_anew(
    lost: Reply | NoReply,
) -> None:
    answers: list[Reply | NoReply] = [at(API, CREATED), lost]
    answers += [at(API2, CREATED), AS_JSON]
    result, asked = run("report", WISH, answers)
    assert [one.node for one in calls(asked)] == [None, API, API2, API2]
    assert result["count"] == 1


def test_both_nodes_are_lost() -> None:
    answers: list[Reply | NoReply] = [at(API, CREATED), LOST, at(API2, CREATED), LOST]
    result, _ = run("report", WISH, answers)
    assert isinstance(result, Fault)
    assert (result.cls, result.detail) == (FaultClass.TEMPORARY, "no route to host")


def test_trouble_of_the_node_that_is_to_make_it() -> None:
    trouble = reply({"code": 1000, "description": "…"})
    answers = [at(API, trouble), at(API2, CREATED), AS_JSON]
    result, asked = run("report", WISH, answers)
    assert [one.node for one in calls(asked)] == [None, API2, API2]
    assert result["count"] == 1


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        (reply({"code": 1, "description": "bad format"}), FaultClass.PROTOCOL),
        (reply(b"", 403), FaultClass.ACCOUNT),
        (reply(b"", 404), FaultClass.PROTOCOL),
    ],
)
def test_a_report_that_is_not_made(answer: Reply, cls: FaultClass) -> None:
    result, _ = run("report", WISH, [at(API, answer)])
    assert isinstance(result, Fault)
    assert result.cls is cls


def test_a_report_that_we_may_not_have() -> None:
    result, _ = run("report", WISH, [at(API, CREATED), reply(b"", 403)])
    assert isinstance(result, Fault)
    assert result.cls is FaultClass.ACCOUNT


def test_a_report_that_cannot_be_read() -> None:
    result, _ = run("report", WISH, [at(API, CREATED), reply(b"<html>")])
    assert isinstance(result, Fault)
    assert result.cls is FaultClass.TEMPORARY
    odd = reply({"messages": {"a": 1}})
    result, _ = run("report", WISH, [at(API, CREATED), odd])
    assert result["messages"] == []
    odd = reply({"messages": ["x", [["1"]]]})
    result, _ = run("report", WISH, [at(API, CREATED), odd])
    assert result["messages"] == ["x", [["1"]]]


@pytest.mark.parametrize("created", [b"<html>", b'{"reportId": ""}'])
def test_no_id_twice(created: bytes) -> None:
    answers = [at(API, reply(created)), at(API2, reply(created))]
    result, _ = run("report", WISH, answers)
    assert isinstance(result, Fault)
    assert result.cls is FaultClass.TEMPORARY


def test_a_report_that_never_gets_ready() -> None:
    procedure = {one.name: one for one in provider().procedures()}["report"]
    wanted = msgspec.convert(WISH, procedure.arguments)
    steps = procedure.run(wanted, NOW)
    step = next(steps)
    waited, result = 0.0, None
    try:
        for _ in range(20_000):
            if isinstance(step, Wait):
                waited += step.seconds
                step = steps.send(Reply(status=0))
            elif step.method == "POST":
                step = steps.send(at(API, CREATED))
            else:
                step = steps.send(Reply(status=204))
    except StopIteration as end:
        result = end.value
    assert isinstance(result, Fault)
    assert procedure.seconds <= waited < 20_000


@pytest.mark.parametrize("field", ["from", "to"])
def test_a_date_that_is_none(field: str) -> None:
    result, asked = run("report", {field: "yesterday"}, [])
    assert isinstance(result, Fault)
    assert (result.code, asked) == (field, [])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("report", {"format": "xls"}),
        ("report", {"limit": 1001}),
        ("report", {"fields": ["colour"]}),
        ("checked", {"ids": []}),
        ("send_template", {"destinations": []}),
        ("send_template", {"destinations": [{"to": "+7800"}]}),
        ("account", {"currency": "RUB"}),
    ],
)
def test_arguments_that_cannot_be(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        run(name, arguments, [])
