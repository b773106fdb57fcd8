"""`esmed.webhooks` over real sockets and the real store; only the clock is manual."""

import asyncio
import base64
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientOSError, ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from fakes.clock import ManualClock
from fakes.hook import PATIENCE, Answer, Drip, Drop, Hang, Hook, HookSink, Wait

from esmed import hooks
from esmed.announce import Announcer
from esmed.config import Webhooks as WebhooksConfig
from esmed.errors import StoreUnavailableError
from esmed.hooksender import new_session
from esmed.metrics import Metrics
from esmed.models import MessageState, Progress, Record, Request
from esmed.secret import Secret
from esmed.store.base import (
    Accept,
    Cancel,
    Committed,
    Operation,
    OutboxEntry,
    OutboxItem,
    Replay,
)
from esmed.store.sqlite import SqliteStore
from esmed.webhooks import Webhooks

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
HOUR = 3600.0
VECTORS = Path(__file__).parent / "vectors"


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what another thread, or the store, makes true."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.005)


class TroubledStore(SqliteStore):
    """The real one, with trouble on demand."""

    down = False
    deaf = 0
    """So many questions for events fail."""
    blind = False
    """Every question for the backlog fails."""
    bugs = 0
    """So many questions raise what nobody expects."""
    gate: asyncio.Event | None = None
    """Answers to `outbox` are held back until it is set."""
    refuse = False
    """Results can never be stored."""
    pages = 0

    @property
    def available(self) -> bool:
        return super().available and not self.down

    async def outbox(
        self, now: int, limit: int, skip_urls: Sequence[str | None]
    ) -> list[OutboxItem]:
        if self.deaf:
            self.deaf -= 1
            raise StoreUnavailableError
        if self.bugs:
            self.bugs -= 1
            raise RuntimeError("a bug")
        page = await super().outbox(now, limit, skip_urls)
        self.pages += 1
        if self.gate is not None:
            await self.gate.wait()
        return page

    async def backlog(self) -> tuple[int, int | None]:
        if self.blind:
            raise StoreUnavailableError
        return await super().backlog()

    def duty(
        self, operations: Sequence[Operation], done: Callable[[list[Any]], None]
    ) -> None:
        if self.refuse:
            refusals: list[Any] = [ValueError("never") for _ in operations]
            asyncio.get_running_loop().call_soon(done, refusals)
        else:
            super().duty(operations, done)


