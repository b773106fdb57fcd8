"""This version side by side with another one: `python -m bench.against CHECKOUT`.

Each has a daemon and a store of its own, the SMSC is the same, windows are in turn. The
other checkout needs no environment of its own, as long as it runs in ours.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from pathlib import Path

from bench import load, processes
from bench.daemon import daemon, simulator
from bench.main import BATCH, CONNECTIONS, Side, end_to_end, go_round

HERE = Path(__file__).parent.parent


async def measure(other: Path, rounds: int, folder: Path) -> list[Side]:
    """Return the sides: ours and theirs, batches and single POSTs."""
    batch = {"defaults": {}, "messages": [load.SINGLE] * BATCH}
    async with contextlib.AsyncExitStack() as stack:
        smsc, control = stack.enter_context(simulator(folder))
        sides: list[Side] = []
        for name, checkout in (("ours", HERE), ("theirs", other)):
            port, _ = stack.enter_context(daemon(folder, name, smsc, checkout=checkout))
            for what, path, body, connections, count, each in (
                ("batches", "/v1/messages/batch", batch, 2, 6, BATCH),
                ("single", "/v1/messages", load.SINGLE, CONNECTIONS, 3000, 1),
            ):
                requests = load.Load(port, load.post(port, path, body), (200, 202))
                await requests.open(connections)
                stack.callback(requests.close)
                window = end_to_end(
                    requests, count, each, lambda: processes.acknowledged(control)
                )
                sides.append(Side(f"{name}, {what}", window))
        await go_round(sides, rounds)
        return sides


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.against")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="esmed-bench-") as name:
        sides = asyncio.run(
            measure(arguments.checkout.resolve(), arguments.rounds, Path(name))
        )
    for side in sides:
        rates = " ".join(f"{rate:.0f}" for rate in side.rates)
        print(f"{side.name:15} messages/s, window by window: {rates}")
    half = len(sides) // 2
    for ours, theirs in zip(sides[:half], sides[half:], strict=True):
        pairs = zip(ours.rates, theirs.rates, strict=True)
        paired = statistics.median(one / other for one, other in pairs)
        print(
            f"{ours.name} against {theirs.name}: medians"
            f" {ours.median / theirs.median:.2f}, best {ours.best / theirs.best:.2f},"
            f" pairs of windows {paired:.2f}"
        )


if __name__ == "__main__":
    main()
