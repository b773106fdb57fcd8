"""A store that cannot be written, or used at all: contract, "The promise", 5 and 6."""

import asyncio
import contextlib
import resource
import sqlite3
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.hook import HookSink
from integration.client import LIMIT
from system.accounts import Book, Sent, journal, reckon
from system.processes import Bench, Daemon, Smsc
from system.set_up import config, finished

# --- stores that cannot be written for a while ---------------------------------------


class Obstacle(ABC):
    """Keeps a store from being written while it lasts."""

    complaint: str
    """What the log says of it."""

    @abstractmethod
    def place(self, daemon: Daemon, store: Path) -> None:
        """Begin."""

    @abstractmethod
    def lift(self) -> None:
        """End; once more does no harm."""


class FullDisk(Obstacle):
    """A file takes all the room that is left."""

    complaint = "disk is full"

    def __init__(self, disk: Path) -> None:
        self._ballast = disk / "ballast"

    def place(self, daemon: Daemon, store: Path) -> None:
        with contextlib.suppress(OSError), self._ballast.open("wb", 0) as file:
            while True:
                file.write(bytes(65536))

    def lift(self) -> None:
        self._ballast.unlink(missing_ok=True)


class FileSizeLimit(Obstacle):
    """No file of the daemon may grow any more: setrlimit(2), RLIMIT_FSIZE."""

    complaint = "disk"

    def __init__(self) -> None:
        self._pid: int | None = None

    def place(self, daemon: Daemon, store: Path) -> None:
        self._pid = daemon.pid
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (4096, -1))

    def lift(self) -> None:
        pid, self._pid = self._pid, None
        if pid is not None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (-1, -1))


class Locked(Obstacle):
    """Another program writes to the database and does not end."""

    complaint = "locked"

    def __init__(self) -> None:
        self._other: sqlite3.Connection | None = None

    def place(self, daemon: Daemon, store: Path) -> None:
        self._other = sqlite3.connect(store, isolation_level=None, timeout=30)
        self._other.execute("BEGIN IMMEDIATE")

    def lift(self) -> None:
        other, self._other = self._other, None
        if other is not None:
            other.execute("ROLLBACK")
            other.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of some MiB; CalledProcessError where nobody may mount one."""
    disk = folder / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk))
    subprocess.run(["mount", *options], check=True, capture_output=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(params=["full", "locked"])
def obstacle(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Obstacle, Path]]:
    """What stands in the way, and where the store is."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path
        made: Obstacle = Locked()
        if request.param == "full":
            try:
                folder = stack.enter_context(small_disk(tmp_path))
            except (OSError, subprocess.CalledProcessError):
                made = FileSizeLimit()
            else:
                made = FullDisk(folder)
        stack.callback(made.lift)
        yield made, folder / "esmed.db"


async def refused(daemon: Daemon, book: Book, number: int) -> tuple[Any, Any]:
    """Submit until it is refused; the headers and the body of that."""
    deadline = time.monotonic() + LIMIT
    while True:
        number += 1
        sent = message(number)
        async with daemon.session.post(
            f"{daemon.url}/v1/messages", json=sent.body
        ) as answer:
            body = await answer.json()
            if answer.status == 503:
                return answer.headers, body
            assert answer.status == 202, body
            book.accepted[body["id"]] = sent
        assert time.monotonic() < deadline


def message(number: int) -> Sent:
    reference = f"r{number}"
    body = {
        "to": str(380_500_000_010 + 100 * number),
        "from": "Shop",
        "text": f"message {number}",
        "reference": reference,
    }
    return Sent(reference=reference, body=body)


