"""What goes wrong between a connector and its provider, over real HTTP."""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fakes.provider import Letters, Post, hangs_up, says, waits_for
from fakes.providerrig import FREE, Rig
from fakes.wait import eventually

from esmed.bridge import connector, nodes
from esmed.bridge.base import HttpCall, Outgoing
from esmed.connector import HealthState, Sent
from esmed.models import Accepted, Deferred, Fault, FaultClass, Unknown
from esmed.refusals import BusyError


def busy(seconds: str) -> Any:
    async def answer(request: Any) -> Any:
        response = await says("busy", 429)(request)
        response.headers["Retry-After"] = seconds
        return response

    return answer


async def test_a_provider_that_wanted_a_long_pause_is_up_again_by_itself(
    primary: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "SILENT", 0.1)
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(busy("1"))
        rig.connector.submit(rig.jobs("380501"))
        await rig.outcomes(1)
        assert rig.connector.health().state is HealthState.DOWN
        await eventually(lambda: rig.connector.health().state is HealthState.UP)
        assert rig.connector.health().reason == ""
        await eventually(lambda: rig.connector.capacity() == 10)


async def test_the_longest_of_the_pauses_counts(primary: Post) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    async with Rig(primary.url, concurrency=2) as rig:
        await rig.up()
        primary.answers += [
            waits_for(first, busy("1000")), waits_for(second, busy("1")),
        ]  # fmt: skip
        rig.connector.submit(rig.jobs("380501", "380501"))
        await eventually(lambda: len(primary.sent()) == 2)
        first.set()
        await rig.outcomes(1)
        second.set()
        await rig.outcomes(2)
        assert "wants a pause" in rig.connector.health().reason
        assert rig.connector.health().state is HealthState.DOWN


async def test_why_the_first_connection_failed_is_told() -> None:
    async with Rig(FREE) as rig:
        await eventually(lambda: "refused" in rig.connector.health().reason)
        balance, _ = rig.connector.operations()
        with pytest.raises(BusyError, match="no node works"):
            await balance.run(balance.arguments())


async def test_a_rebind_waits_for_no_pause(
    primary: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "SHORTEST", 1000.0)
    monkeypatch.setattr(nodes, "LONGEST", 1000.0)
    primary.well = False
    async with Rig(primary.url) as rig:
        await eventually(lambda: "503" in rig.connector.health().reason)
        primary.well = True
        rig.connector.rebind()
        await rig.up()
        rig.connector.rebind()
        assert rig.connector.health().state is HealthState.DOWN
        await rig.up()


async def test_another_response_timeout_counts_at_once(primary: Post) -> None:
    never = asyncio.Event()
    async with Rig(primary.url) as rig:
        await rig.up()
        rig.connector.configure(replace(rig.config, response_timeout=0.2))
        primary.answers += [waits_for(never, says([]))] * 4
        rig.connector.submit(rig.jobs("380501"))
        (outcome,) = await rig.outcomes(1)
        assert outcome == Unknown("no answer in time")
        never.set()


class Broken(Letters):
    def build(self, messages: Sequence[Outgoing], now: int) -> HttpCall:
        raise KeyError("a bug")


class Unreadable(Letters):
    def parse(self, messages: Sequence[Outgoing], reply: Any, now: int) -> Any:
        raise KeyError("a bug")


async def test_a_call_that_cannot_be_built_costs_an_attempt(primary: Post) -> None:
    """Given back it would come again at once, and for ever."""
    async with Rig(primary.url, provider=Broken()) as rig:
        await rig.up()
        rig.connector.submit(rig.jobs("380501"))
        (outcome,) = await rig.outcomes(1)
        assert isinstance(outcome, Deferred)
        assert outcome.fault.cls is FaultClass.PROTOCOL
        assert rig.sink.outcomes[0].at > 0
        assert not rig.sink.given_back
    assert rig.connector.usage().window_used == 0


class Ungrouped(Letters):
    def group(self, message: Outgoing) -> Hashable:
        if message.to == "380502":
            raise KeyError("a bug")
        return super().group(message)

    def apart(self, message: Outgoing) -> Hashable | None:
        if message.to == "380503":
            raise KeyError("a bug")
        return super().apart(message)


async def test_a_message_of_which_nobody_knows_its_group_costs_it_alone(
    primary: Post,
) -> None:
    async with Rig(primary.url, provider=Ungrouped()) as rig:
        await rig.up()
        for round_ in (1, 2):
            rig.connector.submit(rig.jobs("380501", "380502", "380503", "380504"))
            await rig.outcomes(4 * round_)
        bug = Deferred(
            Fault(FaultClass.PROTOCOL, None, "an error of ours: see the log")
        )
        taken = [Accepted("id-380501"), Accepted("id-380504")]
        assert await rig.outcomes(8) == [bug, bug, *taken] * 2
        assert all(one.at > 0 for one in rig.sink.outcomes)
        assert not rig.sink.given_back
    assert rig.connector.usage().window_used == 0


