"""Another configuration while the daemon runs: what goes on, what changes, what is kept
when it cannot."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.hook import HookSink
from fakes.smsc import FakeSmsc
from integration.site import Site, a_bind, connector, receipt, simulator, submits

from esmed import listeners
from esmed.errors import ConfigError, ConfigFault
from pdu import SubmitSm, Unbind

SUCCESS = "esmed_config_reload_success"


class Traffic:
    """Messages to ever new numbers, one after the other, until it ends."""

    def __init__(self, site: Site, **fields: Any) -> None:
        self.ids: list[str] = []
        self._site = site
        self._fields = fields
        self._ending = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._ending:
            to = f"38050{len(self.ids):07}"
            self.ids.append(await self._site.submit(to=to, **self._fields))

    async def more(self, count: int) -> None:
        """Wait for so many more to be accepted."""
        wanted = len(self.ids) + count
        while len(self.ids) < wanted:
            assert not self._task.done(), self._task
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        self._ending = True
        await self._task


async def test_what_did_not_change_keeps_its_binds(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    """One goes, one comes and one changes beside it, under load."""
    async with simulator() as other, simulator() as third:
        carrier = connector(smsc)
        changing = connector(other)
        site.routes = [{"via": ["carrier", "two"]}]
        await site.start(carrier=carrier, two=changing, gone=connector(backup))
        await asyncio.gather(*map(site.bound, ("carrier", "two", "gone")))
        (session,) = smsc.bound
        traffic = Traffic(site)
        await traffic.more(20)
        site.routes = [{"via": ["carrier", "new"]}]
        changed = connector(other, system_type="x")
        assert await site.reload(carrier=carrier, two=changed, new=connector(third))
        await traffic.more(20)
        await traffic.end()
        await asyncio.gather(*map(site.bound, ("carrier", "two", "new")))
        for id_ in traffic.ids:
            await site.reaches(id_, "submitted")
        assert smsc.bound == [session]
        assert smsc.bind_attempts == 1
        to = Counter(pdu.destination_addr for pdu in smsc.submitted)
        assert to == Counter(f"38050{n:07}" for n in range(len(traffic.ids)))
        assert backup.bound == []
        assert any(isinstance(pdu, Unbind) for pdu in backup.log)
        assert (other.binds, third.binds) == (2, 1)
        names = [
            one["name"] for one in (await site.get("/v1/connectors"))["connectors"]
        ]
        assert names == ["carrier", "two", "new"]
    # Receipts of what was sent before come over the same bind.
    receipt(session, "m1", to="380500000000")
    await site.reaches(traffic.ids[0], "delivered")


async def test_under_load_an_account_moves(site: Site):
    """Its SMSC allows one bind: the old one has left before the new one comes."""
    async with simulator(max_binds=1, response_delay=0.01) as smsc:
        await site.start(carrier=connector(smsc, window=20))
        await site.bound()
        traffic = Traffic(site, receipt="none")
        for number in range(5):
            await traffic.more(10)
            changed = connector(smsc, window=20, system_type=f"v{number}")
            assert await site.reload(carrier=changed)
        await traffic.end()
        for id_ in traffic.ids:
            await site.reaches(id_, "sent")
        assert (smsc.binds, smsc.bind_refusals) == (6, {})
        sent = Counter(message.to for message in smsc.messages())
        assert sent == Counter(f"38050{n:07}" for n in range(len(traffic.ids)))


async def test_it_waits_for_answers(site: Site, smsc: FakeSmsc):
    held: list[SubmitSm] = []
    smsc.answer = held.append
    await site.start(carrier=connector(smsc, window=1))
    first, second = await site.submit(text="first"), await site.submit(text="second")
    await submits(smsc, 1)
    (session,) = smsc.bound
    reloading = asyncio.create_task(
        site.reload(carrier=connector(smsc, window=1, system_type="x"))
    )
    await site.connector("carrier", "down", reason="stopping")
    assert not any(isinstance(pdu, Unbind) for pdu in smsc.log)
    smsc.answer = smsc.accept
    session.send(smsc.accept(held[0]))
    assert await reloading
    await site.reaches(first, "submitted")
    await site.reaches(second, "submitted")
    assert smsc.texts == ["first", "second"]
    assert smsc.bind_attempts == 2


async def test_what_waits_takes_the_next_of_its_route(
    site: Site, smsc: FakeSmsc, backup: FakeSmsc
):
    """While a connector is between two lives it is as if it were down."""
    smsc.answer = smsc.ignore
    site.routes = [{"via": ["carrier", "other"], "failover_after": "0s"}]
    keys = {"window": 1, "on_unknown": "hold"}
    await site.start(carrier=connector(smsc, **keys), other=connector(backup))
    await site.bound()
    await site.bound("other")
    first, second = await site.submit(text="first"), await site.submit(text="second")
    await submits(smsc, 1)
    changed = connector(smsc, **keys, system_type="x")
    assert await site.reload(carrier=changed, other=connector(backup))
    await site.reaches(second, "submitted")
    assert backup.texts == ["second"]
    # It waited for as long as a stop would have: shutdown_timeout.
    await site.is_held(first)


async def test_new_settings_without_a_new_bind(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, window=1))
    ids = [await site.submit(text=f"{number}") for number in range(5)]
    await submits(smsc, 1)
    assert await site.reload(carrier=connector(smsc, window=4, rate="90/s"))
    await submits(smsc, 4)
    found = await site.connector()
    assert (found["window_size"], found["rate_ceiling"]) == (4, 90.0)
    smsc.answer = smsc.accept
    changed = connector(smsc, window=9, default_from="Other", receipts="none")
    assert await site.reload(carrier=changed)
    await submits(smsc, 5)
    await site.reaches(ids[4], "sent")
    body = {"to": "380501234501", "text": "x"}
    id_ = (await site.post("/v1/messages", body))["id"]
    await site.reaches(id_, "sent")
    assert smsc.submitted[-1].source_addr == "Other"
    assert (len(smsc.connections), smsc.bind_attempts) == (1, 1)


async def test_what_waits_is_split_anew(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, window=1))
    await site.submit(text="in the way")
    await site.submit(text="{}")
    await submits(smsc, 1)
    assert await site.reload(carrier=connector(smsc, window=2, alphabet="latin1"))
    assert (await submits(smsc, 2))[1].short_message == b"{}"


async def test_a_changed_password_is_a_change(
    site: Site, smsc: FakeSmsc, tmp_path: Path
):
    secret = tmp_path / "password"
    secret.write_text("hush\n")
    carrier = connector(smsc, password={"file": str(secret)})
    await site.start(carrier=carrier)
    await site.bound()
    assert await site.reload()
    assert smsc.bind_attempts == 1
    secret.write_text("whist\n")
    assert await site.reload()
    await smsc.until(lambda: smsc.bind_attempts == 2 and smsc.bound)
    bind = smsc.bound[-1].bind
    assert bind is not None
    assert bind.password == "whist"


async def test_a_pause_stays(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    await site.bound()
    await site.post("/v1/connectors/carrier/pause")
    assert await site.reload(carrier=connector(smsc, system_type="x"))
    await smsc.until(lambda: smsc.bind_attempts == 2 and smsc.bound)
    await site.connector("carrier", "paused")
    id_ = await site.submit()
    await site.post("/v1/connectors/carrier/resume")
    await site.reaches(id_, "submitted")


class TestQueue:
    """What was accepted before goes the way it was given then, while there is one."""

    async def test_other_routes(self, site: Site, smsc: FakeSmsc, backup: FakeSmsc):
        smsc.answer = smsc.ignore
        both = {"carrier": connector(smsc, window=1), "other": connector(backup)}
        site.routes = [{"via": ["carrier"]}]
        await site.start(**both)
        await site.submit(text="first")
        second = await site.submit(text="second")
        await submits(smsc, 1)
        site.routes = [{"via": ["other"]}]
        assert await site.reload(**both)
        third = await site.submit(text="third")
        await site.reaches(third, "submitted")
        assert backup.texts == ["third"]
        assert (await site.message(second))["state"] == "queued"

    async def test_a_connector_with_another_name(self, site: Site):
        """The queue moves with it, and so does the account."""
        async with simulator(max_binds=1, response_delay=0.05) as smsc:
            await site.start(old=connector(smsc, window=2))
            await site.bound("old")
            ids = [await site.submit(to=f"38050{n:07}") for n in range(30)]
            assert await site.reload(new=connector(smsc, window=2))
            for id_ in ids:
                await site.reaches(id_, "submitted", "delivered")
            assert smsc.bind_refusals == {}
            to = Counter(message.to for message in smsc.messages())
            assert to == Counter(f"38050{n:07}" for n in range(30))
            assert (await site.message(ids[-1]))["connector"] == "new"
            (routed,) = [
                entry
                for entry in await site.trace(ids[-1])
                if entry["event"] == "routed"
            ]
            assert routed["via"] == ["new"]
            assert routed["reason"] == "old gone; route 1: any message"
        assert await site.metric('esmed_queue_messages{connector="new"}') == 0

    async def test_without_another_route(self, site: Site, smsc: FakeSmsc):
        smsc.answer = smsc.ignore
        site.routes = [{"to": "380", "via": ["old"]}]
        await site.start(old=connector(smsc, window=1))
        site.connectors = {}
        begun = await site.submit(text="begun")
        waits = await site.submit(text="waits")
        await submits(smsc, 1)
        site.routes = [{"to": "7", "via": ["new"]}]
        assert await site.reload(new=connector(smsc))
        for id_ in (begun, waits):
            message = await site.reaches(id_, "failed")
            assert message["error"]["class"] == "account"
            assert "connector old is not configured" in message["error"]["detail"]

    async def test_the_connector_a_message_asked_for(self, site: Site, smsc: FakeSmsc):
        await site.start(old=connector(smsc, window=1), new=connector(smsc))
        await site.post("/v1/connectors/old/pause")
        forced = await site.submit(connector="old")
        assert await site.reload(new=connector(smsc))
        await site.reaches(forced, "failed")

    async def test_what_is_scheduled(self, site: Site, smsc: FakeSmsc):
        await site.start(old=connector(smsc))
        at = datetime.now(UTC) + timedelta(hours=5)
        id_ = await site.submit(send_at=at.isoformat())
        assert await site.reload(new=connector(smsc))
        assert (await site.message(id_))["state"] == "scheduled"
        site.clock.shift(5 * 3600)
        await site.reaches(id_, "submitted")


class TestOthers:
    async def test_clients(self, site: Site, smsc: FakeSmsc):
        site.clients = [
            {"name": "a", "token": "one", "rate": "1/m"},
            {"name": "b", "token": "two", "senders": ["B"]},
        ]
        await site.start(carrier=connector(smsc))
        path, body = "/v1/messages", {"to": "380501234500", "text": "x"}

        async def told(token: str, **fields: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            status, _ = await site.ask("POST", path, body | fields, headers=headers)
            return status

        assert [await told("one"), await told("one")] == [202, 429]
        assert await told("two", **{"from": "C"}) == 403
        site.clients[1] = {"name": "b", "token": "three", "senders": ["C"]}
        assert await site.reload()
        # What is left of a rate is not given back.
        assert await told("one") == 429
        assert await told("two") == 401
        assert await told("three", **{"from": "C"}) == 202
        site.clients[0]["rate"] = "100/s"
        assert await site.reload()
        assert await told("one") == 202
        site.clients.clear()
        assert await site.reload()
        assert await told("nobody's") == 202

    async def test_webhooks(self, site: Site, smsc: FakeSmsc):
        await site.start(carrier=connector(smsc, receipts="none"))
        await site.reaches(await site.submit(), "sent")
        await site.told(1)
        async with HookSink() as second:
            site.webhooks |= {"url": second.url(), "events": ["message.*"]}
            assert await site.reload()
            await site.reaches(await site.submit(), "sent")
            await second.count(2)
        assert len(site.hook.at("/hook")) == 1

    async def test_more_may_wait(self, site: Site, smsc: FakeSmsc):
        site.max_queued = 1
        await site.start(carrier=connector(smsc))
        await site.post("/v1/connectors/carrier/pause")
        await site.submit()
        body = {"to": "380501234500", "text": "x"}
        assert (await site.ask("POST", "/v1/messages", body))[0] == 503
        site.max_queued = 2
        assert await site.reload()
        await site.submit()

    async def test_texts_are_erased(self, site: Site, smsc: FakeSmsc):
        await site.start(carrier=connector(smsc, receipts="none"))
        kept = await site.reaches(await site.submit(), "sent")
        site.erase_text = "final"
        assert await site.reload()
        erased = await site.reaches(await site.submit(), "sent")
        assert (kept["text"], erased["text"]) == ("hello", None)


class TestRefused:
    async def test_nothing_changes_and_it_says_why(
        self, site: Site, smsc: FakeSmsc, caplog: pytest.LogCaptureFixture
    ):
        carrier = connector(smsc)
        await site.start(carrier=carrier)
        await site.bound()
        assert await site.metric(SUCCESS) == 1
        site.max_queued = 1
        missing = {"file": "/nowhere/password"}
        bad = connector(smsc, windw=1, password=missing, system_type="x")
        assert not await site.reload(carrier=bad, second=connector(smsc))
        assert await site.metric(SUCCESS) == 0
        refused = [r for r in caplog.records if r.message == "config.refused"]
        paths = [r.__dict__["esmed_fields"]["path"] for r in refused]
        assert paths == ["connectors.carrier.windw", "connectors.carrier.password"]
        await site.submit()
        await site.submit()
        assert [
            c["name"] for c in (await site.get("/v1/connectors"))["connectors"]
        ] == ["carrier"]
        assert smsc.bind_attempts == 1
        site.max_queued = 1000
        assert await site.reload(carrier=carrier)
        assert await site.metric(SUCCESS) == 1
        assert smsc.bind_attempts == 1

    async def test_what_needs_a_restart(
        self, site: Site, smsc: FakeSmsc, caplog: pytest.LogCaptureFixture
    ):
        await site.start(carrier=connector(smsc))
        site.listen = ["127.0.0.1:1"]
        site.store = site.store.with_name("other.db")
        assert not await site.reload(carrier=connector(smsc, system_type="x"))
        fields = [
            record.__dict__["esmed_fields"]
            for record in caplog.records
            if record.message == "config.refused"
        ]
        assert [each["path"] for each in fields] == ["store.url", "http.listen"]
        assert all("needs a restart" in each["reason"] for each in fields)
        await a_bind(smsc)
        assert smsc.bind_attempts == 1

    async def test_others_could_come_without_a_token(
        self, site: Site, smsc: FakeSmsc, monkeypatch: pytest.MonkeyPatch
    ):
        """Over an inherited socket, of which the file knows nothing."""
        site.clients = [{"name": "a", "token": "one"}]
        await site.start(carrier=connector(smsc))

        def check(_: object) -> None:
            raise ConfigError([ConfigFault(path="http.listen", message="open")])

        monkeypatch.setattr(listeners, "check_local", check)
        assert await site.reload()
        site.clients.clear()
        assert not await site.reload()
        status, _ = await site.ask("GET", "/v1/messages")
        assert status == 401

    async def test_a_file_that_never_comes(self, site: Site, smsc: FakeSmsc):
        """A stop does not wait for it."""
        await site.start(carrier=connector(smsc))
        asked, never = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def load() -> Any:
            loop.call_soon_threadsafe(asked.set)
            asyncio.run_coroutine_threadsafe(never.wait(), loop).result()
            raise ConfigError([ConfigFault(path="", message="too late")])

        assert site.app is not None
        reloading = asyncio.create_task(site.app.reload(load))
        await asked.wait()
        await site.submit()
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        await site.stop()
        never.set()


async def test_stop_while_a_connector_leaves(site: Site, smsc: FakeSmsc):
    """The stop's bound counts, and nothing starts any more."""
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc))
    id_ = await site.submit()
    await submits(smsc, 1)
    reloading = asyncio.create_task(site.reload(new=connector(smsc)))
    for _ in range(1000):
        if (await site.ask("GET", "/v1/connectors/carrier"))[0] == 404:
            break
        await asyncio.sleep(0.01)
    reloading.cancel()
    await asyncio.gather(reloading, return_exceptions=True)
    await site.stop()
    assert smsc.bind_attempts == 1
    assert smsc.bound == []
    smsc.answer = smsc.accept
    await site.start(new=connector(smsc))
    await site.reaches(id_, "submitted")