class Bench:
    """A store with webhooks before it, a sink behind them, and time to move."""

    def __init__(self, path: Path, sink: HookSink, clock: ManualClock) -> None:
        self.sink = sink
        self.clock = clock
        self.metrics = Metrics()
        self.webhooks: Webhooks | None = None
        self.store = TroubledStore(
            path / "esmed.db",
            durability="normal",
            announcer=Announcer(["message.*"], default=True),
            committed=self._committed,
        )

    def _committed(self, committed: Committed) -> None:
        if committed.events and self.webhooks is not None:
            self.webhooks.wake()

    async def start(self, **options: Any) -> Webhooks:
        """Begin to deliver; all options but `sessions` are of the configuration."""
        sessions = options.pop("sessions", new_session)
        options.setdefault("url", self.sink.url())
        options.setdefault("secret", Secret(SECRET))
        options.setdefault("timeout", PATIENCE)
        self.webhooks = Webhooks(
            self.store,
            WebhooksConfig(**options),
            self.metrics,
            self.clock,
            sessions=sessions,
            jitter=lambda: 0.0,
        )
        await self.webhooks.start()
        return self.webhooks

    async def submit(
        self, count: int = 1, *, url: str | None = None, age: float = 0.0
    ) -> list[Record]:
        """Make that many messages, hence as many events `message.queued`."""
        now = self.clock.now_ms() - round(age * 1000)
        records = [self._record(self.store.next_seq(), url, now) for _ in range(count)]
        await self.store.intake(Accept(records=records))
        return records

    def _record(self, seq: int, url: str | None, now: int) -> Record:
        return Record(
            seq=seq,
            id=f"message-{seq}",
            client=None,
            created_at=now,
            request=Request(to="380501234567", text="їжак", webhook_url=url),
            progress=Progress(state=MessageState.QUEUED),
            via=("carrier",),
            due_at=now,
            deadline=None,
            expires_at=now + 86_400_000,
        )

    async def cancel(self, record: Record) -> None:
        """Make a second event of the same message, `message.cancelled`."""
        operation = Cancel(seq=record.seq, at=self.clock.now_ms())
        assert await self.store.intake(operation)

    async def events(self, record: Record) -> list[OutboxEntry]:
        return await self.store.events(record.id)

    async def attempted(self, record: Record, times: int = 1) -> OutboxEntry:
        """The first event of a message, once it has that many attempts on record."""

        async def there() -> bool:
            return len((await self.events(record))[0].attempts) >= times

        await until(there)
        return (await self.events(record))[0]

    async def drained(self, left: int = 0) -> None:
        """Wait until no more than that many events wait."""

        async def few() -> bool:
            return (await SqliteStore.backlog(self.store))[0] <= left

        await until(few)

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and whatever it wakes look into the outbox."""
        await until(lambda: bool(self.clock.sleeping))
        pages = self.store.pages
        self.clock.advance(seconds)
        await until(lambda: self.store.pages > pages)

    async def tick(self) -> None:
        """Let a second pass, whether it makes anybody look into the outbox or not."""
        await until(lambda: bool(self.clock.sleeping))
        self.clock.advance(1.0)

    async def settled(self, attempts: int) -> None:
        """Wait until that many attempts have come to their end."""
        await until(lambda: sum(self.counted().values()) >= attempts)

    def counted(self) -> dict[str, int]:
        return {
            outcome: round(meter.value)
            for outcome, meter in self.metrics.webhooks.items()
        }


@asynccontextmanager
async def opened(path: Path, sink: HookSink) -> AsyncIterator[Bench]:
    clock = ManualClock()
    bench = Bench(path, sink, clock)
    await bench.store.open(clock.now_ms())
    try:
        yield bench
    finally:
        if bench.webhooks is not None:
            await bench.webhooks.stop(0.1)
        await bench.store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with HookSink() as sink, opened(tmp_path, sink) as bench:
        yield bench


@asynccontextmanager
async def closed_port() -> AsyncIterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def ids(hooks_: Sequence[Hook]) -> list[str]:
    return [hook.id for hook in hooks_]


class TestRequest:
    async def test_is_as_the_specification_says(self, bench: Bench) -> None:
        (record,) = await bench.submit()
        await bench.start()
        await bench.sink.count(1)
        (hook,) = bench.sink.received
        (entry,) = await bench.events(record)

        assert hook.headers["content-type"] == "application/json"
        assert hook.headers["user-agent"].startswith("esmed/0.")
        assert hook.id == entry.id
        assert hook.timestamp == 1_767_225_600
        assert hook.is_signed_by(KEY)
        assert "accept-encoding" not in hook.headers
        content = json.loads(hook.body)
        assert content["type"] == "message.queued"
        assert content["data"]["id"] == record.id

    async def test_is_recorded(self, bench: Bench) -> None:
        (record,) = await bench.submit()
        await bench.start()
        await bench.drained()
        (entry,) = await bench.events(record)

        assert entry.state == "delivered"
        assert entry.attempts == [(bench.clock.now_ms(), "200")]
        assert bench.counted() == {"delivered": 1, "failed": 0, "dead": 0}

    async def test_plain_secret_signs_as_it_is(self, bench: Bench) -> None:
        await bench.submit()
        await bench.start(secret=Secret("correct horse"))
        await bench.sink.count(1)

        assert bench.sink.received[0].is_signed_by(b"correct horse")
        assert not bench.sink.received[0].is_signed_by(KEY)

    async def test_own_url_has_its_own_secret(self, bench: Bench) -> None:
        url = bench.sink.url("/own?customer=7")
        await bench.submit(url=url)
        await bench.start()
        await bench.sink.count(1)
        (hook,) = bench.sink.at("/own")

        own = hooks.own_secret(KEY, url).removeprefix("whsec_")
        assert hook.is_signed_by(base64.b64decode(own))
        assert not hook.is_signed_by(KEY)

    async def test_new_events_wake_it(self, bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.store.pages > 0)
        await bench.submit(3)

        await bench.sink.count(3)

    async def test_connections_are_kept(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Answer(status=200, body=b"thanks" * 100))
        await bench.submit(50)
        await bench.start(concurrency=1)
        await bench.drained()

        assert bench.sink.connections == 1


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_any_2xx_acknowledges(self, bench: Bench, status: int) -> None:
        bench.sink.behave("/hook", status)
        (record,) = await bench.submit()
        await bench.start()
        entry = await bench.attempted(record)

        assert entry.state == "delivered"
        assert entry.attempts[0][1] == str(status)

    @pytest.mark.parametrize("status", [304, 400, 404, 410, 429, 500, 503])
    async def test_everything_else_is_tried_again(
        self, bench: Bench, status: int
    ) -> None:
        bench.sink.behave("/hook", status, 200)
        (record,) = await bench.submit()
        await bench.start()
        entry = await bench.attempted(record)
        assert entry.state == "pending"
        assert entry.attempts[0][1] == str(status)

        await bench.pass_(4.0)
        assert len(bench.sink.received) == 1
        await bench.pass_(1.0)
        await bench.sink.count(2)
        await bench.drained()

        first, second = bench.sink.received
        assert first.id == second.id
        assert first.body == second.body
        assert second.timestamp == first.timestamp + 5
        assert second.is_signed_by(KEY)
        assert bench.counted() == {"delivered": 1, "failed": 1, "dead": 0}

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_redirects_are_not_followed(self, bench: Bench, status: int) -> None:
        elsewhere = {"Location": bench.sink.url("/elsewhere")}
        bench.sink.behave("/hook", Answer(status=status, headers=elsewhere))
        (record,) = await bench.submit()
        await bench.start()
        entry = await bench.attempted(record)

        assert (entry.state, entry.attempts[0][1]) == ("pending", str(status))
        assert bench.sink.at("/elsewhere") == []

    async def test_a_long_body_is_not_read_to_its_end(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Answer(status=200, body=b"x" * 20_000_000))
        await bench.submit(3)
        await bench.start(concurrency=1)
        await bench.drained()

        assert bench.sink.connections == 3

    async def test_a_body_without_end_does_not_unmake_the_status(
        self, bench: Bench
    ) -> None:
        bench.sink.behave("/hook", Drip())
        (record,) = await bench.submit()
        await bench.start(timeout=0.2)
        entry = await bench.attempted(record)
        while entry.state != "delivered":  # unless the headers too took 0.2 s
            await bench.pass_(3600)
            entry = await bench.attempted(record, len(entry.attempts) + 1)

        assert entry.attempts[-1][1] == "200"


class BrokenSession:
    """A client that always fails in the same way."""

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    def post(self, *_: object, **__: object) -> None:
        raise self._exc

    async def close(self) -> None:
        pass


class TestNoAnswer:
    async def note(self, bench: Bench, record: Record) -> str:
        entry = await bench.attempted(record)
        assert entry.state == "pending"
        return entry.attempts[0][1]

    async def test_timeout(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Hang())
        (record,) = await bench.submit()
        await bench.start(timeout=0.05)

        assert await self.note(bench, record) == "timeout"

    async def test_closed(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Drop())
        (record,) = await bench.submit()
        await bench.start()

        assert await self.note(bench, record) in {
            "closed without an answer",
            "Connection reset by peer",
        }

    async def test_refused(self, bench: Bench) -> None:
        async with closed_port() as port:
            (record,) = await bench.submit()
            await bench.start(url=f"http://127.0.0.1:{port}/hook")

            assert await self.note(bench, record) == "Connection refused"

    async def test_not_http(self, bench: Bench) -> None:
        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"220 mail.example.org ESMTP\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            (record,) = await bench.submit()
            await bench.start(url=f"http://127.0.0.1:{port}/hook")

            assert await self.note(bench, record) == "no valid HTTP answer"

    async def test_no_tls(self, bench: Bench) -> None:
        (record,) = await bench.submit()
        await bench.start(url=bench.sink.url().replace("http:", "https:"))

        assert (
            await self.note(bench, record)
            == "TLS failed: the certificate or the protocol"
        )
        assert bench.sink.received == []

    async def test_no_such_host(self, bench: Bench) -> None:
        class Nowhere(AbstractResolver):
            async def resolve(
                self,
                host: str,
                port: int = 0,
                family: socket.AddressFamily = socket.AF_INET,
            ) -> list[ResolveResult]:
                raise OSError(socket.EAI_NONAME, "Name or service not known")

            async def close(self) -> None:
                pass

        def sessions(config: WebhooksConfig) -> ClientSession:
            return ClientSession(connector=TCPConnector(resolver=Nowhere()))

        (record,) = await bench.submit()
        await bench.start(url="http://nx.example/", sessions=sessions)

        assert await self.note(bench, record) == "no such host"

    @pytest.mark.parametrize(
        "url", ["ftp://hooks.example.org/", "http:///path", "http://[::1", "x"]
    )
    async def test_no_url_to_post_to(self, bench: Bench, url: str) -> None:
        records = await bench.submit(3, url=url)
        await bench.start()

        for record in records:
            assert await self.note(bench, record) == "not an http or https URL"

    async def test_no_address_answers(self, bench: Bench) -> None:
        # What asyncio raises if several addresses fail in different ways.
        cause = ClientOSError("Multiple exceptions: …")
        (record,) = await bench.submit()
        await bench.start(sessions=lambda _: BrokenSession(cause))

        assert await self.note(bench, record) == "connection lost"

    async def test_a_bug_costs_an_attempt(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        (record,) = await bench.submit()
        await bench.start(sessions=lambda _: BrokenSession(RuntimeError("a bug")))

        assert await self.note(bench, record) == "internal error"
        assert [record.getMessage() for record in caplog.records] == ["webhooks.bug"]


async def test_certificates_are_verified(tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(VECTORS / "untrusted.pem")
    async with HookSink(tls) as sink, opened(tmp_path, sink) as bench:
        (record,) = await bench.submit()
        await bench.start()
        entry = await bench.attempted(record)

        assert entry.attempts[0][1] == "TLS failed: the certificate or the protocol"
        assert sink.received == []


class TestOrder:
    async def test_events_of_a_message_wait_for_each_other(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 500, 200)
        (record,) = await bench.submit()
        await bench.cancel(record)
        await bench.start()
        await bench.attempted(record)
        await bench.pass_(4.0)
        assert len(bench.sink.received) == 1

        await bench.pass_(1.0)
        await bench.drained()

        first, second = await bench.events(record)
        assert (first.type, second.type) == ("message.queued", "message.cancelled")
        assert ids(bench.sink.received) == [first.id, first.id, second.id]

    async def test_events_of_others_do_not(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 500, 200)
        stuck, *others = await bench.submit(20)
        await bench.start(concurrency=1)
        await bench.sink.count(20)
        for record in others:
            assert (await bench.attempted(record)).state == "delivered"

        assert (await bench.attempted(stuck)).state == "pending"

    async def test_many_at_once_and_each_message_in_order(self, bench: Bench) -> None:
        records = await bench.submit(100)
        for record in records:
            await bench.cancel(record)
        await bench.start(concurrency=8)
        await bench.drained()

        seen: dict[str, list[str]] = {}
        for hook in bench.sink.received:
            content = json.loads(hook.body)
            seen.setdefault(content["data"]["id"], []).append(content["type"])
        assert seen == {
            record.id: ["message.queued", "message.cancelled"] for record in records
        }
        assert len(set(ids(bench.sink.received))) == 200

    async def test_at_most_concurrency_at_once(self, bench: Bench) -> None:
        gate = asyncio.Event()
        await bench.submit(30)
        await bench.start(concurrency=6)
        await bench.drained()
        bench.sink.behave("/hook", Wait(gate=gate))
        await bench.submit(30)
        await bench.sink.count(36)
        pages = bench.store.pages
        await bench.tick()
        await bench.tick()
        await until(lambda: bench.store.pages > pages)
        assert len(bench.sink.received) == 36
        gate.set()
        await bench.drained()

        assert bench.sink.most_open["*"] == 6

    async def test_recorded_while_a_page_was_read_is_not_sent_again(
        self, bench: Bench
    ) -> None:
        gate = asyncio.Event()
        bench.sink.behave("/hook", Wait(gate=gate))
        (record,) = await bench.submit()
        webhooks = await bench.start()
        await bench.sink.count(1)

        bench.store.gate = asyncio.Event()
        pages = bench.store.pages
        webhooks.wake()
        await until(lambda: bench.store.pages > pages)  # it has the event in it
        gate.set()
        await bench.drained()
        bench.store.gate.set()
        await bench.pass_(1.0)

        assert len(bench.sink.received) == 1
        assert (await bench.attempted(record)).attempts[0][1] == "200"


class TestDeadUrl:
    async def test_costs_one_probe_at_a_time(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 503)
        await bench.submit(500)
        await bench.start()
        await bench.settled(3)

        probes = [3]
        for rest in (5, 10, 20, 40, 80):
            await bench.pass_(rest - 1)
            assert len(bench.sink.received) == probes[-1]
            await bench.pass_(1)
            await bench.settled(probes[-1] + 1)
            probes.append(len(bench.sink.received))

        assert probes == [3, 4, 5, 6, 7, 8]
        assert bench.sink.most_open["/hook"] == 1
        assert bench.sink.connections == 1

        bench.sink.behave("/hook", 200)
        for _ in range(10):
            await bench.pass_(600)
        await bench.drained()
        assert len(set(ids(bench.sink.received))) == 500
        assert bench.sink.most_open["/hook"] <= 8

    async def test_does_not_hold_up_another(self, bench: Bench) -> None:
        bench.sink.behave("/dead", Hang())
        await bench.submit(500, url=bench.sink.url("/dead"))
        await bench.start()
        await bench.sink.count(1, "/dead")
        await bench.submit(20)
        await bench.pass_(1.0)

        await bench.sink.count(20, "/hook")
        assert len(bench.sink.at("/dead")) == 1

    async def test_many_of_them_leave_half_of_the_connections(
        self, bench: Bench
    ) -> None:
        await bench.submit(10)
        await bench.start(concurrency=4)
        await bench.drained()
        for number in range(20):
            bench.sink.behave(f"/dead/{number}", Hang())
            await bench.submit(5, url=bench.sink.url(f"/dead/{number}"))
        await bench.sink.count(12)
        await bench.submit(50)
        await bench.drained(left=100)

        assert len(bench.sink.at("/hook")) == 60
        assert len(bench.sink.received) == 62

    async def test_one_that_was_trusted_does_not_either(self, bench: Bench) -> None:
        gate = asyncio.Event()
        slow = bench.sink.url("/slow")
        await bench.submit(30, url=slow)
        await bench.start(concurrency=2)
        await bench.drained()
        bench.sink.behave("/slow", Wait(gate=gate))
        await bench.submit(500, url=slow)
        await bench.sink.count(32, "/slow")
        await bench.submit(1)
        for _ in range(3):
            # The window is full of the slow ones: only a tick looks behind them.
            await bench.tick()
        gate.set()

        await bench.sink.count(1, "/hook")
        assert len(bench.sink.at("/slow")) < 100

    async def test_is_logged_once_and_without_its_path(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "esmed.webhooks")
        bench.sink.behave("/token-of-a-customer", 500, 500, 500, 500, 200)
        await bench.submit(5, url=bench.sink.url("/token-of-a-customer"))
        await bench.start()
        for attempts in (3, 4, 5, 6):
            await bench.settled(attempts)
            await bench.pass_(60)
        await bench.drained()

        assert [record.getMessage() for record in caplog.records] == [
            "webhooks.resting",
            "webhooks.back",
        ]
        assert "token-of-a-customer" not in repr([vars(r) for r in caplog.records])


class TestDeath:
    async def test_after_24_hours(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 500)
        (record,) = await bench.submit(age=24 * HOUR)
        await bench.cancel(record)
        await bench.start()
        await bench.attempted(record, 1)
        await bench.pass_(5)
        await bench.attempted(record, 2)
        bench.sink.behave("/hook", 500, 200)
        await bench.pass_(10)
        dead = await bench.attempted(record, 3)
        await bench.drained()

        assert dead.state == "dead"
        assert bench.counted() == {"delivered": 1, "failed": 2, "dead": 1}
        _, second = await bench.events(record)
        assert second.state == "delivered"

    async def test_replay_sends_it_again(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 500, 500, 500, 200)
        (record,) = await bench.submit(age=24 * HOUR)
        await bench.start()
        await bench.attempted(record, 1)
        await bench.pass_(5)
        await bench.attempted(record, 2)
        await bench.pass_(10)
        assert (await bench.attempted(record, 3)).state == "dead"
        assert await bench.store.intake(
            Replay(since=0, dead=True, now=bench.clock.now_ms())
        )
        await bench.pass_(10)
        await bench.drained()

        assert (await bench.attempted(record, 4)).state == "delivered"
        assert len(set(ids(bench.sink.received))) == 1

    async def test_old_events_of_a_hopeless_url_are_buried(self, bench: Bench) -> None:
        bench.sink.behave("/hook", 503)
        old = await bench.submit(300, age=23.5 * HOUR)
        young = await bench.submit(10)
        await bench.start()
        await bench.settled(3)
        for attempts in range(4, 10):
            await bench.pass_(600)
            await bench.settled(attempts)
        # The last probe was an old one too, and is not due again yet.
        await bench.drained(left=11)
        await bench.pass_(600)
        await bench.drained(left=10)

        assert len(bench.sink.received) == 10
        entries = [await bench.attempted(record) for record in old]
        assert {entry.state for entry in entries} == {"dead"}
        assert entries[-1].attempts[-1][1] == "its URL has failed for too long"
        for record in young:
            assert (await bench.events(record))[0].state == "pending"

        bench.sink.behave("/hook", 200)
        for _ in range(4):
            await bench.pass_(3600)
        await bench.drained()
        assert bench.counted()["delivered"] == 10


class TestStoreTrouble:
    async def test_nothing_is_sent_while_it_cannot_commit(self, bench: Bench) -> None:
        await bench.submit(10)
        bench.store.down = True
        webhooks = await bench.start()
        await bench.tick()
        await until(lambda: bool(bench.clock.sleeping))
        assert bench.sink.received == []

        bench.store.down = False
        webhooks.wake()
        await bench.drained()
        assert len(bench.sink.received) == 10

    async def test_what_cannot_be_read_now_is_later(self, bench: Bench) -> None:
        await bench.submit(1)
        bench.store.deaf = 1
        await bench.start()
        await until(lambda: not bench.store.deaf)

        await bench.pass_(1.0)
        await bench.drained()

    async def test_a_bug_does_not_end_it(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        await bench.submit(1)
        bench.store.bugs = 1
        await bench.start()
        await until(lambda: not bench.store.bugs)

        await bench.pass_(1.0)
        await bench.drained()
        assert [record.getMessage() for record in caplog.records] == ["webhooks.bug"]

    async def test_what_can_never_be_recorded_is_not_sent_for_ever(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        await bench.submit(1)
        bench.store.refuse = True
        await bench.start()
        await bench.sink.count(1)
        await until(lambda: bool(caplog.records))
        for _ in range(5):
            await bench.pass_(3600)

        assert len(bench.sink.received) == 1
        assert caplog.records[0].getMessage() == "webhooks.unrecorded"


class TestConfiguration:
    async def test_without_a_secret_nothing_is_sent(self, bench: Bench) -> None:
        await bench.submit(1)
        webhooks = await bench.start(secret=None)
        webhooks.wake()
        await webhooks.stop(5.0)

        assert bench.store.pages == 0

    async def test_without_a_url_only_messages_with_their_own_are_told_about(
        self, bench: Bench
    ) -> None:
        (left,) = await bench.submit()
        (own,) = await bench.submit(url=bench.sink.url("/own"))
        await bench.start(url=None)

        assert (await bench.attempted(own)).state == "delivered"
        assert (await bench.events(left))[0].state == "pending"

    async def test_one_connection_is_enough(self, bench: Bench) -> None:
        await bench.submit(20)
        await bench.submit(20, url=bench.sink.url("/own"))
        await bench.start(concurrency=1)
        await bench.drained()

        assert bench.sink.most_open["*"] == 1


class TestGauges:
    async def test_backlog(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Hang())
        await bench.submit(3, age=90.0)
        await bench.start()
        await until(lambda: bench.metrics.webhook_backlog.value is not None)

        assert bench.metrics.webhook_backlog.value == 3
        assert bench.metrics.webhook_oldest.value == 90.0

    async def test_are_kept_up_to_date(self, bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.metrics.webhook_backlog.value == 0)
        assert bench.metrics.webhook_oldest.value == 0
        bench.sink.behave("/hook", Hang())
        await bench.submit(2)

        bench.store.blind = True
        for _ in range(20):
            await bench.pass_(1.0)
        assert bench.metrics.webhook_backlog.value == 0
        bench.store.blind = False
        for _ in range(20):
            await bench.pass_(1.0)
        await until(lambda: bench.metrics.webhook_backlog.value == 2)


class TestStop:
    async def test_waits_for_what_is_under_way_and_records_it(
        self, bench: Bench
    ) -> None:
        gate = asyncio.Event()
        bench.sink.behave("/hook", Wait(gate=gate))
        (record,) = await bench.submit()
        webhooks = await bench.start()
        await bench.sink.count(1)
        stopping = asyncio.create_task(webhooks.stop(PATIENCE))
        await asyncio.sleep(0)
        await bench.submit()
        gate.set()
        await stopping

        assert (await bench.events(record))[0].state == "delivered"
        assert len(bench.sink.received) == 1

    async def test_is_bounded(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.sink.behave("/hook", Hang())
        (record,) = await bench.submit()
        webhooks = await bench.start()
        await bench.sink.count(1)
        await webhooks.stop(0.05)
        await webhooks.stop(0.05)

        assert (await bench.events(record))[0].state == "pending"
        assert [record.getMessage() for record in caplog.records] == [
            "webhooks.cut_short"
        ]

    async def test_before_the_start(self, bench: Bench) -> None:
        webhooks = Webhooks(bench.store, WebhooksConfig(), bench.metrics, bench.clock)

        await webhooks.stop(1.0)

    async def test_the_next_process_sends_what_is_left(self, bench: Bench) -> None:
        bench.sink.behave("/hook", Hang())
        await bench.submit(5)
        webhooks = await bench.start()
        await bench.sink.count(1)
        await webhooks.stop(0.05)
        bench.sink.behave("/hook", 200)
        await bench.start()
        await bench.drained()

        assert len(set(ids(bench.sink.received))) == 5

    async def test_leaves_no_task(self, bench: Bench) -> None:
        before = asyncio.all_tasks()
        await bench.submit(100)
        webhooks = await bench.start(concurrency=4)
        await bench.sink.count(1)
        named = [t for t in asyncio.all_tasks() if t.get_name().startswith("webhook")]
        assert len(named) <= 6
        await bench.drained()
        await webhooks.stop(5.0)

        left = [t for t in asyncio.all_tasks() - before if "webhook" in t.get_name()]
        assert left == []
