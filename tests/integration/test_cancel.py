"""Cancelling what the SMSC has: cancel_sm, and every answer there is to it."""

import asyncio
from typing import Any

import pytest
from fakes.smsc import FakeSmsc
from integration.site import Site, a_bind, acknowledged, connector, receipt, simulator

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS
from pdu import CancelSm, CancelSmResp, CommandStatus, GenericNack

LONG = "x" * 200
"""Two parts."""


async def submitted(site: Site, **fields: Any) -> str:
    id_ = await site.submit(**fields)
    await site.reaches(id_, "submitted")
    return id_


def cancelling(site: Site, id_: str) -> "asyncio.Task[tuple[int, Any]]":
    return asyncio.create_task(site.ask("DELETE", f"/v1/messages/{id_}"))


async def asked(smsc: FakeSmsc, count: int = 1) -> list[CancelSm]:
    bind = smsc.bound[-1]
    await smsc.until(lambda: len(bind.of(CancelSm)) >= count)
    return [pdu for pdu in bind.of(CancelSm) if isinstance(pdu, CancelSm)]


async def test_the_smsc_drops_it(site: Site):
    async with simulator(receipt_delay=1000.0) as smsc:
        await site.start(carrier=connector(smsc))
        id_ = await submitted(site, text=LONG)
        status, message = await site.ask("DELETE", f"/v1/messages/{id_}")
        assert (status, message["state"]) == (200, "cancelled")
        assert [one["state"] for one in message["segments"]] == ["cancelled"] * 2
        assert message["error"] is None
        # Again is no mistake.
        assert (await site.ask("DELETE", f"/v1/messages/{id_}"))[0] == 200
        assert [event["type"] for event in await site.told(1)] == ["message.cancelled"]


async def test_what_is_written_and_what_is_told_later(site: Site, smsc: FakeSmsc):
    """A receipt that says so as well is no second end."""
    site.webhooks["events"] = ["message.final", "message.amended"]
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site, text=LONG)
    cancelled = cancelling(site, id_)
    bind = smsc.bound[0]
    for pdu, sent, smsc_id in zip(
        await asked(smsc, 2), smsc.submitted, ["m1", "m2"], strict=True
    ):
        assert (pdu.message_id, pdu.service_type) == (smsc_id, "")
        for name in ("ton", "npi"):
            assert getattr(pdu, f"source_addr_{name}") == getattr(
                sent, f"source_addr_{name}"
            )
            assert getattr(pdu, f"dest_addr_{name}") == getattr(
                sent, f"dest_addr_{name}"
            )
        assert (pdu.source_addr, pdu.destination_addr) == ("Shop", "380501234500")
        bind.send(CancelSmResp(sequence=pdu.sequence))
    assert (await cancelled)[0] == 200
    pdus = [receipt(bind, one, stat="DELETED") for one in ("m1", "m2")]
    await acknowledged(smsc, *pdus)
    message = await site.message(id_)
    assert message["state"] == "cancelled"
    assert [one["state"] for one in message["segments"]] == ["cancelled"] * 2
    types = [event["type"] for event in await site.told(3)]
    assert types == ["message.cancelled", "message.amended", "message.amended"]


async def test_only_some_of_it(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site, text=LONG)
    cancelled = cancelling(site, id_)
    one, other = await asked(smsc, 2)
    refused = int(CommandStatus.ESME_RCANCELFAIL)
    bind = smsc.bound[0]
    bind.send(CancelSmResp(sequence=other.sequence, status=refused))
    bind.send(CancelSmResp(sequence=one.sequence))
    status, problem = await cancelled
    assert status == 409
    assert problem["detail"].startswith("part 2: ESME_RCANCELFAIL")
    message = await site.message(id_)
    assert message["state"] == "submitted"
    states = [segment["state"] for segment in message["segments"]]
    assert states == ["cancelled", "submitted"]
    # Only what is left is asked for again.
    again = cancelling(site, id_)
    last = (await asked(smsc, 3))[2]
    assert last.message_id == "m2"
    bind.send(CancelSmResp(sequence=last.sequence))
    assert (await again)[0] == 200


async def test_one_that_cannot(site: Site):
    faults = (parse("unsupported", KINDS),)
    async with simulator(receipt_delay=1000.0, faults=faults) as smsc:
        await site.start(carrier=connector(smsc))
        id_ = await submitted(site)
        status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
        assert status == 409
        assert "part 1: not supported by the SMSC" in problem["detail"]
        assert (await site.message(id_))["state"] == "submitted"


async def test_one_that_says_nothing(site: Site, smsc: FakeSmsc):
    """And then, too late, something: nobody minds."""
    await site.start(carrier=connector(smsc, response_timeout="1s", window=1))
    id_ = await submitted(site)
    status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 409
    assert problem["detail"] == "part 1: no answer to cancel_sm within 1 s"
    (pdu,) = await asked(smsc)
    await site.connector(window_used=0)
    smsc.bound[0].send(GenericNack(sequence=pdu.sequence, status=3))
    await submitted(site, text="next")
    assert len(smsc.connections) == 1


async def test_the_link_breaks_meanwhile(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site)
    cancelled = cancelling(site, id_)
    await asked(smsc)
    smsc.bound[0].close()
    status, problem = await cancelled
    assert status == 409
    assert "connection lost" in problem["detail"]


async def test_without_a_bind(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site)
    await smsc.stop()
    await site.connector("carrier", "down")
    status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 409
    assert problem["detail"] == "part 1: no bind that may send"


async def test_over_the_host_that_has_it_or_else_another(site: Site, smsc: FakeSmsc):
    async with simulator() as backup:
        await site.start(carrier=connector(smsc, backup))
        await site.connector("carrier", "up")
        id_ = await submitted(site)
        await smsc.stop()
        await site.connector("carrier", "degraded")
        status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
        assert status == 409
        assert "ESME_RINVMSGID" in problem["detail"]


async def test_cancel_sm_false(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc, cancel_sm=False))
    id_ = await submitted(site)
    status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 409
    assert problem["detail"] == "part 1: carrier cannot cancel what it has sent"


@pytest.mark.parametrize("stat", ["DELIVRD", "UNDELIV"])
async def test_what_has_ended(site: Site, smsc: FakeSmsc, stat: str):
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site)
    receipt(await a_bind(smsc), "m1", stat=stat)
    state = {"DELIVRD": "delivered", "UNDELIV": "undeliverable"}[stat]
    await site.reaches(id_, state)
    status, problem = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert (status, problem["detail"]) == (409, f"the message is {state} already")
    assert not smsc.bound[0].of(CancelSm)


async def test_it_is_delivered_meanwhile(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    id_ = await submitted(site)
    cancelled = cancelling(site, id_)
    (pdu,) = await asked(smsc)
    receipt(smsc.bound[0], "m1")
    await site.reaches(id_, "delivered")
    smsc.bound[0].send(CancelSmResp(sequence=pdu.sequence))
    status, problem = await cancelled
    assert (status, problem["detail"]) == (409, "part 1 is delivered already")
