"""One provider's connector against a bare aiohttp client that posts the same bodies.

Both sides work in this process, in turn, in short windows, towards one stand-in in a
process of its own that answers at once. Each message is a request; the bare client's
bodies are made beforehand, the connector makes its own, reads the answers, keeps its
window and reports an outcome for each message. ``python -m bench.provider`` prints the
windows.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, TCPConnector, web

from bench import processes
from esmed.bridge.base import Outgoing
from esmed.bridge.connector import ProviderConnector
from esmed.bridge.http import HttpCarrier
from esmed.clock import SystemClock
from esmed.connector import Job, Received
from esmed.ids import IdSource
from esmed.metrics import Metrics
from esmed.models import (
    Accepted,
    InboundIn,
    MoAnswer,
    PartResult,
    Plan,
    Queued,
    Request,
)
from esmed.providers.smsc import Config, create
from esmed.secret import Secret

OPEN: Final = 16
"""Requests that are open at a time, on both sides."""
MESSAGES: Final = 500
"""In one window."""
ROUNDS: Final = 15
EXPIRES: Final = 4_000_000_000_000


class Sink:
    """Counts outcomes, and has the connector go on."""

    connector: ProviderConnector

    def __init__(self) -> None:
        self.taken = 0
        self.backlog: list[Job] = []
        self.done = asyncio.Event()
        self._woken = False

    def results(self, results: Sequence[PartResult]) -> None:
        self.taken += sum(isinstance(one.outcome, Accepted) for one in results)
        self.connector.release(len(results))
        if self.taken >= MESSAGES:
            self.done.set()

    def wake(self, _: str) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        self._woken = False
        room = self.connector.capacity()
        jobs, self.backlog = self.backlog[:room], self.backlog[room:]
        if jobs:
            self.connector.submit(jobs)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        raise RuntimeError(f"returned: {job.queued.id} {parts}")

    def late(self, result: PartResult) -> None:
        raise RuntimeError(str(result))

    def received(self, items: Sequence[Received], done: object) -> None:
        raise RuntimeError(f"{len(items)} received, {done}")

    def answered(self, item: InboundIn, answer: MoAnswer, done: object) -> None:
        raise RuntimeError(f"{item} answered: {answer}, {done}")

    async def answer_on_record(self, connector: str, remote_id: str) -> None:
        raise RuntimeError(f"asked for an answer: {connector} {remote_id}")

    def refused(self, items: Sequence[Received]) -> None:
        raise RuntimeError(str(items))

    def session_ended(self, session: str) -> None:
        raise RuntimeError(session)

    def more_for(self, _: str) -> bool:
        return bool(self.backlog)


async def answer(request: web.Request) -> web.Response:
    """Take a message, or tell the balance."""
    await request.read()
    if "balance" in request.path:
        return web.json_response({"balance": "100", "currency": "UAH"})
    return web.json_response({"id": "1", "cnt": 1, "cost": "0.4", "balance": "100"})


@contextlib.contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    """The provider; its base URL."""
    port = processes.free_port()
    command = processes.python("-m", "bench.provider", str(port))
    with processes.running(command, folder / "provider.log") as process:
        url = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: processes.answers(url), process)
        yield url


def queued(ids: IdSource, seq: int) -> Queued:
    """A message to a number of its own."""
    to = f"38050{seq % 10_000_000:07}"
    request = Request(to=to, from_="Bench", text=f"Your code is {seq:06}")
    return Queued(
        seq=seq,
        id=ids.next(time.time_ns() // 1_000_000),
        request=request,
        via=("bench",),
        due_at=0,
        expires_at=EXPIRES,
    )


@contextlib.asynccontextmanager
async def connector(config: Config) -> AsyncIterator[Sink]:
    """The connector in question, up."""
    sink = Sink()
    sink.connector = ProviderConnector(
        "bench",
        config,
        create=lambda _: create(config),
        carrier=HttpCarrier(config),
        sink=sink,
        clock=SystemClock(),
        metrics=Metrics(),
    )
    await sink.connector.start()
    async with asyncio.timeout(processes.PATIENCE):
        while not sink.connector.health().sends:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    try:
        yield sink
    finally:
        await sink.connector.stop(5.0)


async def through(sink: Sink, messages: Sequence[Queued]) -> float:
    """Send messages through the connector; return how many a second."""
    sink.taken = 0
    sink.done.clear()
    for one in messages:
        plan = sink.connector.plan(one.request)
        if not isinstance(plan, Plan):
            raise TypeError(plan)
        sink.backlog.append(Job(one, plan, [1], "bench"))
    started = time.perf_counter()
    sink.wake("bench")
    async with asyncio.timeout(processes.PATIENCE):
        await sink.done.wait()
    return len(messages) / (time.perf_counter() - started)


async def bare(session: ClientSession, url: str, bodies: list[bytes]) -> float:
    """Post bodies and read the answers; return how many a second."""
    waiting = iter(bodies)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    async def worker() -> None:
        for body in waiting:
            async with session.post(url, data=body, headers=headers) as response:
                json.loads(await response.read())

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(OPEN)))
    return len(bodies) / (time.perf_counter() - started)


async def measure(
    folder: Path, rounds: int = ROUNDS
) -> tuple[list[float], list[float]]:
    """Return messages per second, window by window: ours, and the bare client's."""
    ours: list[float] = []
    theirs: list[float] = []
    ids = IdSource()
    with stand_in(folder) as url:
        config = Config(
            base_urls=(url,), login="bench", password=Secret("bench"),
            concurrency=OPEN, batch=1,
        )  # fmt: skip
        provider = create(config)
        async with (
            connector(config) as sink,
            ClientSession(connector=TCPConnector(limit=0)) as session,
        ):
            for number in range(rounds + 1):
                first = number * MESSAGES
                messages = [queued(ids, first + n) for n in range(MESSAGES)]
                calls = [
                    provider.build([_outgoing(one)], time.time_ns() // 1_000_000)
                    for one in messages
                ]
                path = url + calls[0].path
                rate = await bare(session, path, [call.body for call in calls])
                own = await through(sink, messages)
                if number:  # the first round warms up
                    theirs.append(rate)
                    ours.append(own)
    return ours, theirs


def _outgoing(one: Queued) -> Outgoing:
    return Outgoing(
        id=one.id,
        request=one.request,
        sender=one.request.from_,
        expires_at=one.expires_at,
    )


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Return the ratio of the medians, and of the best windows."""
    medians = statistics.median(ours) / statistics.median(theirs)
    return medians, max(ours) / max(theirs)


def main() -> None:
    """Be the stand-in on a port, or measure and print."""
    if len(sys.argv) > 1:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        port = int(sys.argv[1])
        web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)
        return
    with tempfile.TemporaryDirectory(prefix="esmed-bench-") as name:
        ours, theirs = asyncio.run(measure(Path(name), ROUNDS))
    for side, rates in (("connector", ours), ("bare", theirs)):
        told = " ".join(f"{rate:.0f}" for rate in rates)
        print(f"{side:9} messages/s, window by window: {told}")
    median, best = ratios(ours, theirs)
    print(f"the connector against the bare client: {median:.0%}, {best:.0%}")


if __name__ == "__main__":
    main()
