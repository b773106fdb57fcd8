"""Messages from phones: stored before they are acknowledged, whole or flagged."""

import asyncio
import json
import random
import sqlite3
from contextlib import closing

import pytest
from fakes.smsc import FakeSmsc
from integration.client import LIMIT
from integration.site import (
    KEY,
    Site,
    a_bind,
    acknowledged,
    connector,
    mo,
    part_of_mo,
)

from esmed.simulator import MoMessage, SmscSimulator

LONG = "".join(f"{number:04} дякую! " for number in range(30))


@pytest.mark.parametrize("concat", ["udh8", "udh16", "sar", "payload"])
async def test_parts_in_any_order(site: Site, simulator: SmscSimulator, concat: str):
    await site.start(carrier=connector(simulator))
    await site.bound()
    order = None
    if concat != "payload":
        parts = simulator.inject_mo(MoMessage(text=LONG, concat=concat))  # type: ignore[arg-type]
        order = tuple(random.Random(5).sample(range(1, parts + 1), parts))
        await site.told(1)
    text = LONG.replace("дякую", "спасибі")[: len(LONG)]
    simulator.inject_mo(MoMessage(text=text, concat=concat, parts_order=order))  # type: ignore[arg-type]
    events = await site.told(2 if order else 1)
    data = events[-1]["data"]
    assert events[-1]["type"] == "inbound.received"
    assert data["text"] == text
    assert data["complete"]
    assert data["from"] == "380500000000"
    assert all(hook.is_signed_by(KEY) for hook in site.hook.received)
    heard = (await site.get("/v1/inbound"))["messages"]
    assert heard[0] == data


async def test_parts_over_a_restart_and_again(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    bind = await a_bind(smsc)
    await acknowledged(smsc, part_of_mo(bind, 7, 3, 2, "two "))
    await site.restart()
    bind = await a_bind(smsc)
    first = part_of_mo(bind, 7, 3, 1, "one ")
    # What was acknowledged may come again all the same.
    again = part_of_mo(bind, 7, 3, 2, "two ")
    await acknowledged(smsc, first, again)
    assert (await site.get("/v1/inbound"))["messages"] == []
    await acknowledged(smsc, part_of_mo(bind, 7, 3, 3, "three"))
    [event] = await site.told(1)
    assert event["data"]["text"] == "one two three"
    assert event["data"]["complete"]
    assert len((await site.get("/v1/inbound"))["messages"]) == 1


async def test_what_stays_incomplete(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc, reassembly_timeout="15m"))
    bind = await a_bind(smsc)
    sent = [part_of_mo(bind, 7, 3, number, f"({number})") for number in (3, 1)]
    other = part_of_mo(bind, 7, 2, 1, "another's", sender="380999999999")
    await acknowledged(smsc, *sent, other)
    site.clock.shift(14 * 60)
    await acknowledged(smsc, mo(bind, "in between"))
    [event] = await site.told(1)
    assert event["data"]["text"] == "in between"
    site.clock.shift(61)
    events = await site.told(3)
    found = {event["data"]["from"]: event["data"] for event in events[1:]}
    data = found["380671112233"]
    assert not data["complete"]
    assert data["parts"] == 3
    assert "(1)" in data["text"]
    assert "(3)" in data["text"]
    assert not found["380999999999"]["complete"]


async def test_came_again_after_the_link_was_lost(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    bind = await a_bind(smsc)
    await acknowledged(smsc, mo(bind, "yes"), mo(bind, "no"))
    # Phones may well say the same twice while the link stands.
    await acknowledged(smsc, mo(bind, "yes"))
    bind.reset()
    await smsc.until(lambda: len(smsc.connections) == 2 and smsc.bound)
    bind = await a_bind(smsc)
    await acknowledged(smsc, mo(bind, "no"), mo(bind, "new"))
    await acknowledged(smsc, mo(bind, "no"))
    heard = (await site.get("/v1/inbound"))["messages"]
    assert [each["text"] for each in reversed(heard)] == [
        *("yes", "no", "yes", "new", "no")
    ]
    events = await site.told(5)
    assert sorted(event["data"]["text"] for event in events) == sorted(
        each["text"] for each in heard
    )


async def test_paging(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    for number in range(25):
        simulator.inject_mo(MoMessage(text=f"{number}"))
    await site.told(25)
    found, after = [], ""
    while True:
        page = await site.get(f"/v1/inbound?limit=10{after}")
        found += [each["text"] for each in page["messages"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [f"{number}" for number in reversed(range(25))]


async def test_nobody_is_told_but_it_is_kept(site: Site, smsc: FakeSmsc):
    site.webhooks = {}
    await site.start(carrier=connector(smsc))
    await acknowledged(smsc, mo(await a_bind(smsc), "hello"))
    [heard] = (await site.get("/v1/inbound"))["messages"]
    assert heard["text"] == "hello"
    assert not site.hook.received


async def test_a_receipt_that_nobody_knows(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    bind = await a_bind(smsc)
    body = b"id:nobody sub:001 dlvrd:001 submit date:2601010000 stat:DELIVRD err:000"
    pdu = mo(bind, body.decode())
    await acknowledged(smsc, pdu)
    text = await site.get("/metrics")
    assert json.dumps("nobody") not in text


async def test_refused_while_nothing_can_be_recorded_and_told_once(
    site: Site, smsc: FakeSmsc
):
    """It is stored after all when that is possible again, and known when it comes
    again; what people say again is not."""
    await site.start(carrier=connector(smsc, deliver_response_timeout="100ms"))
    bind = await a_bind(smsc)
    with closing(sqlite3.connect(site.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        mo(bind, "yes")
        await smsc.until(lambda: smsc.acknowledged)
        other.execute("ROLLBACK")
    assert smsc.acknowledged[0].status == 0x64
    async with asyncio.timeout(LIMIT):
        # How long the store takes to try again is its own affair.
        while smsc.acknowledged[-1].status:
            told = len(smsc.acknowledged)
            mo(bind, "yes")
            await smsc.until(lambda: len(smsc.acknowledged) > told)  # noqa: B023
    [event] = await site.told(1)
    assert event["data"]["text"] == "yes"
    assert len((await site.get("/v1/inbound"))["messages"]) == 1
    await acknowledged(smsc, mo(bind, "yes"))
    await site.told(2)
    assert len((await site.get("/v1/inbound"))["messages"]) == 2
