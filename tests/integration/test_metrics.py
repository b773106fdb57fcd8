"""Every metric of the contract moves, and by what; what is scraped is as it should be.

`esmed_provider_requests_total` and `esmed_provider_request_seconds` come with the first
provider.
"""

import asyncio
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.ca import Authority
from fakes.hook import Answer
from fakes.smsc import FakeSmsc, fake_smsc, refuse
from integration.client import LIMIT
from integration.site import (
    Site,
    a_bind,
    acknowledged,
    connector,
    mo,
    part_of_mo,
    receipt,
    submits,
)
from prometheus_client.parser import text_string_to_metric_families

from esmed import chores, webhooks
from esmed.metrics import Metrics
from pdu import SubmitSmResp

SOON = "300ms"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at now and then is looked at all the time."""
    monkeypatch.setattr(chores, "VITALS_EVERY", 0.05)
    monkeypatch.setattr(chores, "LAG_EVERY", 0.05)
    monkeypatch.setattr(webhooks, "TICKS_A_GAUGE", 1)
    monkeypatch.setattr(webhooks, "TICK", 0.05)


class Watched:
    """One series, from the time this was made."""

    def __init__(self, site: Site, name: str, labels: dict[str, str]) -> None:
        self._site = site
        self._name = name
        self._labels = labels
        self.before: float | None = None

    async def value(self) -> float | None:
        """What it is now; None: it is not there."""
        text = await self._site.get("/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == self._name and sample.labels == self._labels:
                    return float(sample.value)
        return None

    async def becomes(self, condition: Callable[[float], object]) -> None:
        """Wait for it to be so."""
        deadline = time.monotonic() + LIMIT
        while (value := await self.value()) is None or not condition(value):
            assert time.monotonic() < deadline, (self._name, self._labels, value)
            await asyncio.sleep(0.02)

    async def is_(self, wanted: float) -> None:
        """Wait for it to have this value."""
        await self.becomes(lambda value: value == wanted)

    async def grows(self, by: float = 0.0) -> None:
        """Wait for it to be above what it was when watching began, by so much."""
        before = self.before or 0.0
        await self.becomes(lambda value: value > before and value >= before + by)


async def watch(site: Site, name: str, **labels: str) -> Watched:
    watched = Watched(site, name, labels)
    watched.before = await watched.value()
    return watched


async def of_carrier(site: Site, name: str, **labels: str) -> Watched:
    return await watch(site, name, connector="carrier", **labels)


@pytest.fixture
async def carrier(site: Site, smsc: FakeSmsc) -> Site:
    """A daemon that is bound."""
    await site.start(carrier=connector(smsc, response_timeout="20s"))
    await site.bound()
    return site


# --- messages ------------------------------------------------------------------------


async def test_a_message_on_its_way(carrier: Site, smsc: FakeSmsc):
    states = [
        await of_carrier(carrier, "esmed_messages_total", state=state)
        for state in ("submitted", "delivered")
    ]
    ok = await of_carrier(carrier, "esmed_submit_status_total", status="ESME_ROK")
    out = await of_carrier(
        carrier, "esmed_pdus_total", direction="out", command="submit_sm"
    )
    in_ = await of_carrier(
        carrier, "esmed_pdus_total", direction="in", command="submit_sm_resp"
    )
    answered = await of_carrier(carrier, "esmed_submit_seconds_count")
    reported = await of_carrier(carrier, "esmed_delivery_seconds_count")
    matched = await of_carrier(carrier, "esmed_receipts_total", match="matched")
    id_ = await carrier.submit()
    await carrier.reaches(id_, "submitted")
    receipt(await a_bind(smsc), "m1")
    await carrier.reaches(id_, "delivered")
    for one in (*states, ok, out, in_, answered, reported, matched):
        await one.grows(1)


@pytest.mark.parametrize(
    ("status", "label"), [(0x0B, "ESME_RINVDSTADR"), (0x500, "vendor")]
)
async def test_refusals(carrier: Site, smsc: FakeSmsc, status: int, label: str):
    refused = await of_carrier(carrier, "esmed_submit_status_total", status=label)
    smsc.answer = lambda pdu: refuse(pdu, status)
    await carrier.submit()
    await refused.grows(1)


async def test_messages_that_wait(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc))
    waiting = await of_carrier(site, "esmed_queue_messages")
    oldest = await of_carrier(site, "esmed_queue_oldest_seconds")
    await waiting.is_(0)
    for text in "ab":
        await site.submit(text=text)
    await waiting.is_(2)
    await oldest.becomes(lambda age: age > 0.2)
    await smsc.start()
    await waiting.is_(0)
    await oldest.is_(0)


async def test_messages_that_are_held(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, on_unknown="hold", response_timeout=SOON))
    held = await of_carrier(site, "esmed_held_messages")
    unknown = await of_carrier(site, "esmed_unknown_outcomes_total")
    id_ = await site.submit()
    await held.is_(1)
    await unknown.grows(1)
    await site.post(f"/v1/messages/{id_}/resolve", {"as": "fail"})
    await held.is_(0)


@pytest.mark.parametrize("match", ["early", "unmatched", "duplicate"])
async def test_receipts(carrier: Site, smsc: FakeSmsc, match: str):
    counted = await of_carrier(carrier, "esmed_receipts_total", match=match)
    smsc.answer = smsc.ignore
    await carrier.submit()
    [pdu] = await submits(smsc, 1)
    bind = await a_bind(smsc)
    response = SubmitSmResp(sequence=pdu.sequence, message_id="x1")
    if match == "duplicate":
        bind.send(response)
        await acknowledged(smsc, receipt(bind, "x1"))
    await acknowledged(smsc, receipt(bind, "x1"))
    if match == "early":
        bind.send(response)
    await counted.grows(1)


async def test_messages_from_phones(carrier: Site, smsc: FakeSmsc):
    whole = await of_carrier(carrier, "esmed_inbound_total", complete="true")
    partly = await of_carrier(carrier, "esmed_inbound_total", complete="false")
    bind = await a_bind(smsc)
    await acknowledged(smsc, mo(bind, "hello"), part_of_mo(bind, 7, 2, 1, "half"))
    await whole.grows(1)
    carrier.clock.shift(3600)
    await partly.grows(1)


# --- links ---------------------------------------------------------------------------


async def test_the_connector(carrier: Site, smsc: FakeSmsc, backup: FakeSmsc):
    states = {
        state: await of_carrier(carrier, "esmed_connector_state", state=state)
        for state in ("up", "degraded", "down", "paused")
    }

    async def is_(wanted: str) -> None:
        for state, series in states.items():
            await series.is_(state == wanted)

    await is_("up")
    await carrier.post("/v1/connectors/carrier/pause")
    await is_("paused")
    await carrier.post("/v1/connectors/carrier/resume")
    assert await carrier.reload(carrier=connector(smsc, backup))
    await is_("up")
    await smsc.stop()
    await is_("degraded")
    await backup.stop()
    await is_("down")


async def test_a_bind(carrier: Site, smsc: FakeSmsc):
    host = smsc.address
    bound, closed = [
        await of_carrier(
            carrier, "esmed_bind_state", host=host, bind="transceiver", state=state
        )
        for state in ("bound", "connecting")
    ]
    assert (bound.before, closed.before) == (1, 0)
    binds = await of_carrier(carrier, "esmed_binds_total", host=host, result="bound")
    refused = await of_carrier(
        carrier, "esmed_binds_total", host=host, result="connect"
    )
    await smsc.stop()
    await bound.is_(0)
    await refused.grows(1)
    await smsc.start()
    await bound.is_(1)
    await binds.grows(1)


@pytest.mark.parametrize("result", ["refused", "credentials", "timeout", "tls"])
async def test_binds_that_fail(site: Site, smsc: FakeSmsc, result: str):
    # ESME_RINVPASWD, ESME_RSYSERR
    smsc.bind_status = 0x0E if result == "credentials" else 0x08
    smsc.answers_bind = result != "timeout"
    smsc.close_at_once = result == "tls"
    carrier = connector(smsc, bind_timeout=SOON)
    carrier["hosts"][0]["tls"] = result == "tls"
    await site.start(carrier=carrier)
    counted = await of_carrier(
        site, "esmed_binds_total", host=smsc.address, result=result
    )
    await counted.becomes(lambda count: count >= 1)


async def test_signs_of_life(site: Site, smsc: FakeSmsc):
    await site.start(
        carrier=connector(smsc, enquire_link="100ms", enquire_link_timeout="20s")
    )
    await site.bound()
    trip = await of_carrier(site, "esmed_enquire_link_seconds")
    await trip.becomes(lambda seconds: 0 < seconds < LIMIT)
    for direction in ("in", "out"):
        latest = await of_carrier(
            site,
            "esmed_last_pdu_timestamp_seconds",
            host=smsc.address,
            direction=direction,
        )
        assert latest.before is not None
        assert abs(latest.before - time.time()) < LIMIT
        await latest.grows()


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[tuple[FakeSmsc, Path]]:
    """An SMSC with a certificate, and the authority that issued it."""
    authority = Authority(tmp_path)
    issued = authority.issue("smsc", "IP:127.0.0.1", days=2)
    async with fake_smsc(issued.server()) as smsc:
        yield smsc, authority.certificate


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
async def test_the_end_of_a_certificate(site: Site, secured: tuple[FakeSmsc, Path]):
    smsc, authority = secured
    carrier = connector(smsc)
    carrier["hosts"][0]["tls"] = {"ca": str(authority)}
    await site.start(carrier=carrier)
    ends = await of_carrier(
        site, "esmed_certificate_expiry_timestamp_seconds", host=smsc.address
    )
    await ends.becomes(lambda at: 86400 < at - time.time() < 3 * 86400)


async def test_the_window(carrier: Site, smsc: FakeSmsc):
    used = await of_carrier(carrier, "esmed_window_used")
    size = await of_carrier(carrier, "esmed_window_size")
    assert (used.before, size.before) == (0, 10)
    smsc.answer = smsc.ignore
    await carrier.submit()
    [pdu] = await submits(smsc, 1)
    await used.is_(1)
    (await a_bind(smsc)).send(SubmitSmResp(sequence=pdu.sequence, message_id="x"))
    await used.is_(0)
    assert await carrier.reload(carrier=connector(smsc, window=3))
    await size.is_(3)


async def test_the_rate(carrier: Site, smsc: FakeSmsc):
    rate = await of_carrier(carrier, "esmed_rate_limit")
    assert rate.before == 0
    assert await carrier.reload(carrier=connector(smsc, rate="20/s"))
    await rate.becomes(lambda limit: 0 < limit <= 20)


@pytest.mark.parametrize("by", ["rate", "window", "throttle", "link"])
async def test_what_limits(site: Site, smsc: FakeSmsc, by: str):
    keys: dict[str, dict[str, Any]] = {
        "rate": {"rate": "1/s"},
        "window": {"window": 1},
    }
    if by == "window":
        smsc.answer = smsc.ignore
    if by == "throttle":
        smsc.answer = smsc.throttle
    if by == "link":
        await smsc.stop()
    await site.start(
        carrier=connector(smsc, response_timeout="20s", **keys.get(by, {}))
    )
    limited = await of_carrier(site, "esmed_limited_seconds_total", by=by)
    for text in "abcde":
        await site.submit(text=text)
    await limited.grows(0.05)


# --- what is around ------------------------------------------------------------------


async def test_the_version(carrier: Site):
    text = await carrier.get("/metrics")
    assert re.search(r'(?m)^esmed_build_info\{version="[^"]+"\} 1\.0$', text)


@pytest.mark.parametrize(("status", "outcome"), [(200, "delivered"), (500, "failed")])
async def test_webhooks(carrier: Site, smsc: FakeSmsc, status: int, outcome: str):
    carrier.hook.behave("/hook", Answer(status=status))
    counted = await watch(carrier, "esmed_webhooks_total", outcome=outcome)
    backlog = await watch(carrier, "esmed_webhook_backlog")
    oldest = await watch(carrier, "esmed_webhook_oldest_seconds")
    mo(await a_bind(smsc), "hello")
    await counted.grows(1)
    if outcome == "failed":
        await backlog.is_(1)
        await oldest.becomes(lambda age: age > 0)
    await backlog.becomes(lambda events: events == (outcome == "failed"))


async def test_a_webhook_that_nobody_takes(carrier: Site, smsc: FakeSmsc):
    carrier.hook.behave("/hook", Answer(status=500))
    failed = await watch(carrier, "esmed_webhooks_total", outcome="failed")
    dead = await watch(carrier, "esmed_webhooks_total", outcome="dead")
    mo(await a_bind(smsc), "hello")
    await failed.grows(1)
    carrier.clock.shift(25 * 3600)
    await dead.grows(1)


async def test_requests(carrier: Site):
    labels = {"method": "GET", "route": "/v1/messages/{id}", "code": "404"}
    counted = await watch(carrier, "esmed_http_requests_total", **labels)
    assert (await carrier.ask("GET", "/v1/messages/nobody"))[0] == 404
    await counted.grows(1)


async def test_the_store(carrier: Site, monkeypatch: pytest.MonkeyPatch):
    commits = await watch(carrier, "esmed_store_commit_seconds_count")
    operations = await watch(carrier, "esmed_store_batch_operations_sum")
    errors = await watch(carrier, "esmed_store_errors_total")
    free = await watch(carrier, "esmed_store_free_bytes")
    await carrier.submit()
    await commits.grows(1)
    await operations.grows(1)
    assert errors.before == 0
    with closing(sqlite3.connect(carrier.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, _ = await carrier.ask(
            "POST", "/v1/messages", {"to": "380501234500", "from": "S", "text": "x"}
        )
        assert status == 503
        await errors.grows(1)
        other.execute("ROLLBACK")
    usage = shutil.disk_usage(carrier.store.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=12345))
    assert free.before
    await free.is_(12345)


async def test_the_loop(carrier: Site):
    lag = await watch(carrier, "esmed_loop_lag_seconds")
    time.sleep(0.5)  # noqa: ASYNC251 - that is the point
    # It stays in view, for whoever scrapes once in a while.
    await lag.becomes(lambda seconds: seconds > 0.3)


async def test_a_reload(carrier: Site, smsc: FakeSmsc):
    success = await watch(carrier, "esmed_config_reload_success")
    assert success.before == 1
    assert not await carrier.reload(carrier=connector(smsc, window=-1))
    await success.is_(0)
    assert await carrier.reload(carrier=connector(smsc))
    await success.is_(1)


async def test_the_process(carrier: Site):
    cpu = await watch(carrier, "process_cpu_seconds_total")
    for name in (
        *("process_resident_memory_bytes", "process_virtual_memory_bytes"),
        *("process_open_fds", "process_max_fds", "process_start_time_seconds"),
    ):
        assert (await watch(carrier, name)).before, name
    await cpu.grows()


# --- all of them ---------------------------------------------------------------------


def test_none_is_left_out():
    named = set(re.findall(r"\besmed_\w+", Path(__file__).read_text(encoding="utf-8")))
    parts = "_bucket", "_count", "_sum"
    for family in text_string_to_metric_families(Metrics().render().decode()):
        names = {family.name, f"{family.name}_total"}
        names |= {f"{family.name}{part}" for part in parts}
        assert names & named or not family.name.startswith("esmed_"), family.name


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_promtool_has_nothing_to_say(carrier: Site, smsc: FakeSmsc):
    id_ = await carrier.submit()
    await carrier.reaches(id_, "submitted")
    receipt(await a_bind(smsc), "m1")
    await carrier.told(1)
    scraped = await carrier.get("/metrics")
    done = await asyncio.to_thread(
        subprocess.run,
        ["promtool", "check", "metrics"],
        input=scraped.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_no_number_is_in_it(carrier: Site, smsc: FakeSmsc):
    numbers = "380671112233", "380501234500"
    mo(await a_bind(smsc), "hello", sender=numbers[0])
    await carrier.reaches(await carrier.submit(to=numbers[1]), "submitted")
    await carrier.ask("GET", f"/v1/messages/{numbers[1]}")
    await carrier.ask("GET", f"/{numbers[1]}")
    scraped = await carrier.get("/metrics")
    assert not any(number in scraped for number in numbers)