async def test_store_that_cannot_be_written(
    processes: Bench, hook: HookSink, obstacle: tuple[Obstacle, Path]
):
    hindrance, store = obstacle
    smsc = processes.smsc("--receipt-delay", "40ms")
    await smsc.start()
    # Few at a time, so that there is enough left to do when the trouble begins.
    await smsc.fault(kind="late_response", delay="500ms")
    daemon = processes.daemon(config(smsc, hook, store=str(store), window=4))
    await daemon.start()
    await daemon.bound()
    book = Book()
    many = [message(number) for number in range(50)]
    status, answer = await daemon.ask(
        "POST", "/v1/messages/batch", {"messages": [sent.body for sent in many]}
    )
    assert status == 200, answer
    for sent, item in zip(many, answer["messages"], strict=True):
        book.accepted[item["id"]] = sent
    await smsc.reaches(lambda stats: stats["receipts"]["acknowledged"] > 2)

    hindrance.place(daemon, store)
    headers, problem = await refused(daemon, book, 1000)
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Retry-After"]) > 0
    assert "store" in problem["detail"]
    # What is wrong with the disk is none of the callers' business.
    await daemon.find(f"ERROR store store.unavailable .*{hindrance.complaint}")
    assert (await daemon.ask("GET", "/readyz"))[0] == 503
    assert (await daemon.ask("GET", "/healthz"))[0] == 200

    # Nothing is written and nothing acknowledged, however often it is tried.
    await smsc.do("POST", "/mo", {"text": "do not lose me"})
    before = await smsc.reaches(lambda stats: stats["mo"]["sent"] == 1)
    errors = await daemon.metric("esmed_store_errors_total")
    deadline = time.monotonic() + LIMIT
    while await daemon.metric("esmed_store_errors_total") <= errors:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    after = await smsc.stats()
    assert after["submits"] == before["submits"]
    assert after["mo"]["acknowledged"] == 0
    assert after["receipts"]["acknowledged"] == before["receipts"]["acknowledged"]
    assert before["submits"] < len(many)

    await smsc.heal()
    hindrance.lift()
    deadline = time.monotonic() + LIMIT
    sent = message(5000)
    while True:
        status, answer = await daemon.ask("POST", "/v1/messages", sent.body)
        if status == 202:
            book.accepted[answer["id"]] = sent
            break
        assert status == 503, answer
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    messages = await finished(daemon, hook)
    assert {each["state"] for each in messages} == {"delivered"}
    await smsc.reaches(lambda stats: stats["mo"]["acknowledged"] == 1)
    heard = await daemon.get("/v1/inbound")
    assert [each["text"] for each in heard["messages"]] == ["do not lose me"]
    assert "store.back" in daemon.log
    assert await daemon.stop() == 0
    await smsc.stop()
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    reckoning.check()
    assert not reckoning.duplicates


# --- stores that cannot be used at all -----------------------------------------------


DAMAGES = {
    "header": (0, b"this was a database"),
    "schema": (100, bytes(200)),
    "pages": (3 * 4096, b"\xa5" * 8192),
}
"""Where what is written over a store."""


async def test_damaged(processes: Bench, smsc: Smsc):
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    await daemon.bound()
    body = {"messages": [message(number).body for number in range(200)]}
    status, _ = await daemon.ask("POST", "/v1/messages/batch", body)
    assert status == 200
    await smsc.reaches(lambda stats: stats["receipts"]["acknowledged"] == 200)
    assert await daemon.stop() == 0
    sound = (processes.folder / "esmed.db").read_bytes()
    damaged = {
        name: sound[:offset] + octets + sound[offset + len(octets) :]
        for name, (offset, octets) in DAMAGES.items()
    }
    damaged["half"] = sound[: len(sound) // 2]
    for name, content in damaged.items():
        (processes.folder / f"{name}.db").write_bytes(content)
    logs = await refusals_to_start(processes, damaged)
    for name, content in damaged.items():
        store = processes.folder / f"{name}.db"
        assert f"the store {store} is damaged" in logs[name]
        assert "restore a backup" in logs[name]
        assert "move the file away to start empty" in logs[name]
        assert store.read_bytes() == content


async def refusals_to_start(processes: Bench, names: Iterable[str]) -> dict[str, str]:
    """What is said of stores that cannot be used."""
    daemons = {
        name: processes.daemon(config("127.0.0.1:1", store=f"{name}.db"), name=name)
        for name in names
    }
    for daemon in daemons.values():
        daemon.spawn()
    for daemon in daemons.values():
        assert await daemon.exited() == 1
    return {name: daemon.log for name, daemon in daemons.items()}


async def test_no_store_of_ours(processes: Bench):
    (processes.folder / "directory.db").mkdir()
    other = processes.folder / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE precious (thing)")
        connection.commit()
    logs = await refusals_to_start(processes, ("directory", "other"))
    found = f"store.url: cannot open {processes.folder}/directory.db"
    assert found in logs["directory"]
    assert f"{other} is a database of another program" in logs["other"]


async def test_in_use_by_another_daemon(processes: Bench, smsc: Smsc):
    first = processes.daemon(config(smsc))
    await first.start()
    await first.bound()
    for file in processes.folder.glob("esmed.db*"):
        assert file.stat().st_mode & 0o077 == 0, file
    second = processes.daemon(config(smsc), name="second")
    second.spawn()
    assert await second.exited() == 1
    store = processes.folder / "esmed.db"
    assert f"the store {store} is in use by another esmed" in second.log
    # It has done nothing to the first one, nor bound beside it.
    await first.reaches(await first.submit(), "delivered")
    assert (await smsc.stats())["binds"] == 1
    first.kill()
    # The lock dies with its process.
    await second.start()
    assert len(await second.messages()) == 1
    assert await second.stop() == 0
