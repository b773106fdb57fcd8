"""esmed.bridge.connector over real HTTP, towards a provider of few words."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from fakes.provider import Config, Post, hangs_up, says, waits_for
from fakes.providerrig import FREE, Rig
from fakes.sink import request
from fakes.wait import eventually
from msgspec import structs

from esmed.bridge.base import CallbackRequest
from esmed.connector import HealthState, Sent
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    ReceiptIn,
    Rejected,
    Unknown,
)
from esmed.refusals import BusyError, ConflictError, FieldError, InvalidError


async def test_a_batch_is_one_request_and_each_gets_its_own_outcome(
    primary: Post,
) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        rig.connector.submit(rig.jobs("380501", "380502", "380503"))
        assert await rig.outcomes(3) == [
            Accepted("id-380501"), Accepted("id-380502"), Accepted("id-380503"),
        ]  # fmt: skip
    assert len(primary.sent()) == 1
    assert rig.connector.usage().window_used == 0


async def test_two_to_one_number_go_in_two_requests(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        rig.connector.submit(rig.jobs("380501", "380501", "380502"))
        await rig.outcomes(3)
    assert [[to for to, _ in rows] for rows in primary.sent()] == [
        ["380501"], ["380501", "380502"],
    ]  # fmt: skip


async def test_a_node_that_is_not_there_is_passed_over(backup: Post) -> None:
    async with Rig(FREE, backup.url) as rig:
        await rig.up()
        assert rig.connector.health().state is HealthState.DEGRADED
        rig.connector.submit(rig.jobs("380501"))
        assert await rig.outcomes(1) == [Accepted("id-380501")]
        assert rig.sink.outcomes[0].host == backup.url


async def test_a_node_that_sends_us_elsewhere(primary: Post, backup: Post) -> None:
    async with Rig(primary.url, backup.url) as rig:
        await rig.up()
        await eventually(lambda: all(n.works for n in rig.connector._line.nodes))
        primary.answers.append(says("elsewhere"))
        rig.connector.submit(rig.jobs("380501"))
        assert await rig.outcomes(1) == [Accepted("id-380501")]
        assert (len(primary.sent()), len(backup.sent())) == (1, 1)


async def test_all_nodes_send_us_elsewhere(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(says("elsewhere"))
        rig.connector.submit(rig.jobs("380501"))
        (outcome,) = await rig.outcomes(1)
        assert isinstance(outcome, Deferred)


async def test_the_bad_one_is_found(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers += [says("singly"), says("singly"), says("singly")]
        rig.connector.submit(rig.jobs("380501", "380502", "380503", "380504"))
        found = await rig.outcomes(4)
        refused = [one for one in found if isinstance(one, Rejected)]
        assert len(refused) == 1
        assert [len(rows) for rows in primary.sent()] == [4, 2, 1, 1, 2]


async def test_an_answer_that_never_came_is_looked_into(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(hangs_up)
        primary.known["380501"] = "found"
        rig.connector.submit(rig.jobs("380501", "380502"))
        first, second = await rig.outcomes(2)
        assert first == Accepted("found")
        assert isinstance(second, Unknown)
    both = ["380501", "380502"]
    assert primary.calls[1:] == [("/recheck", both), ("/recheck", both)]


async def test_an_attempt_after_one_without_an_answer_is_known_to_be_one(
    primary: Post,
) -> None:
    async with Rig(primary.url) as rig:
        (job,) = rig.jobs("380501")
        assert not rig.connector._submission._outgoing(job).doubtful
        job.queued = structs.replace(job.queued, doubtful=True)
        assert rig.connector._submission._outgoing(job).doubtful


async def test_what_may_have_been_taken_is_looked_for_before_it_goes_again(
    primary: Post,
) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.known["380501"] = "found"
        jobs = rig.jobs("380501", "380502", "380503")
        for job in jobs[:2]:
            job.queued = structs.replace(job.queued, doubtful=True)
        rig.connector.submit(jobs)
        assert await rig.outcomes(3) == [
            Accepted("found"), Accepted("id-380502"), Accepted("id-380503"),
        ]  # fmt: skip
        assert {one.host for one in rig.sink.outcomes} == {primary.url}
    assert primary.calls[0] == ("/recheck", ["380501", "380502"])
    assert [[to for to, _ in rows] for rows in primary.sent()] == [["380502", "380503"]]


async def test_a_look_is_at_the_whole_call(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(hangs_up)
        primary.known["380502"] = "found"
        rig.connector.submit(rig.jobs("380501", "380502"))
        await rig.outcomes(2)
    looks = [body for path, body in primary.calls if path == "/recheck"]
    assert looks == [["380501", "380502"]] * 2


async def test_a_look_is_at_the_node_that_was_sent_to(
    primary: Post, backup: Post
) -> None:
    """Another one may know nothing of it, and take it again."""
    async with Rig(primary.url, backup.url) as rig:
        await eventually(lambda: len(rig.connector._line.working) == 2)

        async def fails(request: web.Request) -> web.StreamResponse:
            node = rig.connector._line.nodes[0]
            rig.connector._line.failed(node, "from now on")
            return await hangs_up(request)

        primary.answers.append(fails)
        primary.known["380501"] = "found"
        rig.connector.submit(rig.jobs("380501"))
        assert await rig.outcomes(1) == [Accepted("found")]
    assert backup.calls == []


async def test_nothing_was_sent_nothing_is_reported(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        rig.connector._line.nodes[0].name = FREE
        (job,) = rig.jobs("380501")
        rig.connector.submit([job])
        await rig.sink.until(lambda: rig.sink.given_back)
        assert rig.sink.given_back == [(job, [1])]
        assert rig.connector.health().state is HealthState.DOWN


async def test_a_provider_that_wants_a_pause(primary: Post) -> None:
    async def busy(request: Any) -> Any:
        answer = await says("busy", 429)(request)
        answer.headers["Retry-After"] = "100"
        return answer

    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(busy)
        rig.connector.submit(rig.jobs("380501"))
        (outcome,) = await rig.outcomes(1)
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after == 100
        assert rig.connector.health().state is HealthState.DOWN
        assert "wants a pause" in rig.connector.health().reason
        assert rig.connector.capacity() == 0


async def test_one_request_at_a_time_and_the_rest_waits(primary: Post) -> None:
    go = asyncio.Event()
    async with Rig(primary.url) as rig:
        await rig.up()
        assert rig.connector.capacity() == 10
        primary.answers.append(waits_for(go, says([["380501", "a"]])))
        first, second = rig.jobs("380501", "380501")
        rig.connector.submit([first, second])
        await eventually(primary.sent)
        assert rig.connector.capacity() == 0
        rig.connector.take_back(second)
        assert rig.sink.given_back == [(second, [1])]
        rig.connector.take_back(first)
        assert len(rig.sink.given_back) == 1
        go.set()
        assert await rig.outcomes(1) == [Accepted("a")]


async def test_a_stop_that_cannot_wait_leaves_nothing_unreported(
    primary: Post,
) -> None:
    never = asyncio.Event()
    rig = Rig(primary.url)
    await rig.connector.start()
    await rig.up()
    primary.answers.append(waits_for(never, says([])))
    first, second = rig.jobs("380501", "380501")
    rig.connector.submit([first, second])
    await eventually(primary.sent)
    await rig.connector.stop(0.1)
    assert rig.sink.given_back == [(second, [1])]
    (outcome,) = await rig.outcomes(1)
    assert isinstance(outcome, Unknown)
    never.set()


async def test_paused(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        rig.connector.pause()
        jobs = rig.jobs("380501")
        rig.connector.submit(jobs)
        assert rig.sink.given_back == [(jobs[0], [1])]
        assert rig.connector.health().state is HealthState.PAUSED
        rig.connector.resume()
        assert rig.connector.health().state is HealthState.UP


async def test_a_push_is_answered_when_it_is_on_disk(primary: Post) -> None:
    push = CallbackRequest(method="POST", query=b"", headers={}, body=b'["id-1"]')
    async with Rig(primary.url) as rig:
        rig.sink.stores = None
        asking = asyncio.create_task(rig.connector.callback("status", push))
        await rig.sink.until(lambda: rig.sink.waiting)
        assert not asking.done()
        rig.sink.waiting[0][1]([True])
        reply = await asking
        assert reply is not None
        assert reply.status == 200
        assert rig.sink.receipts[0].smsc_id == "id-1"
        assert rig.connector.expects("hush", "status")
        assert not rig.connector.expects("hash", "status")
        assert not rig.connector.expects("hush", "short")
        assert not rig.connector.expects("\udcff\ud800", "status")


async def test_a_push_that_can_never_be_stored_is_not_acknowledged(
    primary: Post,
) -> None:
    push = CallbackRequest(method="POST", query=b"", headers={}, body=b'["id-1"]')
    async with Rig(primary.url) as rig:
        rig.sink.stores = False
        assert (await rig.connector.callback("status", push)).status == 503


def sent(*ids: str) -> list[Sent]:
    return [Sent(request=request(), host=FREE, smsc_id=one) for one in ids]


async def test_what_has_become_of_messages(primary: Post) -> None:
    """Asked for together, as many as the provider takes; nothing is an answer, too."""
    primary.known = {"c": "delivered", "a": "undeliverable"}
    async with Rig(primary.url) as rig:
        await rig.up()
        one, two, three = await rig.connector.query(sent("a", "b", "c"))
        assert [body for _, body in primary.calls] == [["a", "b"], ["c"]]
        assert isinstance(one, ReceiptIn)
        assert (one.state, one.smsc_id) == (MessageState.UNDELIVERABLE, "a")
        # However the provider calls it: by another id it would not be found.
        assert one.keys == ("a", "other-a")
        assert one.source == sent("a")[0].request.to
        assert two is None
        assert isinstance(three, ReceiptIn)
        primary.answers.append(says("", 503))
        (fault,) = await rig.connector.query(sent("a"))
        assert isinstance(fault, Fault)
        assert fault.cls is FaultClass.TEMPORARY


async def test_whoever_took_it_is_asked(primary: Post, backup: Post) -> None:
    async with Rig(primary.url, backup.url) as rig:
        await eventually(lambda: len(rig.connector._line.working) == 2)
        (one,) = sent("a")
        there = structs.replace(one, host=backup.url)
        gone = structs.replace(one, host="http://an.older.one")
        await rig.connector.query([there, gone])
    assert [body for _, body in backup.calls] == [["a"]]
    assert [body for _, body in primary.calls] == [["a"]]


async def test_an_error_of_ours_costs_one_question(
    primary: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    async with Rig(primary.url) as rig:
        await rig.up()
        with monkeypatch.context() as patch:
            patch.setattr(type(rig.connector._provider), "parse_ask", broken)
            (fault,) = await rig.connector.query(sent("a"))
        assert isinstance(fault, Fault)
        assert fault.cls is FaultClass.PROTOCOL
        assert await rig.connector.query(sent("a")) == [None]


async def test_when_it_is_asked() -> None:
    """Later where states are pushed as well."""
    connector = Rig(FREE, receipt_timeout=3600).connector
    asking = connector.capabilities.asking
    assert asking is not None
    assert (asking.first, asking.batch) == (300, 2)
    assert asking.first + sum(asking.again) == pytest.approx(3600)
    connector.configure(Config(base_urls=(FREE,), receipt_timeout=100))
    asking = connector.capabilities.asking
    assert asking is not None
    assert (asking.first, *asking.again) == (10, 17, 28.9, 44.1)


async def test_operations(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        balance, _ = rig.connector.operations()
        assert await balance.run(balance.arguments()) == {"balance": "12.50"}
        primary.answers.append(says("", 401))
        with pytest.raises(ConflictError, match="401"):
            await balance.run(balance.arguments())
        # aiohttp asks again itself, once, where a GET found a dead connection.
        primary.answers += [hangs_up, hangs_up]
        with pytest.raises(BusyError):
            await balance.run(balance.arguments())


async def test_an_argument_that_its_provider_finds_at_fault(primary: Post) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        _, reprint = rig.connector.operations()
        with pytest.raises(InvalidError) as raised:
            await reprint.run(reprint.arguments(pages="none"))
        assert raised.value.errors == (FieldError("pages", "there is none"),)
        with pytest.raises(ConflictError, match="paper: there is none"):
            await reprint.run(reprint.arguments(pages="all"))


async def test_the_probe_says_what_is_wrong(primary: Post) -> None:
    primary.well = False
    async with Rig(primary.url) as rig:
        await eventually(lambda: "503" in rig.connector.health().reason)
        assert rig.connector.health().state is HealthState.DOWN
