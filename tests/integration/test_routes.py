"""Which host and which connector: failover and back, pause, rebind, what is left."""

import asyncio

import pytest
from fakes.smsc import FakeSmsc, refuse
from integration.client import LIMIT
from integration.site import (
    Site,
    a_bind,
    acknowledged,
    connector,
    mo,
    receipt,
    submits,
)

from esmed.simulator import SmscSimulator
from pdu import (
    BindReceiver,
    BindTransmitter,
    CommandStatus,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)


async def test_to_the_backup_host_and_back(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    await site.start(carrier=connector(smsc, backup, failback_after="100ms"))
    await site.connector("carrier", "up")
    first = await site.submit(text="first")
    await site.reaches(first, "submitted")
    # What waits moves with the traffic.
    smsc.answer = smsc.ignore
    waiting = [await site.submit(text=f"waiting {number}") for number in range(40)]
    await submits(smsc, 11)
    await smsc.stop()
    for id_ in waiting:
        message = await site.reaches(id_, "submitted")
        assert message["host"] == backup.address
    assert (await site.connector("carrier", "degraded"))["reason"].startswith(
        smsc.address
    )
    receipt(await a_bind(backup), "m1")
    smsc.answer = smsc.accept
    await smsc.start()
    await site.connector("carrier", "up")
    async with asyncio.timeout(LIMIT):
        while message["host"] != smsc.address:
            message = await site.reaches(await site.submit(text="more"), "submitted")
    assert set(backup.texts) <= {f"waiting {number}" for number in range(40)} | {"more"}


async def test_to_the_next_connector_and_back(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    site.routes = [{"via": ["one", "two"], "failover_after": "1h"}]
    await site.start(one=connector(smsc), two=connector(backup))
    await site.bound("one")
    await site.bound("two")
    first = await site.submit()
    assert (await site.reaches(first, "submitted"))["connector"] == "one"
    await smsc.stop()
    await site.connector("one", "down")
    ids = [await site.submit(text=f"{number}") for number in range(30)]
    # Not before it has been down for a while.
    assert (await site.message(ids[0]))["state"] == "queued"
    site.clock.shift(3601)
    for id_ in ids:
        assert (await site.reaches(id_, "submitted"))["connector"] == "two"
    timeline = (await site.get(f"/v1/messages/{ids[0]}/trace"))["timeline"]
    [attempt] = [entry for entry in timeline if entry["event"] == "attempt"]
    assert "one is down" in attempt["reason"]
    await smsc.start()
    await site.bound("one")
    last = await site.submit()
    assert (await site.reaches(last, "submitted"))["connector"] == "one"


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        (CommandStatus.ESME_RINVSRCADR, "two"),  # class account
        (CommandStatus.ESME_RINVDSTADR, None),  # class message
    ],
)
async def test_refused_by_the_first_connector(
    site: Site,
    smsc: FakeSmsc,
    backup: FakeSmsc,
    status: CommandStatus,
    taken: str | None,
):
    smsc.answer = lambda pdu: refuse(pdu, status)
    await site.start(one=connector(smsc), two=connector(backup))
    await site.bound("one")
    await site.bound("two")
    id_ = await site.submit(text="x" * 200)
    if taken is None:
        await site.reaches(id_, "rejected")
        assert not backup.submitted
    else:
        assert (await site.reaches(id_, "submitted"))["connector"] == taken
        assert len(backup.submitted) == 2


async def test_nobody_takes_it(site: Site, smsc: FakeSmsc, backup: FakeSmsc):
    smsc.answer = lambda pdu: refuse(pdu, CommandStatus.ESME_RINVSRCADR)
    backup.answer = lambda pdu: refuse(pdu, CommandStatus.ESME_RPROHIBITED)
    await site.start(one=connector(smsc), two=connector(backup))
    message = await site.reaches(await site.submit(), "failed")
    assert message["error"]["class"] == "account"
    assert "ESME_RPROHIBITED" in message["error"]["detail"]


