"""Everything in one run: short windows in turn, medians and best ones, ratios.

    bench/run [--rounds N] [--no-memory]

The machine may stall for a second now and then, so windows are short, all sides are
measured in every round, and neither means nor seconds are quoted.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import codec, kannel, load, processes, provider
from bench.daemon import daemon, simulator

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
CONNECTIONS = 64
BATCH = 1000
WAITING = 1_000_000


@dataclass
class Side:
    """One thing that is measured; a window gives messages per second."""

    name: str
    window: Callable[[], Awaitable[float]]
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        return max(self.rates)


def plain(requests: load.Load, count: int) -> Callable[[], Awaitable[float]]:
    """A window of requests and nothing else."""

    async def window() -> float:
        return count / await requests.window(count)

    return window


def end_to_end(
    requests: load.Load, count: int, each: int, come_back: Callable[[], int]
) -> Callable[[], Awaitable[float]]:
    """A window until every message has come back, as ``come_back`` counts them."""

    async def window() -> float:
        wanted = come_back() + count * each
        started = time.perf_counter()
        await requests.window(count)
        while come_back() < wanted:
            await asyncio.sleep(0.01)
            if time.perf_counter() - started > processes.PATIENCE:
                raise RuntimeError("not every message came back")
        return count * each / (time.perf_counter() - started)

    return window


async def go_round(sides: list[Side], rounds: int) -> None:
    """Measure each side once in every round; the first round only warms up."""
    for number in range(rounds + 1):
        for side in sides:
            rate = await side.window()
            if number:
                side.rates.append(rate)


@contextlib.contextmanager
def application(folder: Path) -> Iterator[int]:
    """The bare aiohttp application; its port."""
    port = processes.free_port()
    command = processes.python("-m", "bench.bare", str(port))
    with processes.running(command, folder / f"bare-{port}.log") as process:
        url = f"http://127.0.0.1:{port}/hook"
        processes.wait_until(lambda: processes.answers(url), process)
        yield port


async def measure(rounds: int, folder: Path) -> list[Side]:
    """Start everything, go round."""
    batch = {"defaults": {}, "messages": [load.SINGLE] * BATCH}
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_context
        smsc, control = enter(simulator(folder))
        bare, hook = (enter(application(folder)) for _ in range(2))
        nobody = processes.free_port()
        lonely, _ = enter(daemon(folder, "lonely", nobody, ready="healthz"))
        quiet, _ = enter(daemon(folder, "quiet", smsc))
        telling, _ = enter(daemon(folder, "telling", smsc, hook=hook))

        def acknowledged() -> int:
            return processes.acknowledged(control)

        async def ready(port: int, request: bytes, connections: int) -> load.Load:
            requests = load.Load(port, request, (200, 202))
            await requests.open(connections)
            stack.callback(requests.close)
            return requests

        async def single(port: int) -> load.Load:
            request = load.post(port, "/v1/messages", load.SINGLE)
            return await ready(port, request, CONNECTIONS)

        path = "/v1/messages/batch"
        batches = await ready(quiet, load.post(quiet, path, batch), 2)
        sides = [
            Side("bare", plain(await single(bare), 6000)),
            Side("submit", plain(await single(lonely), 4000)),
            Side("single", end_to_end(await single(quiet), 3000, 1, acknowledged)),
            Side("batch", end_to_end(batches, 6, BATCH, acknowledged)),
            Side(
                "webhooks",
                end_to_end(
                    await single(telling), 2000, 1, lambda: processes.taken(hook)
                ),
            ),
        ]
        if kannel.installed():
            port = enter(kannel.kannel(folder, smsc))
            requests = await ready(port, kannel.request(port), CONNECTIONS)
            sides.append(Side("kannel", end_to_end(requests, 1000, 1, acknowledged)))
        await go_round(sides, rounds)
        return sides


async def memory(folder: Path) -> tuple[float, float]:
    """Resident MiB of an idle daemon, and with a million messages waiting."""
    nobody = processes.free_port()
    with daemon(folder, "full", nobody, ready="healthz") as (port, process):
        idle = processes.resident_mib(process)
        body = {"defaults": {}, "messages": [load.SINGLE] * BATCH}
        request = load.post(port, "/v1/messages/batch", body)
        requests = load.Load(port, request, (200,))
        await requests.open(2)
        await requests.window(WAITING // BATCH)
        requests.close()
        return idle, processes.resident_mib(process)


def table(
    sides: list[Side],
    bridge: tuple[float, float],
    resident: tuple[float, float] | None,
) -> list[str]:
    """The figures as Markdown rows."""
    by_name = {side.name: side for side in sides}
    bare = by_name["bare"]
    rows = ["| | ratio, median | ratio, best window | aim |", "|---|---|---|---|"]
    rows += (
        f"| {row.name} against smpp.pdu | {row.ratio_median:.1f} ×"
        f" | {row.ratio_best:.1f} × | ≥ {row.target:.0f} × |"
        for row in codec.rows()
    )
    for name, what, aim in (
        ("submit", "HTTP submit, on disk, against bare aiohttp", "≥ 50 %"),
        ("single", "end to end, single POSTs, against bare aiohttp", "≥ 25 %"),
        ("batch", "end to end, batches of 1,000, against bare aiohttp", "≥ 60 %"),
        ("webhooks", "end to end, single POSTs, webhooks on", "what it costs"),
    ):
        side = by_name[name]
        rows.append(
            f"| {what} | {side.median / bare.median:.0%}"
            f" | {side.best / bare.best:.0%} | {aim} |"
        )
    rows.append(
        "| one provider's connector, a request each, against a bare aiohttp client"
        f" | {bridge[0]:.0%} | {bridge[1]:.0%} | ≥ 60 % |"
    )
    if "kannel" in by_name:
        theirs = by_name["kannel"]
        for name, what in (("single", "single POSTs"), ("batch", "batches")):
            ours = by_name[name]
            rows.append(
                f"| end to end, {what}, against Kannel"
                f" | {ours.median / theirs.median:.1f} ×"
                f" | {ours.best / theirs.best:.1f} × | ≥ 5 × |"
            )
    if resident is not None:
        rows.append(f"| resident, idle | {resident[0]:.0f} MiB | | < 60 MiB |")
        rows.append(
            f"| resident, 1,000,000 messages waiting | {resident[1]:.0f} MiB"
            " | | < 250 MiB |"
        )
    return rows


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-memory", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="esmed-bench-") as name:
        folder = Path(name)
        sides = asyncio.run(measure(arguments.rounds, folder))
        ours, theirs = asyncio.run(provider.measure(folder, 2 * arguments.rounds))
        resident = None if arguments.no_memory else asyncio.run(memory(folder))
    for side in sides:
        rates = " ".join(f"{rate:.0f}" for rate in side.rates)
        print(f"{side.name:9} messages/s, window by window: {rates}")
    rows = table(sides, provider.ratios(ours, theirs), resident)
    print("\n".join(rows))
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    stamp = (
        f"\nMeasured {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores shared by"
        f" load generator, daemon and simulator; {arguments.rounds} rounds.\n"
    )
    README.write_text(head + BEGIN + "\n".join(rows) + "\n" + stamp + END + tail)


if __name__ == "__main__":
    main()