async def test_a_bug_behind_an_answer_leaves_its_fate_open(primary: Post) -> None:
    async with Rig(primary.url, provider=Unreadable()) as rig:
        await rig.up()
        rig.connector.submit(rig.jobs("380501"))
        assert await rig.outcomes(1) == [Unknown("an error of ours: see the log")]


async def test_a_store_that_cannot_commit_ends_the_search_for_the_bad_one(
    primary: Post,
) -> None:
    go = asyncio.Event()
    async with Rig(primary.url) as rig:
        await rig.up()
        primary.answers.append(waits_for(go, says("singly")))
        rig.connector.submit(rig.jobs("380501", "380502"))
        await eventually(primary.sent)
        rig.connector.freeze(True)
        go.set()
        await rig.sink.until(lambda: len(rig.sink.given_back) == 2)
        assert rig.connector.capacity() == 0
        assert len(primary.sent()) == 1
        rig.connector.freeze(False)
        await eventually(lambda: rig.connector.capacity() == 10)


async def test_three_requests_without_an_answer_and_a_node_is_probed(
    primary: Post, backup: Post
) -> None:
    async with Rig(primary.url, backup.url) as rig:
        await rig.up()
        await eventually(lambda: all(n.works for n in rig.connector._line.nodes))
        primary.answers += [hangs_up] * 9
        primary.well = False
        for number in range(1, 4):
            rig.connector.submit(rig.jobs("380501"))
            await rig.outcomes(number)
        await eventually(lambda: rig.connector.health().state is HealthState.DEGRADED)
        rig.connector.submit(rig.jobs("380501"))
        assert (await rig.outcomes(4))[-1] == Accepted("id-380501")


async def test_a_node_that_only_ever_answers_nonsense_is_asked_once_a_pause(
    primary: Post,
) -> None:
    async with Rig(primary.url) as rig:
        await rig.up()
        node = rig.connector._line.nodes[0]
        for number in range(1, nodes.PATIENCE + 3):
            await rig.up()
            primary.answers[:] = [says({})] * 3  # two are for rechecks
            rig.connector.submit(rig.jobs("380501"))
            await rig.outcomes(number)
            assert node.works is (number < nodes.PATIENCE)
            if not node.works:
                rig.connector.rebind()
        primary.answers.clear()
        await rig.up()
        rig.connector.submit(rig.jobs("380501"))
        assert (await rig.outcomes(nodes.PATIENCE + 3))[-1] == Accepted("id-380501")
        assert node.works


async def test_what_messages_waited_for(primary: Post) -> None:
    go = asyncio.Event()
    async with Rig(primary.url, batch=1) as rig:

        def seconds(by: str) -> float:
            rig.connector.usage()  # as who reads the metrics does
            return rig.metrics.connector("post").limited_seconds[by].value

        primary.answers += [waits_for(go, says([["380501", "a"]])), busy("2")]
        assert seconds("link") == 0
        await rig.up()
        assert seconds("link") > 0
        rig.connector.submit(rig.jobs("380501"))
        await asyncio.sleep(0.01)
        assert seconds("window") == 0  # nobody wants more
        rig.sink.more = True
        seconds("window")
        await asyncio.sleep(0.01)
        assert seconds("window") > 0
        go.set()
        await rig.outcomes(1)
        rig.connector.submit(rig.jobs("380502"))
        await rig.outcomes(2)
        await eventually(lambda: seconds("throttle") > 0)
        await eventually(lambda: rig.connector.capacity() == 1)
        rig.connector.configure(replace(rig.config, rate=0.1))
        rig.connector.submit(rig.jobs("380503"))
        await rig.outcomes(3)
        await eventually(lambda: seconds("rate") > 0)
        rig.connector.pause()
        before = seconds("rate")
        await asyncio.sleep(0.01)
        assert seconds("rate") == before


async def test_nothing_is_sent_after_the_stop(primary: Post) -> None:
    rig = Rig(primary.url)
    await rig.connector.start()
    await rig.up()
    await rig.connector.stop(1.0)
    await rig.connector.stop(1.0)
    (found,) = await rig.connector.query(
        [Sent(request=rig.jobs("380501")[0].queued.request, host=FREE, smsc_id="a")]
    )
    assert found == Fault(FaultClass.TEMPORARY, None, "the connector has stopped")
    assert not primary.calls


async def test_a_rate_is_kept_from_the_first_second_on(primary: Post) -> None:
    async with Rig(primary.url, rate=20.0) as rig:
        await rig.up()
        assert rig.connector.capacity() == 5
        rig.connector.submit(rig.jobs("380501", "380502", "380503", "380504", "380505"))
        assert rig.connector.capacity() == 0
        rig.connector.configure(replace(rig.config, rate=20.0, batch=5))
        assert rig.connector.capacity() <= 1
        await rig.outcomes(5)
