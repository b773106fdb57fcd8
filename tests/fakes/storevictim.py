"""A process that writes to a store as fast as it can, until somebody ends it.

``python -m fakes.storevictim PATH DURABILITY`` says on stdout, one line each, what was
acknowledged to it: ``message N`` after an intake, ``part N`` after a duty.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from fakes.records import T0, accepted, record

from esmed.store import base
from esmed.store.sqlite import SqliteStore

SENDERS = 8


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def send(store: SqliteStore) -> None:
    while True:
        seq = store.next_seq()
        await store.intake(base.Accept(records=[record(seq, text="x" * 200)]))
        say(f"message {seq}")

        def done(_: list[Any], seq: int = seq) -> None:
            say(f"part {seq}")

        store.duty([accepted(f"id{seq}", seq=seq)], done)


async def main(path: str, durability: Any) -> None:
    store = SqliteStore(Path(path), durability=durability)
    await store.open(T0)
    await asyncio.gather(*(send(store) for _ in range(SENDERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