class TestMetrics:
    async def test_series_come_and_go(self, site: Site, smsc: FakeSmsc):
        async with simulator() as other:
            await site.start(carrier=connector(smsc, other), gone=connector(other))
            await site.bound()
            await site.reaches(await site.submit(), "submitted")
            assert await site.reload(carrier=connector(smsc), new=connector(other))
            await site.bound("new")
            text: str = await site.get("/metrics")
        assert 'connector="gone"' not in text
        assert 'esmed_bind_state{bind="transceiver",connector="new"' in text
        hosts = {
            line.partition('host="')[2].partition('"')[0]
            for line in text.splitlines()
            if line.startswith("esmed_bind_state{") and 'connector="carrier"' in line
        }
        assert hosts == {smsc.address}
        # It counts on.
        submitted = 'esmed_messages_total{connector="carrier",state="submitted"}'
        assert await site.metric(submitted) == 1

    async def test_nothing_piles_up(self, site: Site, smsc: FakeSmsc):
        await site.start(carrier=connector(smsc))
        assert site.app is not None
        await site.bound()
        before = len(site.app._metrics._callbacks), len(asyncio.all_tasks())
        for number in range(5):
            assert await site.reload(carrier=connector(smsc, system_type=f"{number}"))
            await smsc.until(lambda: len(smsc.bound) == 1)
        await site.bound()
        assert (len(site.app._metrics._callbacks), len(asyncio.all_tasks())) == before
