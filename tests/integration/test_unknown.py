"""What was written and never answered: resend, hold, fail."""

import asyncio
import time

import pytest
from fakes.smsc import FakeSmsc
from integration.client import LIMIT
from integration.site import (
    Site,
    a_bind,
    acknowledged,
    connector,
    receipt,
    submits,
)

from pdu import SubmitSm, SubmitSmResp

SOON = "300ms"
"""A response_timeout."""


def response(pdu: SubmitSm, smsc_id: str) -> SubmitSmResp:
    return SubmitSmResp(sequence=pdu.sequence, message_id=smsc_id)


async def test_late_response_of_a_held_message(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    carrier = connector(smsc, on_unknown="hold", response_timeout=SOON)
    await site.start(carrier=carrier)
    id_ = await site.submit(text="x" * 200)
    first, second = await submits(smsc, 2)
    message = await site.is_held(id_)
    assert message["state"] == "submitting"
    bind = await a_bind(smsc)
    bind.send(response(second, "b"))
    bind.send(response(first, "a"))
    await site.reaches(id_, "submitted")
    bind.deliver(receipt(bind, "a"))
    receipt(bind, "b")
    message = await site.reaches(id_, "delivered")
    assert not message["held"]
    assert len(smsc.submitted) == 2
    assert [event["type"] for event in await site.told(1)] == ["message.delivered"]


async def early(site: Site, count: int) -> None:
    """Wait for so many receipts that told what a lost answer had not."""
    name = 'esmed_receipts_total{connector="carrier",match="early"}'
    deadline = time.monotonic() + LIMIT
    while await site.metric(name) < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_receipt_of_a_held_message(site: Site, smsc: FakeSmsc):
    """Its answer is lost, so nobody knows the id that the receipt names."""
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold", response_timeout=SOON))
    id_ = await site.submit()
    await submits(smsc, 1)
    await site.is_held(id_)
    bind = await a_bind(smsc)
    await acknowledged(smsc, receipt(bind, "7b", stat="ENROUTE"))
    message = await site.reaches(id_, "buffered")
    assert not message["held"]
    await acknowledged(smsc, receipt(bind, "7b"))
    message = await site.reaches(id_, "delivered")
    assert message["segments"][0]["attempts"][0]["smsc_id"] == "7b"
    assert [event["type"] for event in await site.told(1)] == ["message.delivered"]
    assert len(smsc.submitted) == 1
    (answer,) = [one for one in await site.trace(id_) if one["event"] == "answer"]
    assert (answer["outcome"], answer["code"]) == ("accepted", "receipt")
    assert answer["smsc_id"] == "7b"
    assert "status" not in answer
    assert "no answer within 0.3 s, but a receipt came" in answer["detail"]


@pytest.mark.parametrize("restart", [False, True])
async def test_receipt_before_its_message_is_held(
    site: Site, smsc: FakeSmsc, restart: bool
):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold"))
    id_ = await site.submit()
    await submits(smsc, 1)
    bind = await a_bind(smsc)
    await acknowledged(smsc, receipt(bind, "7b", stat="UNDELIV", err="011"))
    assert (await site.message(id_))["state"] == "submitting"
    if restart:
        await site.restart()
    else:
        bind.reset()
    message = await site.reaches(id_, "undeliverable")
    assert message["error"]["code"] == "011"
    assert len(smsc.submitted) == 1
    if not restart:
        await early(site, 1)


async def test_receipt_that_may_be_of_two_held_messages(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold", response_timeout=SOON))
    ids = [await site.submit(text=text) for text in ("one", "two")]
    written = {pdu.short_message: pdu for pdu in await submits(smsc, 2)}
    for id_ in ids:
        await site.is_held(id_)
    bind = await a_bind(smsc)
    await acknowledged(smsc, receipt(bind, "7b"))
    other = await site.submit(to="380671111111", text="three")
    await submits(smsc, 3)
    await site.is_held(other)
    # Whoever looks for this one's message has looked for the other one's before.
    await acknowledged(smsc, receipt(bind, "7c", to="380671111111"))
    await site.reaches(other, "delivered")
    for id_ in ids:
        assert (await site.message(id_))["held"]
    bind.send(response(written[b"two"], "7b"))
    await site.reaches(ids[1], "delivered")
    assert (await site.message(ids[0]))["held"]


async def test_late_refusal_of_a_held_message(site: Site, smsc: FakeSmsc):
    """Now it is known that it was not taken: it may go again."""
    smsc.answer = smsc.ignore
    carrier = connector(smsc, on_unknown="hold", response_timeout=SOON)
    await site.start(carrier=carrier)
    id_ = await site.submit()
    [pdu] = await submits(smsc, 1)
    await site.is_held(id_)
    smsc.answer = smsc.accept
    bind = await a_bind(smsc)
    bind.send(SubmitSmResp(sequence=pdu.sequence, status=0x14))  # ESME_RMSGQFUL
    await submits(smsc, 2)
    message = await site.reaches(id_, "submitted")
    assert not message["held"]


@pytest.mark.parametrize("restart", [False, True])
async def test_resolve_to_send_again(site: Site, smsc: FakeSmsc, restart: bool):
    smsc.answer = smsc.ignore
    carrier = connector(smsc, on_unknown="hold", response_timeout=SOON)
    await site.start(carrier=carrier)
    id_ = await site.submit()
    await site.is_held(id_)
    if restart:
        await site.restart()
        await site.is_held(id_)
    smsc.answer = smsc.accept
    answer = await site.post(f"/v1/messages/{id_}/resolve", {"as": "resend"})
    assert not answer["held"]
    message = await site.reaches(id_, "submitted")
    assert not message["held"]
    assert len(smsc.submitted) == 2
    # Once is enough.
    status, problem = await site.ask(
        "POST", f"/v1/messages/{id_}/resolve", {"as": "resend"}
    )
    assert status == 409
    assert "not held" in problem["detail"]
    receipt(await a_bind(smsc), "m1")
    await site.reaches(id_, "delivered")


async def test_resolve_to_fail(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    carrier = connector(smsc, response_timeout=SOON)
    await site.start(carrier=carrier)
    id_ = await site.submit(on_unknown="hold")
    await site.is_held(id_)
    answer = await site.post(f"/v1/messages/{id_}/resolve", {"as": "fail"})
    assert answer["state"] == "unknown"
    assert answer["final"]
    assert [event["type"] for event in await site.told(1)] == ["message.unknown"]
    assert len(smsc.submitted) == 1


async def test_nobody_resolves(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    carrier = connector(
        smsc, on_unknown="hold", response_timeout=SOON, hold_timeout="24h"
    )
    await site.start(carrier=carrier)
    id_ = await site.submit()
    await site.is_held(id_)
    site.clock.shift(23 * 3600)
    other = await site.submit(text="2")
    await site.is_held(other)
    assert (await site.message(id_))["held"]
    site.clock.shift(3601)
    await site.reaches(id_, "unknown")
    assert (await site.message(other))["held"]
    assert len(smsc.submitted) == 2


async def test_fail_and_what_comes_after(site: Site, smsc: FakeSmsc):
    site.webhooks["events"] = ["message.final", "message.amended"]
    smsc.answer = smsc.ignore
    carrier = connector(smsc, on_unknown="fail", response_timeout=SOON)
    await site.start(carrier=carrier)
    id_ = await site.submit()
    message = await site.reaches(id_, "unknown")
    assert "no answer within 0.3 s" in message["error"]["detail"]
    [pdu] = smsc.submitted
    bind = await a_bind(smsc)
    bind.send(response(pdu, "late"))
    await acknowledged(smsc, receipt(bind, "late"))
    events = await site.told(2)
    assert events[0]["type"] == "message.unknown"
    assert events[-1]["type"] == "message.amended"
    message = await site.message(id_)
    assert message["state"] == "unknown"
    assert message["segments"][0]["state"] == "delivered"
    assert len(smsc.submitted) == 1


async def test_resend_after_a_timeout(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, response_timeout=SOON))
    id_ = await site.submit()
    first, second, *_ = await submits(smsc, 2)
    assert first.short_message == second.short_message
    smsc.answer = smsc.accept
    await site.reaches(id_, "submitted")
    receipt(await a_bind(smsc), "m1")
    await site.reaches(id_, "delivered")
    timeline = (await site.get(f"/v1/messages/{id_}/trace"))["timeline"]
    answers = [entry for entry in timeline if entry["event"] == "answer"]
    assert answers[0]["outcome"] == "unknown"
    assert answers[-1]["outcome"] == "accepted"


async def test_resend_answered_late_while_it_waits(site: Site, smsc: FakeSmsc):
    """An answer in time spares the second submission."""
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, response_timeout=SOON, window=1))
    ids = [await site.submit(text=text) for text in ("one", "two")]
    first = (await submits(smsc, 1))[0]
    # While "two" has the only place in the window, "one" waits for its second turn.
    await site.post("/v1/connectors/carrier/pause")
    await site.connector("carrier", "paused", window_used=0)
    bind = await a_bind(smsc)
    written = len(smsc.submitted)
    bind.send(response(first, "intime"))
    await site.reaches(ids[0], "submitted")
    smsc.answer = smsc.accept
    await site.post("/v1/connectors/carrier/resume")
    await site.reaches(ids[1], "submitted")
    receipt(bind, "intime")
    await site.reaches(ids[0], "delivered")
    again = [pdu.short_message for pdu in smsc.submitted[written:]]
    assert b"one" not in again


async def test_link_lost_with_hold_over_a_restart(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold"))
    ids = [await site.submit(text=f"{number}") for number in range(30)]
    await submits(smsc, 10)
    (await a_bind(smsc)).reset()
    for id_ in ids[:10]:
        await site.is_held(id_)
    await submits(smsc, 20)
    smsc.answer = smsc.accept
    await site.restart()
    for id_ in ids[20:]:
        await site.reaches(id_, "submitted")
    for id_ in ids[:20]:
        assert (await site.message(id_))["held"]
    assert len(smsc.submitted) == 30
    assert len({pdu.short_message for pdu in smsc.submitted}) == 30
