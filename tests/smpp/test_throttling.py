"""The connector against SMSCs that throttle: real sockets, real time."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fakes.connectorrig import Rig
from fakes.flow import Accepts, bucket, fixed_seconds, sliding_second
from fakes.smsc import fake_smsc
from fakes.wait import eventually
from msgspec import structs

from esmed.connector import HealthState
from esmed.models import Accepted, Deferred, FaultClass
from esmed.simulator import SmscOptions, SmscSimulator
from esmed.simulator.cli import read_fault
from pdu import SubmitSm, SubmitSmResp

Style = Callable[[int], Accepts]
Simulate = Callable[..., Awaitable[SmscSimulator]]


@pytest.fixture
async def simulate() -> AsyncIterator[Simulate]:
    async with AsyncExitStack() as stack:

        async def start(*faults: str) -> SmscSimulator:
            smsc = SmscSimulator(SmscOptions(faults=tuple(map(read_fault, faults))))
            await smsc.start()
            stack.push_async_callback(smsc.stop)
            return smsc

        yield start


def submit(rig: Rig, count: int, first: int = 1) -> None:
    rig.submit(*(str(first + number) for number in range(count)))


def rate(rig: Rig) -> float:
    """PDU/s now allowed."""
    return rig.connector.usage().rate or math.inf


def refused(rig: Rig) -> float:
    return rig.metrics.connector("carrier").submit_status[0x58].value


async def accepted(rig: Rig, count: int) -> None:
    await rig.answered(count)
    assert all(isinstance(outcome, Accepted) for outcome in rig.outcomes())


def texts(smsc: SmscSimulator) -> list[int]:
    """What was accepted, in its order."""
    return [int(message.text or "") for message in smsc.messages()]


async def test_refused_parts_go_again_at_the_head_in_their_order(simulate, make):
    smsc = await simulate("throttle times=5")
    rig = await make(smsc, window=5)
    submit(rig, 20)
    await accepted(rig, 20)
    assert texts(smsc) == list(range(1, 21))
    assert refused(rig) == 5


async def test_one_probe_goes_first(simulate, make):
    """Whoever refuses ten of a window and then one more has seen eleven."""
    smsc = await simulate("throttle times=11")
    rig = await make(smsc, window=10)
    submit(rig, 30)
    await eventually(lambda: refused(rig) == 11)
    assert smsc.stats.submits == 11
    await accepted(rig, 30)
    assert texts(smsc) == list(range(1, 31))
    assert smsc.stats.duplicates == 0


async def test_it_learns_the_limit(simulate, make):
    smsc = await simulate("throttle limit=50/s")
    rig = await make(smsc, window=10)
    submit(rig, 300)
    await accepted(rig, 300)
    assert 20 < rate(rig) < 80
    # A window of them at first, few later.
    assert 1 <= refused(rig) <= 40
    # What was under way with a refused part may have come before it, no more.
    order = texts(smsc)
    assert sorted(order) == list(range(1, 301))
    assert all(abs(text - place) <= 20 for place, text in enumerate(order, 1))
    limited = rig.metrics.connector("carrier").limited_seconds
    rig.metrics.render()
    assert limited["throttle"].value > 1
    assert limited["rate"].value == 0


async def test_not_adaptive(simulate, make):
    smsc = await simulate("throttle limit=50/s")
    rig = await make(smsc, window=10, rate=1000.0, adaptive=False)
    submit(rig, 150)
    await accepted(rig, 150)
    assert refused(rig) >= 2
    assert rate(rig) == 1000.0


async def test_what_was_learned_holds_for_the_backup_too(simulate, make):
    """One account, one limit: the pause goes on there, and so does the rate."""
    primary = await simulate("throttle after=20")
    backup = await simulate()
    rig = await make(primary, backup, rate=200.0)
    submit(rig, 20)
    await accepted(rig, 20)
    submit(rig, 20)
    await eventually(lambda: refused(rig))
    learned = rate(rig)
    assert learned < 200
    await primary.stop()
    await eventually(lambda: rig.connector.health().state is HealthState.DEGRADED)
    assert rig.connector._sender.throttle.active
    assert backup.stats.submits == 0
    assert rate(rig) == learned
    submit(rig, 5)
    await eventually(lambda: backup.stats.submits)
    assert rate(rig) < 200


@pytest.mark.parametrize(
    ("action", "cls"),
    [
        ("queue_full", FaultClass.TEMPORARY),
        ("temporary", FaultClass.TEMPORARY),
        ("message", FaultClass.MESSAGE),
        ("account", FaultClass.ACCOUNT),
        ("protocol", FaultClass.PROTOCOL),
    ],
)
async def test_statuses(simulate, make, action, cls):
    smsc = await simulate("status code=0x455 times=1")
    rig = await make(smsc, statuses={0x455: action})
    submit(rig, 2)
    await rig.answered(2)
    first, second = rig.outcomes()
    assert (first.fault.cls, first.fault.code) == (cls, 0x455)
    assert isinstance(second, Accepted)


async def test_any_status_may_mean_throttle_and_throttle_anything(simulate, make):
    smsc = await simulate("status code=0x455 times=1", "throttle after=2 times=1")
    rig = await make(smsc, statuses={0x455: "throttle", 0x58: "message"}, window=1)
    submit(rig, 3)
    await rig.answered(3)
    assert smsc.stats.statuses["0x00000455"] == 1
    assert [isinstance(outcome, Accepted) for outcome in rig.outcomes()] == [
        True,
        False,
        True,
    ]
    assert texts(smsc) == [1, 3]


def full(rig: Rig) -> float:
    return rig.metrics.connector("carrier").submit_status[0x14].value


async def test_one_full_queue_stops_nobody_else(simulate, make):
    smsc = await simulate()
    rig = await make(smsc)
    smsc.add_fault(read_fault("queue_full times=4"))
    rig.connector.submit([rig.job(str(n), to="1") for n in range(4)])
    submit(rig, 10)
    await rig.answered(14)
    assert full(rig) == 4
    assert not rig.connector._sender.throttle.active
    assert all(
        isinstance(outcome, Deferred) and outcome.destination
        for outcome in rig.outcomes()[:4]
    )
    assert texts(smsc) == list(range(1, 11))


async def test_many_full_queues_pause_the_connector(simulate, make):
    """Whoever refuses one number after the other has no room itself."""
    smsc = await simulate("queue_full times=7")
    rig = await make(smsc, window=5)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    rig.connector.submit([rig.job(str(n), to=str(n)) for n in range(20)])
    await eventually(lambda: rig.connector._sender.throttle.active)
    assert rig.connector.health().reason == "throttled by the SMSC"
    assert smsc.stats.submits == 5
    # The probes are two other numbers' and each makes the pause longer.
    await eventually(lambda: full(rig) == 7)
    assert smsc.stats.submits == 7
    await rig.answered(20)
    assert loop.time() - begun >= 1 + 2 + 4 - 0.1
    assert sum(isinstance(outcome, Accepted) for outcome in rig.outcomes()) == 13
    assert rate(rig) == math.inf
    assert not rig.connector._sender.throttle.active


async def test_phones_that_are_still_full_pause_nobody(simulate, make):
    """Their retries come together, when a pause is over, and would be every probe."""
    smsc = await simulate("queue_full to=9 times=30")
    rig = await make(smsc, window=5)
    again = [rig.job(str(number), to=f"9{number}") for number in range(30)]
    for job in again:
        job.queued = structs.replace(job.queued, tries=1)
    rig.connector.submit(again)
    submit(rig, 10)
    await rig.answered(40)
    assert full(rig) == 30
    assert not rig.connector._sender.throttle.active


async def test_nor_does_one_of_them_as_the_probe(simulate, make):
    smsc = await simulate("queue_full times=5", "queue_full to=9 times=20")
    rig = await make(smsc, window=5)
    loop = asyncio.get_running_loop()
    rig.connector.submit([rig.job(str(n), to=str(n)) for n in range(5)])
    await eventually(lambda: rig.connector._sender.throttle.active)
    begun = loop.time()
    again = [rig.job(str(number), to=f"9{number}") for number in range(20)]
    for job in again:
        job.queued = structs.replace(job.queued, tries=1)
    rig.connector.submit(again)
    submit(rig, 10)
    await rig.answered(35)
    assert not rig.connector._sender.throttle.active
    # The first pause is the only one: with each refusal counted it would be minutes.
    assert loop.time() - begun < 60


async def test_a_bind_that_is_throttled_is_tried_again(simulate, make):
    smsc = await simulate("already_bound code=ESME_RTHROTTLED times=2")
    rig = await make(smsc)
    (host,) = rig.metrics.connector("carrier").hosts.values()
    assert host.binds["refused"].value == 2
    assert smsc.stats.bind_refusals == {"ESME_RTHROTTLED": 2}
    assert rate(rig) == math.inf
    submit(rig, 1)
    await accepted(rig, 1)


class TestWhatLimits:
    """esmed_limited_seconds_total."""

    @staticmethod
    def seconds(rig: Rig) -> dict[str, float]:
        rig.metrics.render()
        limited = rig.metrics.connector("carrier").limited_seconds
        return {limit: meter.value for limit, meter in limited.items()}

    async def test_the_ceiling(self, simulate, make):
        rig = await make(await simulate(), rate=40.0)
        submit(rig, 40)
        await accepted(rig, 40)
        seconds = self.seconds(rig)
        assert seconds["rate"] >= 0.8
        assert (seconds["window"], seconds["throttle"]) == (0, 0)

    async def test_what_was_learned_is_the_smsc_s_doing(self, simulate, make):
        smsc = await simulate("throttle limit=40/s")
        rig = await make(smsc, rate=1000.0)
        submit(rig, 120)
        await accepted(rig, 120)
        seconds = self.seconds(rig)
        assert seconds["throttle"] >= 1.5
        assert seconds["rate"] < 0.1

    async def test_the_window(self, simulate, make):
        rig = await make(await simulate("slow_responses delay=200ms"), window=2)
        submit(rig, 10)
        await accepted(rig, 10)
        seconds = self.seconds(rig)
        assert seconds["window"] >= 0.7
        assert (seconds["rate"], seconds["throttle"]) == (0, 0)

    async def test_nothing_while_nobody_wants_more(self, simulate, make):
        rig = await make(await simulate("slow_responses delay=200ms"), window=1)
        for number in range(1, 4):
            submit(rig, 1)
            await accepted(rig, number)
        assert self.seconds(rig)["window"] == 0
        # Now there is more than the connector was given.
        rig.sink.more = True
        submit(rig, 1)
        await accepted(rig, 4)
        assert self.seconds(rig)["window"] >= 0.15

    async def test_the_link(self, simulate, make):
        smsc = await simulate()
        rig = await make(smsc)
        await smsc.stop()
        await eventually(lambda: rig.state is HealthState.DOWN)
        before = self.seconds(rig)["link"]
        await eventually(lambda: self.seconds(rig)["link"] >= before + 0.1)


async def held(style: Style, limit: int, **settings: Any) -> tuple[float, float]:
    """What share of its limit an SMSC takes, and refuses, in the second minute."""
    loop = asyncio.get_running_loop()
    async with fake_smsc() as smsc:
        accepts = style(limit)
        counts = [0, 0]

        def answer(pdu: SubmitSm) -> SubmitSmResp:
            taken = accepts(loop.time())
            counts[taken] += 1
            return smsc.accept(pdu) if taken else smsc.throttle(pdu)

        async def run(seconds: float) -> float:
            begun = loop.time()
            while loop.time() < begun + seconds:
                submit(rig, max(3 * limit - rig.unreported(), 0))
                await asyncio.sleep(0.05)
            return loop.time() - begun

        smsc.answer = answer
        rig = Rig([smsc.port], None, window=20, **settings)
        await rig.connector.start()
        await rig.up()
        await run(60)
        counts[:] = 0, 0
        seconds = await run(60)
        await rig.connector.stop(5)
        refused, taken = counts
        return taken / seconds / limit, refused / sum(counts)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_within_a_minute_it_holds_the_limit():
    """At least 90 % of it, at most 2 % refused."""
    cases: list[tuple[Style, int, dict[str, Any]]] = [
        (style, limit, settings)
        for style in (fixed_seconds, sliding_second, bucket)
        for limit, settings in (
            (5, {}),
            (20, {}),
            (20, {"rate": 20.0}),
            (20, {"rate": 200.0}),
            (100, {}),
        )
    ]
    found = await asyncio.gather(
        *(held(style, limit, **settings) for style, limit, settings in cases)
    )
    for (style, limit, settings), (taken, refused) in zip(cases, found, strict=True):
        name = f"{style.__name__} {limit}/s {settings}"
        print(f"{name}: {taken:.1%} taken, {refused:.2%} refused")  # noqa: T201
        assert taken >= 0.9, name
        assert refused <= 0.02, name
