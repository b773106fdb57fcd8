"""Providers beside SMSCs in the whole daemon: same message, same states."""

import asyncio
import contextlib
import json
import sqlite3
from typing import Any

import pytest
from fakes.provider import Post, hangs_up, says, waits_for
from fakes.smsc import FakeSmsc
from fakes.wait import eventually
from integration import site as sites
from integration.site import Site

from esmed.bridge import connector as bridge
from esmed.bridge import nodes, submission

NUMBER = "380501234567"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "RECHECK_AFTER", (0.01,))
    monkeypatch.setattr(nodes, "SHORTEST", 0.1)


def letters(post: Post, **keys: Any) -> dict[str, Any]:
    return {
        "kind": "letters",
        "base_urls": [post.url],
        "callback_secret": "hush",
        "retry": {"min": "50ms", "max": "200ms"},
        **keys,
    }


def path(message: dict[str, Any]) -> list[str]:
    """Which connectors had it, in order."""
    return [one["connector"] for one in message["segments"][0]["attempts"]]


# --- what a message looks like -------------------------------------------------------


async def test_how_many_short_messages_there_are(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    """Where the next hop makes them of one part, too."""
    payload = sites.connector(smsc, concatenation="payload")
    await site.start(post=letters(post), payload=payload)
    await site.bound("post")
    await site.bound("payload")
    for name in ("post", "payload"):
        asked = {"to": NUMBER, "text": "x" * 400, "connector": name}
        accepted = await site.post("/v1/messages", asked)
        assert accepted["parts"] == 3
        message = await site.reaches(accepted["id"], "submitted")
        assert message["parts"] == 3
        assert len(message["segments"]) == 1
        status, problem = await site.ask(
            "POST", "/v1/messages", {**asked, "max_parts": 2}
        )
        assert status == 400
        assert [one["field"] for one in problem["errors"]] == ["max_parts"]
        allowed = await site.post("/v1/messages", {**asked, "max_parts": 3})
        await site.reaches(allowed["id"], "submitted")


async def test_what_there_is_to_see(site: Site, post: Post) -> None:
    await site.start(post=letters(post, concurrency=2, batch=5, rate="20/s"))
    await site.bound("post")
    seen = await site.get("/v1/connectors/post")
    assert seen["kind"] == "letters"
    assert (seen["state"], seen["reason"]) == ("up", "")
    (host,) = seen["hosts"]
    assert (host["address"], host["role"], host["state"]) == (
        post.url, "primary", "bound",
    )  # fmt: skip
    assert (seen["window_used"], seen["window_size"]) == (0, 10)
    assert (seen["rate"], seen["rate_ceiling"]) == (20.0, 20.0)


async def metrics(site: Site) -> dict[str, float]:
    text: str = await site.get("/metrics")
    rows = (line.rpartition(" ") for line in text.splitlines() if line[0] != "#")
    return {name: float(value) for name, _, value in rows}


async def test_what_there_is_to_measure(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    await site.reaches(await site.submit(to=NUMBER), "submitted")
    post.answers.append(hangs_up)
    await site.reaches(await site.submit(to=NUMBER, on_unknown="fail"), "unknown")
    await site.post("/v1/connectors/post/operations/balance", {})
    seen = await metrics(site)

    def requests(operation: str, outcome: str) -> float:
        labels = f'connector="post",operation="{operation}",outcome="{outcome}"'
        return seen[f"esmed_provider_requests_total{{{labels}}}"]

    assert requests("send", "answered") == 1
    assert requests("send", "unanswered") == 1
    assert requests("recheck", "answered") == 1
    assert requests("balance", "answered") == 1
    assert requests("probe", "answered") >= 1
    label = '{connector="post",operation="send"}'
    assert seen[f"esmed_provider_request_seconds_count{label}"] == 2
    label = '{connector="post"}'
    assert seen[f"esmed_unknown_outcomes_total{label}"] == 1
    assert seen[f"esmed_window_size{label}"] == 40
    assert seen[f"esmed_window_used{label}"] == 0
    assert seen[f"esmed_submit_seconds_count{label}"] == 2
    labels = '{connector="post",state="submitted"}'
    assert seen[f"esmed_messages_total{labels}"] == 1


# --- which way it goes ---------------------------------------------------------------


async def test_to_the_provider_when_the_smsc_is_gone(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    site.routes = [{"via": ["carrier", "post"], "failover_after": "300ms"}]
    await site.start(carrier=sites.connector(smsc), post=letters(post))
    await site.bound("carrier")
    await site.bound("post")
    first = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(first) == ["carrier"]
    await smsc.stop()
    second = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(second) == ["post"]


async def test_to_the_smsc_when_the_provider_is_gone(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    site.routes = [{"via": ["post", "carrier"], "failover_after": "300ms"}]
    await site.start(post=letters(post), carrier=sites.connector(smsc))
    await site.bound("carrier")
    await site.bound("post")
    first = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(first) == ["post"]
    post.well = False
    await site.post("/v1/connectors/post/rebind")
    second = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(second) == ["carrier"]
    post.well = True
    await site.bound("post")
    third = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(third) == ["post"]


async def test_a_fault_of_the_account_and_the_next_has_it_at_once(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    site.routes = [{"via": ["post", "carrier"], "failover_after": "1h"}]
    await site.start(post=letters(post), carrier=sites.connector(smsc))
    await site.bound("carrier")
    await site.bound("post")
    post.answers.append(says("account"))
    message = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(message) == ["post", "carrier"]


async def test_a_full_provider_spills_over(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    site.routes = [{"via": ["post", "carrier"], "spill": True}]
    full = letters(post, concurrency=1, batch=1)
    await site.start(post=full, carrier=sites.connector(smsc))
    await site.bound("carrier")
    await site.bound("post")
    go = asyncio.Event()
    post.answers.append(waits_for(go, says([[NUMBER, "a"]])))
    first = await site.submit(to=NUMBER)
    await eventually(post.sent)
    second = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert path(second) == ["carrier"]
    go.set()
    assert path(await site.reaches(first, "submitted")) == ["post"]


async def test_a_full_provider_does_not_spill_over_unasked(
    site: Site, smsc: FakeSmsc, post: Post
) -> None:
    site.routes = [{"via": ["post", "carrier"]}]
    full = letters(post, concurrency=1, batch=1)
    await site.start(post=full, carrier=sites.connector(smsc))
    await site.bound("carrier")
    await site.bound("post")
    go = asyncio.Event()
    post.answers.append(waits_for(go, says([[NUMBER, "a"]])))
    ids = [await site.submit(to=NUMBER) for _ in range(2)]
    await eventually(post.sent)
    go.set()
    for id_ in ids:
        assert path(await site.reaches(id_, "submitted")) == ["post"]


async def test_weights(site: Site, smsc: FakeSmsc, post: Post) -> None:
    weights = {"post": 3, "carrier": 1}
    site.routes = [{"via": ["post", "carrier"], "weights": weights}]
    await site.start(post=letters(post), carrier=sites.connector(smsc))
    await site.bound("carrier")
    await site.bound("post")
    ids = [await site.submit(to=NUMBER) for _ in range(40)]
    ways = [path(await site.reaches(id_, "submitted"))[0] for id_ in ids]
    assert 20 <= ways.count("post") <= 38
    assert ways.count("carrier") >= 2


# --- what an operator does -----------------------------------------------------------


async def test_paused_over_a_restart(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    await site.post("/v1/connectors/post/pause")
    id_ = await site.submit(to=NUMBER)
    await site.restart()
    await site.connector("post", "paused")
    assert (await site.message(id_))["state"] == "queued"
    await site.post("/v1/connectors/post/resume")
    await site.reaches(id_, "submitted")
    assert len(post.sent()) == 1


async def test_cancelled_while_it_waits(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    await site.post("/v1/connectors/post/pause")
    id_ = await site.submit(to=NUMBER)
    status, _ = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 200
    assert (await site.message(id_))["state"] == "cancelled"
    assert not post.sent()


async def test_cancelled_at_the_provider(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    ids = [await site.submit(to=NUMBER) for _ in range(2)]
    for id_ in ids:
        await site.reaches(id_, "submitted")
    status, _ = await site.ask("DELETE", f"/v1/messages/{ids[0]}")
    assert status == 200
    assert (await site.message(ids[0]))["state"] == "cancelled"
    assert ("/cancel", [f"id-{NUMBER}"]) in post.calls
    post.answers.append(says("no", 400))
    status, _ = await site.ask("DELETE", f"/v1/messages/{ids[1]}")
    assert status == 409
    assert (await site.message(ids[1]))["state"] == "submitted"


async def test_a_provider_that_is_down_is_what_the_alert_looks_for(
    site: Site, post: Post
) -> None:
    name = 'esmed_connector_state{connector="post",state="down"}'
    await site.start(post=letters(post))
    await site.bound("post")
    assert await site.metric(name) == 0
    post.well = False
    await site.post("/v1/connectors/post/rebind")
    await site.connector("post", "down")
    assert await site.metric(name) == 1


async def test_expired_while_it_waits(site: Site, post: Post) -> None:
    post.well = False
    await site.start(post=letters(post))
    id_ = await site.submit(to=NUMBER, validity=60)
    site.clock.shift(61)
    await site.reaches(id_, "expired")
    post.well = True
    await site.bound("post")
    assert not post.sent()


async def test_another_rate_takes_no_new_connection(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    before = site.app._roster.connectors["post"] if site.app else None
    assert await site.reload(post=letters(post, rate="5/s", concurrency=1))
    assert site.app is not None
    assert site.app._roster.connectors["post"] is before
    seen = await site.get("/v1/connectors/post")
    assert (seen["rate_ceiling"], seen["window_size"]) == (5.0, 10)
    await site.reaches(await site.submit(to=NUMBER), "submitted")


async def test_another_node_takes_over_without_a_loss(site: Site, post: Post) -> None:
    go = asyncio.Event()
    await site.start(post=letters(post))
    await site.bound("post")
    post.answers.append(waits_for(go, says([[NUMBER, "a"]])))
    first = await site.submit(to=NUMBER)
    await eventually(post.sent)
    other = letters(post)
    other["base_urls"] = [post.url + "/v2"]
    reload = asyncio.create_task(site.reload(post=other))
    second = await site.submit(to=NUMBER)
    go.set()
    assert await reload
    for id_ in (first, second):
        await site.reaches(id_, "submitted")
    assert len(post.calls) == 2


# --- what breaks ---------------------------------------------------------------------


async def test_a_stop_waits_for_open_requests(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    go = asyncio.Event()
    post.answers.append(waits_for(go, says([[NUMBER, "a"]])))
    id_ = await site.submit(to=NUMBER)
    await eventually(post.sent)
    stopping = asyncio.create_task(site.stop())
    await asyncio.sleep(0.1)
    go.set()
    await stopping
    await site.start()
    await site.bound("post")
    message = await site.reaches(id_, "submitted")
    assert message["segments"][0]["attempts"][0]["smsc_id"] == "a"
    assert len(post.sent()) == 1


@pytest.mark.parametrize(
    ("on_unknown", "state", "sent"),
    [("resend", "submitted", 2), ("fail", "unknown", 1), ("hold", "submitting", 1)],
)
async def test_a_stop_that_cannot_wait_any_longer(
    site: Site, post: Post, on_unknown: str, state: str, sent: int
) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    never = asyncio.Event()
    post.answers.append(waits_for(never, says([])))
    id_ = await site.submit(to=NUMBER, on_unknown=on_unknown)
    await eventually(post.sent)
    await site.stop()
    never.set()
    await site.start()
    await site.bound("post")
    message = await site.reaches(id_, state)
    assert len(post.sent()) == sent
    assert message["held"] is (on_unknown == "hold")


async def test_who_answers_nonsense_is_not_asked_without_pause(
    site: Site, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page for people, with the status 200: each time it may have been taken."""
    monkeypatch.setattr(nodes, "SHORTEST", 1000.0)
    monkeypatch.setattr(nodes, "LONGEST", 1000.0)
    await site.start(post=letters(post))
    await site.bound("post")
    post.answers += [says({})] * 1000
    id_ = await site.submit(to=NUMBER)
    found = await site.connector("post", "down")
    assert "HTTP 200" in found["reason"]
    assert len(post.sent()) == nodes.PATIENCE
    post.answers.clear()
    await site.post("/v1/connectors/post/rebind")
    await site.reaches(id_, "submitted")
    assert len(post.sent()) == nodes.PATIENCE + 1


async def test_what_was_held_is_decided_over(site: Site, post: Post) -> None:
    await site.start(post=letters(post, on_unknown="hold"))
    await site.bound("post")
    post.answers.append(hangs_up)
    ids = []
    for _ in range(2):
        post.answers[:] = [hangs_up, says({})]
        ids.append(await site.submit(to=NUMBER))
        await site.is_held(ids[-1])
    await site.post(f"/v1/messages/{ids[0]}/resolve", {"as": "fail"})
    await site.post(f"/v1/messages/{ids[1]}/resolve", {"as": "resend"})
    assert (await site.message(ids[0]))["state"] == "unknown"
    await site.reaches(ids[1], "submitted")
    assert len(post.sent()) == 3


async def test_held_until_the_provider_tells(site: Site, post: Post) -> None:
    """Its own means find what the answer did not say."""
    await site.start(post=letters(post, on_unknown="hold"))
    await site.bound("post")
    post.answers.append(hangs_up)
    post.known[NUMBER] = "found"
    message = await site.reaches(await site.submit(to=NUMBER), "submitted")
    assert message["segments"][0]["attempts"][0]["smsc_id"] == "found"
    assert len(post.sent()) == 1


async def test_nothing_is_sent_while_the_store_cannot_commit(
    site: Site, post: Post
) -> None:
    await site.start(post=letters(post, concurrency=1, batch=1))
    await site.bound("post")
    go = asyncio.Event()
    post.answers.append(waits_for(go, says([[NUMBER, "a"]])))
    ids = [await site.submit(to=NUMBER) for _ in range(4)]
    await eventually(post.sent)
    other = sqlite3.connect(site.store, isolation_level=None)
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        go.set()
        assert site.app is not None
        frozen = site.app._roster.connectors["post"]
        await eventually(lambda: frozen._frozen)  # type: ignore[attr-defined]
        assert frozen.capacity() == 0
        assert len(post.sent()) == 1
        status, _ = await site.ask("POST", "/v1/messages", {"to": NUMBER, "text": "x"})
        assert status == 503
    for id_ in ids:
        await site.reaches(id_, "submitted")
    assert len(post.sent()) == 4


async def test_a_daemon_whose_provider_is_not_looked_after_is_not_well(
    site: Site, post: Post
) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    assert site.app is not None
    pulse = site.app._pulses(site.app._store)
    names = [name for name in pulse if "post" in name]
    assert [pulse[name].busy for name in names] == [False]
    connector = site.app._roster.connectors["post"]
    assert isinstance(connector, bridge.ProviderConnector)
    assert connector.alive()
    connector._line._tasks[0].cancel()
    await eventually(lambda: not connector.alive())
    assert [site.app._pulses(site.app._store)[name].busy for name in names] == [True]


async def test_an_operation_over_http(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    await site.bound("post")
    base = "/v1/connectors/post/operations"
    listed = (await site.get(base))["operations"]
    assert [one["name"] for one in listed] == ["balance", "reprint"]
    assert await site.post(f"{base}/balance", {}) == {"balance": "12.50"}
    assert (await site.ask("POST", f"{base}/nothing", {}))[0] == 404
    status, problem = await site.ask("POST", f"{base}/balance", {"x": 1})
    assert (status, problem["errors"][0]["field"]) == (400, "x")
    status, problem = await site.ask("POST", f"{base}/reprint", {"pages": "none"})
    assert (status, problem["errors"][0]["field"]) == (400, "pages")
    post.answers.append(says("", 401))
    assert (await site.ask("POST", f"{base}/balance", {}))[0] == 409
    post.answers.append(says("", 503))
    assert (await site.ask("POST", f"{base}/balance", {}))[0] == 503
    assert json.dumps(problem).count("hush") == 0
