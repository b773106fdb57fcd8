"""Whatever is sent, the answer is one of the contract's, and never a fault of ours."""

import asyncio
import json
import logging
from typing import Any

from fakes.httprig import Rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esmed.api import bodies, schema
from esmed.caller import Caller
from esmed.models import Record
from esmed.refusals import InvalidError, RefusedError

NOW = 1_767_225_600_000
ANYONE = Caller(name=None, admin=True)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs"]), max_size=3)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
)
sensible: dict[str, st.SearchStrategy[Any]] = {
    "to": st.sampled_from(["380501234567", "+38 050", "", "x", ["380501", "381"]]),
    "from": st.sampled_from(["Shop", "12345", "", "Крамниця", "a" * 30]),
    "text": st.text(max_size=400),
    "data": st.sampled_from(["00ff", "0", "", "00" * 300]),
    "udh": st.sampled_from(["0100", "0500030a0201", "", "zz"]),
    "encoding": st.sampled_from(["auto", "gsm7", "ucs2", "latin1", "binary", "x"]),
    "transliterate": st.booleans(),
    "flash": st.booleans(),
    "max_parts": st.integers(-1, 300),
    "validity": st.integers(-1, 10**9),
    "send_at": st.datetimes(timezones=st.timezones()).map(str)
    | st.sampled_from(["2026-01-01T09:00:00Z", "9999-12-31T23:59:59-23:59"]),
    "priority": st.sampled_from(["bulk", "normal", "high", "x"]),
    "receipt": st.sampled_from(["final", "all", "none", "x"]),
    "connector": st.sampled_from(["carrier", "backup", "x", ""]),
    "reference": st.text(max_size=300),
    "webhook_url": st.sampled_from(["http://a/", "x", "http://[", ""]) | st.text(),
    "on_unknown": st.sampled_from(["resend", "hold", "fail", "x"]),
}
messages = st.fixed_dictionaries(
    {}, optional={name: one | scalars for name, one in sensible.items()}
)
good = st.fixed_dictionaries(
    {"to": sensible["to"]}, optional={k: v for k, v in sensible.items() if k != "to"}
)
anything = st.one_of(
    good.map(json.dumps).map(str.encode),
    messages.map(json.dumps).map(str.encode),
    values.map(json.dumps).map(str.encode),
    st.binary(),
)


def drafts(rig: Rig, body: bytes) -> list[Record] | RefusedError:
    try:
        wanted = schema.requests(bodies.submit(body, NOW), NOW)
        return [rig.gateway.drafts.draft(one, ANYONE, NOW) for one in wanted]
    except RefusedError as exc:
        return exc


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(anything)
async def test_submissions(rig: Rig, body: bytes) -> None:
    """Below HTTP, where there is time for many."""
    records = drafts(rig, body)
    if isinstance(records, InvalidError):
        assert records.errors
        return
    assert isinstance(records, list)
    for record in records:
        assert record.request.to.isdigit()
        assert record.progress.parts >= 1


async def post_all(rig: Rig, path: str, sent: list[bytes], statuses: set[int]) -> None:
    replies = await asyncio.gather(*(rig.post(path, data=body) for body in sent))
    for body, reply in zip(sent, replies, strict=True):
        assert reply.status in statuses, (body, reply)
        if reply.status == 400:
            assert reply.json["errors"], body


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(anything, min_size=1, max_size=20))
async def test_over_http(rig: Rig, sent: list[bytes]) -> None:
    await post_all(rig, "/v1/messages", sent, {202, 400, 503})
    await post_all(rig, "/v1/estimate", sent, {200, 400})


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(messages | values, max_size=20), messages | st.none())
async def test_batches(rig: Rig, sent: list[Any], defaults: Any) -> None:
    body = json.dumps({"messages": sent, "defaults": defaults}).encode()
    reply = await rig.post("/v1/messages/batch", data=body)
    assert reply.status in {200, 400, 503}
    if reply.status == 200:
        assert len(reply.json["messages"]) == len(sent)
        assert reply.json["accepted"] + reply.json["refused"] == len(sent)


async def test_nothing_was_logged_as_a_fault(rig: Rig, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        for body in (b"", b"{}", b"[", b'{"to": {}}', b"\xff" * 1000):
            await rig.post("/v1/messages", data=body)
    assert caplog.records == []