async def test_throttled(site: Site, smsc: FakeSmsc):
    refused = 0

    def sometimes(pdu: SubmitSm) -> SubmitSmResp:
        nonlocal refused
        if refused < 1:
            refused += 1
            return smsc.throttle(pdu)
        return smsc.accept(pdu)

    smsc.answer = sometimes
    await site.start(carrier=connector(smsc))
    ids = [await site.submit(text=f"{number}") for number in range(20)]
    for id_ in ids:
        await site.reaches(id_, "submitted")
    assert len(smsc.submitted) == 21


async def test_a_phone_that_takes_no_more(site: Site, smsc: FakeSmsc):
    """What goes to it waits in order; others overtake."""
    full = True

    def answer(pdu: SubmitSm) -> SubmitSmResp:
        if full and pdu.destination_addr == "1000":
            return refuse(pdu, CommandStatus.ESME_RMSGQFUL)
        return smsc.accept(pdu)

    smsc.answer = answer
    await site.start(carrier=connector(smsc, retry={"min": "2s", "max": "2s"}))
    ids = [await site.submit(to="1000", text="a")]
    await submits(smsc, 1)
    ids += [await site.submit(to="1000", text=text) for text in ("b", "c" * 200, "d")]
    other = await site.submit(to="2000", text="other")
    await site.reaches(other, "submitted")
    assert smsc.texts == ["a", "other"]
    await submits(smsc, 3)
    assert smsc.texts[2] == "a"
    full = False
    for id_ in ids:
        message = await site.reaches(id_, "submitted")
        assert message["connector"] == "carrier"
    taken = [pdu.short_message[-1:] for pdu in smsc.submitted[3:]]
    assert b"".join(taken).lstrip(b"a") == b"bccd"


async def test_attempts_used_up(site: Site, smsc: FakeSmsc):
    smsc.answer = lambda pdu: refuse(pdu, CommandStatus.ESME_RMSGQFUL)
    retry = {"attempts": 2, "min": "50ms", "max": "50ms"}
    await site.start(carrier=connector(smsc, retry=retry))
    message = await site.reaches(await site.submit(), "failed")
    assert message["error"]["class"] == "temporary"
    assert message["error"]["code"] == CommandStatus.ESME_RMSGQFUL
    assert len(smsc.submitted) == 2


