"""A store that cannot be written, or used at all: contract, "The promise", 5 and 6."""

import asyncio
import contextlib
import json
import resource
import sqlite3
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.hook import HookSink
from system.accounts import Book, Sent, journal, reckon
from system.processes import LIMIT, Bench, Daemon, Smsc
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
                file.write(bytes(4096))

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
    """A file system of a few MiB; the test is skipped where nobody may mount one."""
    disk = folder / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk))
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(params=["full", "limit", "locked"])
def obstacle(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Obstacle, Path]]:
    """What stands in the way, and where the store is."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path
        made: Obstacle
        if request.param == "full":
            folder = stack.enter_context(small_disk(tmp_path))
            made = FullDisk(folder)
        else:
            made = FileSizeLimit() if request.param == "limit" else Locked()
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


async def store_errors(daemon: Daemon) -> float:
    metrics: str = await daemon.get("/metrics")
    [line] = [
        line
        for line in metrics.splitlines()
        if line.startswith("esmed_store_errors_total ")
    ]
    return float(line.split()[1])


async def test_store_that_cannot_be_written(
    processes: Bench, hook: HookSink, obstacle: tuple[Obstacle, Path]
):
    hindrance, store = obstacle
    smsc = processes.smsc("--response-delay", "50ms", "--receipt-delay", "50ms")
    await smsc.start()
    # Two at a time, so that there is enough left to do when the trouble begins.
    daemon = processes.daemon(config(smsc, hook, store=str(store), window=2))
    await daemon.start()
    await daemon.bound()
    book = Book()
    many = [message(number) for number in range(300)]
    status, answer = await daemon.ask(
        "POST", "/v1/messages/batch", {"messages": [sent.body for sent in many]}
    )
    assert status == 200, answer
    for sent, item in zip(many, answer["messages"], strict=True):
        book.accepted[item["id"]] = sent
    await smsc.reaches(lambda stats: stats["receipts"]["acknowledged"] > 5)

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
    errors = await store_errors(daemon)
    deadline = time.monotonic() + LIMIT
    while await store_errors(daemon) < errors + 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    after = await smsc.stats()
    assert after["submits"] == before["submits"]
    assert after["mo"]["acknowledged"] == 0
    assert after["receipts"]["acknowledged"] == before["receipts"]["acknowledged"]
    assert before["submits"] < 300

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


async def test_killed_while_the_store_is_locked(processes: Bench, hook: HookSink):
    smsc = processes.smsc("--response-delay", "100ms")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook))
    await daemon.start()
    store = processes.folder / "esmed.db"
    await daemon.bound()
    id_ = await daemon.submit()
    lock = Locked()
    lock.place(daemon, store)
    try:
        await refused(daemon, Book(), 1)
        # What cannot be recovered now is no reason to start without it.
        daemon.kill()
        daemon.spawn()
        assert await daemon.exited() == 1
        assert f"cannot open {store}: database is locked" in daemon.log
    finally:
        lock.lift()
    await daemon.start()
    await daemon.reaches(id_, "delivered")
    assert await daemon.stop() == 0


# --- stores that cannot be used at all -----------------------------------------------


@pytest.fixture
async def used(processes: Bench) -> AsyncIterator[tuple[Daemon, Path]]:
    """A daemon that has stopped, and its store with messages in it."""
    smsc = processes.smsc()
    await smsc.start()
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    await daemon.bound()
    body = {"messages": [message(number).body for number in range(200)]}
    status, _ = await daemon.ask("POST", "/v1/messages/batch", body)
    assert status == 200
    await smsc.reaches(lambda stats: stats["receipts"]["acknowledged"] == 200)
    assert await daemon.stop() == 0
    yield daemon, processes.folder / "esmed.db"


@pytest.mark.parametrize(
    ("offset", "octets"),
    [(0, b"this was a database"), (100, bytes(200)), (3 * 4096, b"\xa5" * 8192)],
    ids=["header", "schema", "pages"],
)
async def test_damaged(used: tuple[Daemon, Path], offset: int, octets: bytes):
    daemon, store = used
    with store.open("r+b") as file:
        file.seek(offset)
        file.write(octets)
    before = store.read_bytes()
    daemon.spawn()
    assert await daemon.exited() == 1
    assert f"the store {store} is damaged" in daemon.log
    assert "restore a backup" in daemon.log
    assert ".recover" in daemon.log
    assert store.read_bytes() == before


async def test_truncated(used: tuple[Daemon, Path]):
    daemon, store = used
    with store.open("r+b") as file:
        file.truncate(store.stat().st_size // 2)
    daemon.spawn()
    assert await daemon.exited() == 1
    assert f"the store {store} is damaged" in daemon.log


async def test_of_another_program(processes: Bench):
    store = processes.folder / "esmed.db"
    with contextlib.closing(sqlite3.connect(store)) as other:
        other.execute("CREATE TABLE precious (thing)")
        other.commit()
    daemon = processes.daemon(config("127.0.0.1:1"))
    daemon.spawn()
    assert await daemon.exited() == 1
    assert f"{store} is a database of another program" in daemon.log


async def test_a_directory(processes: Bench):
    (processes.folder / "esmed.db").mkdir()
    daemon = processes.daemon(config("127.0.0.1:1"))
    daemon.spawn()
    assert await daemon.exited() == 1
    assert "store.url: cannot open" in daemon.log


async def test_in_use_by_another_daemon(processes: Bench, smsc: Smsc):
    first = processes.daemon(config(smsc))
    await first.start()
    await first.bound()
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


async def test_store_is_private(processes: Bench, smsc: Smsc):
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    await daemon.submit()
    for file in processes.folder.glob("esmed.db*"):
        assert file.stat().st_mode & 0o077 == 0, file
    assert await daemon.stop() == 0
