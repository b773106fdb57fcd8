"""`esmed.store.sqlite`: the file, the disk under it, and what may happen to both."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.records import DAY, T0, TO, accepted, mo, plan, receipt_of, record
from fakes.storebench import StoreBench as Bench
from fakes.wait import LIMIT, eventually

from esmed.errors import StoreError, StoreUnavailableError
from esmed.models import MessageState
from esmed.store import base, migrate, questions, sqlite
from esmed.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}


def python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start another process that knows this package and the fakes."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=ENVIRON,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **options,
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have another process hold the database as long as this lasts."""
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with python("-c", script, str(path)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.communicate(timeout=LIMIT)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a moment only."""
    monkeypatch.setattr(questions, "BUSY_SECONDS", 0.02)


async def fails(bench: Bench) -> str:
    """Open what cannot be opened; what is said of it."""
    with pytest.raises(StoreError) as caught:
        await bench.open()
    assert not isinstance(caught.value, StoreUnavailableError)
    return str(caught.value)


class TestTheFile:
    async def test_only_its_owner_reads_it(self, bench: Bench) -> None:
        await bench.accept(record())
        names = {path.name for path in bench.path.parent.iterdir()}
        assert {"esmed.db", "esmed.db.lock", "esmed.db-wal"} <= names
        for path in bench.path.parent.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_closing_leaves_one_file_that_is_whole(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.close()
        names = {path.name for path in bench.path.parent.iterdir()}
        assert names == {"esmed.db", "esmed.db.lock"}

    async def test_closing_needs_nobody_else_s_threads(self, bench: Bench) -> None:
        """Name servers that do not answer keep those that all of a process shares."""
        answered = threading.Event()
        with ThreadPoolExecutor(1) as shared:
            asyncio.get_running_loop().set_default_executor(shared)
            shared.submit(answered.wait)
            try:
                async with asyncio.timeout(LIMIT):
                    await bench.close()
            finally:
                answered.set()

    async def test_an_empty_file_is_a_new_store(self, shut: Bench) -> None:
        shut.path.touch()
        await shut.open()
        await shut.accept(record())

    async def test_durability(self, shut: Bench) -> None:
        await shut.open(durability="full")
        assert shut.pragma("synchronous") == (2,)
        await shut.open(durability="normal")
        assert shut.pragma("synchronous") == (1,)

    async def test_room_left(self, bench: Bench) -> None:
        assert bench.store.free_bytes() > 0

    async def test_before_it_is_open(self, shut: Bench) -> None:
        store = SqliteStore(shut.path)
        assert not store.available
        with pytest.raises(StoreUnavailableError, match="not open"):
            await store.intake(base.Cancel(seq=1, at=T0))
        await store.close()


class TestCannotOpen:
    async def test_a_directory(self, shut: Bench) -> None:
        shut.path.mkdir()
        assert await fails(shut) == (
            f"store.url: cannot open {shut.path}: Is a directory"
        )

    async def test_below_a_file(self, shut: Bench) -> None:
        shut.path.touch()
        said = await fails(Bench(shut.path / "esmed.db"))
        assert said.endswith(f"File exists ({shut.path})")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
    async def test_not_for_us_to_write(self, shut: Bench) -> None:
        shut.path.touch(0o400)
        assert "Permission denied" in await fails(shut)

    async def test_in_use_here(self, bench: Bench) -> None:
        assert "in use by another esmed" in await fails(Bench(bench.path))
        await bench.accept(record())

    async def test_in_use_by_another_process(self, bench: Bench) -> None:
        script = (
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from esmed.errors import StoreError\n"
            "from esmed.store.sqlite import SqliteStore\n"
            "try:\n"
            "    asyncio.run(SqliteStore(Path(sys.argv[1])).open(0))\n"
            "except StoreError as error:\n"
            "    print(error)\n"
        )
        with python("-c", script, str(bench.path)) as other:
            said, _ = other.communicate(timeout=LIMIT)
        assert said.startswith(f"the store {bench.path} is in use by another esmed")

    async def test_under_another_name(self, bench: Bench, tmp_path: Path) -> None:
        link = tmp_path / "link.db"
        link.symlink_to(bench.path)
        assert "in use by another esmed" in await fails(Bench(link))

    async def test_sqlite_does_not_want_to(
        self, shut: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def connect(_: Path) -> sqlite3.Connection:
            raise sqlite3.OperationalError("unable to open database file")

        monkeypatch.setattr(sqlite, "connect", connect)
        assert (await fails(shut)).endswith("unable to open database file")

    async def test_once_the_other_has_gone(self, bench: Bench) -> None:
        other = Bench(bench.path)
        await fails(other)
        await bench.close()
        await other.open()
        await other.close()

    @pytest.mark.usefixtures("impatient")
    async def test_held_by_another_program(self, bench: Bench) -> None:
        await bench.close()
        with locked(bench.path):
            said = await fails(bench)
        assert f"cannot open {bench.path}" in said
        assert "end the other program" in said
        await bench.open()

    async def test_of_another_program(self, shut: Bench) -> None:
        with closing(sqlite3.connect(shut.path)) as connection:
            connection.execute("CREATE TABLE accounts (id INTEGER)")
        assert "database of another program" in await fails(shut)

    async def test_of_a_newer_version(self, bench: Bench) -> None:
        bench.pragma("user_version = 99")
        await bench.close()
        assert "newer esmed" in await fails(bench)

    async def test_what_was_tried_is_closed_again(self, shut: Bench) -> None:
        """So that it can be tried once more when it is mended."""
        shut.path.write_text("not a database, " * 100)
        await fails(shut)
        shut.path.unlink()
        await shut.open()


async def test_a_large_store_is_not_read_through_at_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_CHECKED_BYTES", 1000)
    seen: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(sqlite, "connect", connect)
    await bench.open()
    assert seen
    assert not [one for one in seen if "quick_check" in one]


class TestDamage:
    async def filled(self, bench: Bench) -> bytearray:
        """The file of a store with some hundred pages."""
        await bench.accept(
            *(record(seq, text="x" * 1000, client="shop") for seq in range(1, 300))
        )
        await bench.close()
        return bytearray(bench.path.read_bytes())

    async def refused(self, bench: Bench, content: bytes | bytearray) -> None:
        bench.path.write_bytes(content)
        said = await fails(bench)
        assert said.startswith(f"the store {bench.path} is damaged")
        assert "restore a backup" in said
        assert "move the file away" in said
        # It is not made worse.
        assert bench.path.read_bytes() == content

    async def test_of_the_header(self, bench: Bench) -> None:
        content = await self.filled(bench)
        content[:100] = os.urandom(100)
        await self.refused(bench, content)

    async def test_of_pages(self, bench: Bench) -> None:
        content = await self.filled(bench)
        for page in range(20, len(content) // 4096, 10):
            content[page * 4096 : (page + 1) * 4096] = os.urandom(4096)
        await self.refused(bench, content)

    async def test_of_the_schema(self, bench: Bench) -> None:
        content = await self.filled(bench)
        content[100:4096] = bytes(3996)
        await self.refused(bench, content)

    async def test_a_part_is_missing(self, bench: Bench) -> None:
        content = await self.filled(bench)
        await self.refused(bench, content[: len(content) // 3])

    async def test_not_a_database_at_all(self, shut: Bench) -> None:
        await self.refused(shut, b"# config.yaml\nstore: {}\n" * 200)

    async def test_of_a_message_that_has_to_be_recovered(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.store.close()
        with closing(sqlite3.connect(bench.path)) as connection:
            connection.execute(
                "UPDATE messages SET state = 'submitting', due_at = NULL,"
                " progress = '[]'"
            )
            connection.commit()
        assert "is damaged" in await fails(bench)

    async def test_while_it_is_read(self, bench: Bench) -> None:
        await bench.accept(record())
        connection = bench.store._reader()
        connection.execute("UPDATE messages SET request = '[]'")
        with pytest.raises(StoreError, match="is damaged"):
            await bench.store.get("message-1")

    async def test_while_it_runs(self, bench: Bench) -> None:
        """Nothing is written any more, and what to do is said."""
        await bench.accept(*(record(seq, text="x" * 900) for seq in range(1, 400)))
        await bench.crash()  # the log is in the file now
        size = bench.path.stat().st_size
        with bench.path.open("r+b") as file:
            file.seek(8 * 4096)
            file.write(os.urandom(size - 8 * 4096))
        bench.pragma("shrink_memory")
        damaged = "is damaged .*restore a backup"
        with pytest.raises(StoreUnavailableError, match=damaged):
            await bench.accept(*(record(seq) for seq in range(400, 500)))
        with pytest.raises(StoreUnavailableError, match=damaged):
            await bench.store.find(
                client=None, state=None, to="1", reference=None, after=None, limit=9
            )


class TestTrouble:
    """The disk or somebody else is in the way: nothing is lost, nothing is stuck."""

    @pytest.mark.usefixtures("impatient")
    async def test_locked_by_another_process(self, bench: Bench) -> None:
        await bench.open()
        await bench.accept(record())
        told: list[list[Any]] = []
        with locked(bench.path):
            bench.store.duty([accepted()], told.append)
            with pytest.raises(StoreUnavailableError, match="end the other program"):
                await bench.store.intake(base.Accept(records=[record(2)]))
            assert told == []
            assert await bench.state() is MessageState.QUEUED
        await eventually(lambda: told)
        assert await bench.state() is MessageState.SUBMITTED
        await bench.accept(record(3))

    async def test_read_only(self, bench: Bench) -> None:
        await bench.accept(record())
        bench.pragma("query_only = ON")
        told: list[list[Any]] = []
        bench.store.duty([accepted()], told.append)
        with pytest.raises(StoreUnavailableError, match="let this user write"):
            await bench.store.intake(base.Accept(records=[record(2)]))
        bench.pragma("query_only = OFF")
        await eventually(lambda: told)
        assert await bench.state() is MessageState.SUBMITTED

    def test_a_file_that_may_not_grow(self, tmp_path: Path) -> None:
        """A quota, or a bad disk: SQLite says I/O error."""
        script = (
            "import asyncio, resource, sys\n"
            "from pathlib import Path\n"
            "from esmed.errors import StoreUnavailableError\n"
            "from esmed.store import base\n"
            "from fakes.records import T0, accepted, record\n"
            "from fakes.storebench import StoreBench\n"
            "async def main():\n"
            "    bench = StoreBench(Path(sys.argv[1]))\n"
            "    await bench.open()\n"
            "    await bench.accept(record(text='x' * 100_000))\n"
            "    size = bench.path.with_name('esmed.db-wal').stat().st_size\n"
            "    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
            "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))\n"
            "    told = []\n"
            "    bench.store.duty([accepted()], told.append)\n"
            "    try:\n"
            "        await bench.accept(record(2))\n"
            "    except StoreUnavailableError as error:\n"
            "        print(error)\n"
            "    assert not told\n"
            "    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
            "    while not told:\n"
            "        await asyncio.sleep(0.01)\n"
            "    await bench.accept(record(3))\n"
            "    print(*[await bench.state(seq) for seq in (1, 3)])\n"
            "    await bench.close()\n"
            "asyncio.run(main())\n"
        )
        with python("-c", script, str(tmp_path / "esmed.db")) as other:
            said, _ = other.communicate(timeout=LIMIT)
        error, states = said.splitlines()
        assert "disk I/O error; look at its disk, its quota" in error
        assert states == "submitted queued"

    def test_a_full_file_system(self, tmp_path: Path) -> None:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(tmp_path)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode:
            pytest.skip("only root mounts file systems")
        try:
            asyncio.run(self._on_a_full_file_system(tmp_path))
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)

    async def _on_a_full_file_system(self, folder: Path) -> None:
        bench = Bench(folder / "esmed.db")
        await bench.open()
        await bench.accept(record())
        ballast = folder / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(4 << 20))
        told: list[list[Any]] = []
        bench.store.duty([accepted(), mo("x" * 5000)], told.append)
        with pytest.raises(StoreUnavailableError, match="full; make room"):
            await bench.accept(*(record(seq, text="x" * 5000) for seq in range(2, 100)))
        assert told == []
        ballast.unlink()
        await eventually(lambda: told)
        assert told == [[False, "whole"]]
        await bench.accept(record(200))
        assert bench.ask("PRAGMA integrity_check") == [("ok",)]
        await bench.close()


class TestKilled:
    """``kill -9`` amid commits: what was acknowledged is there."""

    @pytest.mark.parametrize("durability", ["normal", "full"])
    async def test_at_random_moments(self, shut: Bench, durability: str) -> None:
        acknowledged: set[str] = set()
        for lines in (1, 150, 700):
            with python(
                "-m", "fakes.storevictim", str(shut.path), durability
            ) as victim:
                assert victim.stdout is not None
                for _ in range(lines):
                    acknowledged.add(victim.stdout.readline())
                victim.send_signal(signal.SIGKILL)
                rest = victim.stdout.read().splitlines(keepends=True)
            # What was being said when it died was not said.
            acknowledged.update(line for line in rest if line.endswith("\n"))
        await shut.open()
        assert shut.ask("PRAGMA integrity_check") == [("ok",)]
        found = shut.ask("SELECT seq, state FROM messages")
        stored = {f"message {seq}\n" for seq, _ in found}
        stored |= {f"part {seq}\n" for seq, state in found if state == "submitted"}
        assert acknowledged <= stored
        assert len(acknowledged) > 850
        ids = shut.ask("SELECT seq FROM smsc_ids")
        assert {f"part {seq}\n" for (seq,) in ids} == {
            line for line in stored if line.startswith("part")
        }
        assert shut.store.next_seq() > max(seq for seq, _ in found)


async def test_what_an_older_version_held_and_parked(
    shut: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first schema had no index of numbers, and no time of the mark."""
    first = migrate.migrations()[:1]
    with monkeypatch.context() as before:
        before.setattr(migrate, "migrations", lambda: first)
        await shut.open()
        held = base.Mark(
            seq=1, plan=plan(), at=T0, on_unknown="hold", deadline=T0 + DAY
        )
        await shut.accept(record())
        await shut.do(held, receipt_of())
        await shut.close()
    with closing(sqlite3.connect(shut.path)) as database, database:
        database.execute(
            "UPDATE messages SET progress = json_remove(progress, '$[16]')"
        )
    await shut.open(now=T0 + 9000)
    assert (await shut.get()).progress.marked_at is None
    sweep = base.Sweep(
        now=T0 + 9000,
        limit=10,
        retention=DAY,
        busy=frozenset(),
        patience={"carrier": DAY},
    )
    await shut.one(sweep)
    assert await shut.state() is MessageState.DELIVERED
    (found,) = await shut.store.find(
        client=None, state=None, to=TO, reference=None, after=None, limit=10
    )
    assert found.seq == 1


class TestTheLog:
    """The write-ahead log stays bounded, and keeps nobody from committing."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "_CHECKPOINT_BYTES", 300_000)
        monkeypatch.setattr(sqlite, "_WAL_MOST_BYTES", 1_000_000)

    def size(self, bench: Bench) -> int:
        return bench.path.with_name("esmed.db-wal").stat().st_size

    async def test_it_is_moved_into_the_database(self, bench: Bench) -> None:
        await bench.accept(*(record(seq, text="x" * 1000) for seq in range(1, 101)))
        before, size = self.size(bench), bench.path.stat().st_size
        assert before > 300_000
        await bench.store.checkpoint()
        assert bench.path.stat().st_size > size
        await bench.accept(record(101))
        assert self.size(bench) == before  # begun anew, from its start

    async def test_it_is_cut_when_it_is_long(self, bench: Bench) -> None:
        for start in range(1, 1500, 100):
            await bench.accept(
                *(record(seq, text="x" * 1000) for seq in range(start, start + 100))
            )
        assert self.size(bench) > 1_000_000
        await bench.store.checkpoint()
        assert self.size(bench) == 0

    async def test_a_short_one_is_left_alone(self, bench: Bench) -> None:
        size = bench.path.stat().st_size
        await bench.accept(record())
        await bench.store.checkpoint()
        assert bench.path.stat().st_size == size

    async def test_while_commits_go_on(self, bench: Bench) -> None:
        seqs = iter(range(1, 1_000_000))
        running = True

        async def send() -> None:
            while running:
                batch = [record(next(seqs), text="x" * 1000) for _ in range(20)]
                await bench.store.intake(base.Accept(records=batch))

        senders = [asyncio.create_task(send()) for _ in range(4)]
        sizes = []
        for _ in range(12):
            await asyncio.sleep(0.05)
            await bench.store.checkpoint()
            sizes.append(self.size(bench))
        running = False
        await asyncio.gather(*senders)
        assert bench.failures == []
        # Each was begun anew; what came since is all there is.
        assert sum(sizes[n] <= sizes[n - 1] for n in range(1, 12)) >= 3
        await bench.store.checkpoint()
        assert self.size(bench) <= 1_000_000

    async def test_somebody_reads_for_long(self, bench: Bench) -> None:
        """The log cannot be cut then; nobody waits for that."""
        await bench.accept(*(record(seq, text="x" * 1000) for seq in range(1, 1000)))
        with closing(sqlite3.connect(bench.path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchone()
            await bench.accept(record(2000))
            await bench.store.checkpoint()
            await bench.accept(record(2001))
        assert bench.failures == []
        await bench.store.checkpoint()
        assert self.size(bench) == 0

    async def test_no_log_no_work(self, bench: Bench) -> None:
        await bench.close()
        store = SqliteStore(bench.path)
        await store.open(T0)
        bench.path.with_name("esmed.db-wal").unlink(missing_ok=True)
        await store.checkpoint()
        await store.close()


async def test_what_comes_at_once_may_be_read_at_once(bench: Bench) -> None:
    await bench.accept(*(record(seq) for seq in range(1, 50)))
    found = await asyncio.gather(
        *(bench.store.get(f"message-{seq}") for seq in range(1, 50))
    )
    assert all(found)


async def test_a_new_lane_may_be_seen_while_others_are_read(bench: Bench) -> None:
    async def look() -> None:
        for _ in range(100):
            await bench.store.lanes()

    looking = asyncio.create_task(look())
    for seq in range(1, 101):
        await bench.accept(record(seq, via=(f"connector {seq}",)))
    await looking
    assert len(await bench.store.lanes()) == 100


async def test_receipts_of_many_are_found_together(bench: Bench) -> None:
    count = 300
    await bench.accept(*(record(seq) for seq in range(1, count)))
    await bench.do(*(accepted(f"a{seq}", seq=seq) for seq in range(1, count)))
    answers = await bench.do(
        *(receipt_of(smsc_id=f"a{seq}", at=T0 + DAY) for seq in range(1, count))
    )
    assert set(answers) == {"matched"}