async def test_pause_and_resume(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    await site.bound()
    await site.post("/v1/connectors/carrier/pause")
    found = await site.connector("carrier", "paused")
    assert found["reason"] == "by the operator"
    id_ = await site.submit()
    bind = await a_bind(smsc)
    # Receipts and MO are still taken.
    await acknowledged(smsc, mo(bind, "heard"))
    assert (await site.message(id_))["state"] == "queued"
    assert (await site.connector(queued=1))["oldest_queued_seconds"] >= 0
    assert (await site.ask("GET", "/readyz"))[0] == 503
    await site.post("/v1/connectors/carrier/resume")
    await site.reaches(id_, "submitted")
    assert (await site.ask("GET", "/readyz"))[0] == 200
    assert len(smsc.connections) == 1


async def test_a_pause_outlives_the_daemon(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    await site.bound()
    await site.post("/v1/connectors/carrier/pause")
    await site.restart()
    await smsc.until(lambda: smsc.bind_attempts == 2 and smsc.bound)
    found = await site.connector("carrier", "paused")
    assert found["reason"] == "by the operator"
    id_ = await site.submit()
    await site.restart()
    await smsc.until(lambda: smsc.bind_attempts == 3 and smsc.bound)
    assert (await site.message(id_))["state"] == "queued"
    await site.post("/v1/connectors/carrier/resume")
    await site.reaches(id_, "submitted")
    await site.restart()
    await site.connector("carrier", "up")


async def test_the_pause_of_a_connector_that_is_gone_is_forgotten(
    site: Site, smsc: FakeSmsc
):
    for leave in (site.restart, site.reload):
        await site.stop()
        await site.start(carrier=connector(smsc), other=connector(smsc))
        await site.post("/v1/connectors/carrier/pause")
        await leave(other=connector(smsc))
        await site.connector("other", "up")
        await site.restart(carrier=connector(smsc))
        await site.connector("carrier", "up")


async def test_rebind_under_load(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    await site.bound()
    ids = []
    for number in range(60):
        ids.append(await site.submit(text=f"{number}", to=f"38050{number:07}00"))
        if number % 20 == 10:
            await site.post("/v1/connectors/carrier/rebind")
    for id_ in ids:
        await site.reaches(id_, "delivered")
    assert simulator.stats.binds > 1
    assert simulator.stats.duplicates == 0
    assert simulator.stats.submits == 60


async def test_rebind_waits_for_answers(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold"))
    id_ = await site.submit()
    [pdu] = await submits(smsc, 1)
    bind = await a_bind(smsc)
    await site.post("/v1/connectors/carrier/rebind")
    bind.send(SubmitSmResp(sequence=pdu.sequence, message_id="a"))
    await site.reaches(id_, "submitted")
    await smsc.until(lambda: len(smsc.connections) == 2 and smsc.bound)
    assert bind.of(Unbind)
    receipt(await a_bind(smsc), "a")
    await site.reaches(id_, "delivered")


async def test_transmitter_and_receiver(site: Site, smsc: FakeSmsc):
    site.routes = [{"via": ["receiver", "transmitter"], "failover_after": "100ms"}]
    await site.start(
        transmitter=connector(smsc, bind="transmitter"),
        receiver=connector(smsc, bind="receiver"),
    )
    await smsc.until(lambda: len(smsc.bound) == 2)
    [sending] = [c for c in smsc.bound if isinstance(c.bind, BindTransmitter)]
    [hearing] = [c for c in smsc.bound if isinstance(c.bind, BindReceiver)]
    assert (await site.connector("receiver", "paused"))["reason"] == "bind: receiver"
    id_ = await site.submit(receipt="none")
    message = await site.reaches(id_, "sent")
    assert message["connector"] == "transmitter"
    assert sending.of(SubmitSm)
    await acknowledged(smsc, mo(hearing, "hello"))
    await site.told(2)
    assert {"message.sent", "inbound.received"} == set(site.types())


async def test_connector_removed_at_restart(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    smsc.answer = smsc.ignore
    site.routes = [
        {"to": "1", "via": ["old"]},
        {"to": "2", "via": ["old", "new"]},
        {"via": ["new"]},
    ]
    old = connector(smsc, response_timeout="1h")
    await site.start(old=old, new=connector(backup))
    await site.bound("old")
    taken = [await site.submit(to="1000", on_unknown="hold") for _ in range(10)]
    await submits(smsc, 10)
    await site.post("/v1/connectors/old/pause")
    alone = await site.submit(to="1001")
    either = await site.submit(to="2001", text="x" * 200)
    site.routes = [{"to": "2", "via": ["new"]}]
    await site.restart(new=connector(backup))
    message = await site.reaches(alone, "failed")
    assert message["error"]["detail"] == "connector old is not configured any more"
    message = await site.reaches(either, "submitted")
    assert message["connector"] == "new"
    for id_ in taken:
        assert (await site.is_held(id_))["connector"] == "old"
    # Held by a connector that is gone: the operator still decides.
    await site.post(f"/v1/messages/{taken[0]}/resolve", {"as": "fail"})
    await site.reaches(taken[0], "unknown")
    await site.post(f"/v1/messages/{taken[1]}/resolve", {"as": "resend"})
    await site.reaches(taken[1], "failed", "submitted")


async def test_forced_connector(site: Site, smsc: FakeSmsc, backup: FakeSmsc):
    site.routes = [{"via": ["one"]}]
    await site.start(one=connector(smsc), two=connector(backup))
    id_ = await site.submit(connector="two")
    assert (await site.reaches(id_, "submitted"))["connector"] == "two"


async def test_wrong_password(site: Site, smsc: FakeSmsc):
    smsc.bind_status = CommandStatus.ESME_RINVPASWD
    await site.start(carrier=connector(smsc))
    await site.down("carrier", "ESME_RINVPASWD")
    assert (await site.ask("GET", "/readyz"))[0] == 503
    # Messages are taken all the same, and wait.
    assert (await site.message(await site.submit()))["state"] == "queued"
    assert smsc.bind_attempts == 1
