"""A provider's connector in the daemon as a process: killed, asked, overheard."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.hook import HookSink
from integration.client import LIMIT
from integration.providers import strike
from system.processes import Bench, Daemon, until

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.svitsms import Simulator

LOGIN, PASSWORD, SECRET = "380509998877", "the-password-of-it", "the-callbacks-secret"
TOKEN = "the-token-of-it"
WEBHOOKS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEXT = "meet-me-at-the-bridge"
CONCURRENCY, BATCH = 2, 5


@pytest.fixture
async def svitsms() -> AsyncIterator[Simulator]:
    options = ProviderOptions(login=LOGIN, password=PASSWORD, deliver_after=0.1)
    async with Simulator(options) as made:
        yield made


def config(provider: Simulator, hook: HookSink, **keys: Any) -> str:
    svit = {
        "kind": "svitsms",
        "base_urls": [provider.url],
        "login": LOGIN,
        "password": PASSWORD,
        "callback_secret": SECRET,
        "concurrency": CONCURRENCY,
        "batch": BATCH,
        "retry": {"min": "100ms", "max": "500ms"},
        **keys,
    }
    client = {"name": "shop", "token": TOKEN, "admin": True}
    whole = {
        "store": {"url": "sqlite:///esmed.db"},
        "http": {"listen": ["127.0.0.1:0"], "clients": [client]},
        "log": {"level": "debug"},
        "callbacks": {"listen": ["127.0.0.1:0"]},
        "webhooks": {"url": hook.url(), "secret": WEBHOOKS},
        "connectors": {"svit": svit},
        "routes": [{"via": ["svit"]}],
    }
    return json.dumps(whole)


async def started(processes: Bench, provider: Simulator, text: str) -> Daemon:
    daemon = processes.daemon(text)
    daemon.session.headers["Authorization"] = f"Bearer {TOKEN}"
    await restarted(daemon, provider)
    return daemon


async def restarted(daemon: Daemon, provider: Simulator) -> None:
    """Start it, and have the provider know where to push to now."""
    await daemon.start()
    found = await daemon.find(r"callbacks=(127\.0\.0\.1:\d+)")
    provider.callback_url = f"http://{found[1]}/callbacks/svit/{SECRET}/status"


async def submitted(daemon: Daemon, count: int) -> dict[str, str]:
    """Their ids by number."""
    numbers = [str(380_501_000_000 + 100 * n) for n in range(count)]
    return await daemon.submit_to(numbers, f"{TEXT} {{}}")


@pytest.mark.parametrize("on_unknown", ["resend", "hold", "fail"])
async def test_killed_with_open_requests(
    processes: Bench, hook: HookSink, svitsms: Simulator, on_unknown: str
) -> None:
    """At most the recipients of the open requests are sent to twice, if at all."""
    keys = {"on_unknown": on_unknown, "hold_timeout": "1s"}
    daemon = await started(processes, svitsms, config(svitsms, hook, **keys))
    await daemon.bound("svit")
    strike(svitsms, "delay seconds=600 on=send")
    ids = await submitted(daemon, 40)
    await until(lambda: svitsms.requests.get("send") == CONCURRENCY)
    await until(lambda: len(svitsms.messages()) == CONCURRENCY * BATCH)
    daemon.kill()
    open_ = {one.to for one in svitsms.messages()}
    svitsms.clear_faults()
    await restarted(daemon, svitsms)
    ends = {to: await daemon.reaches(ids[to], "delivered", "unknown") for to in ids}
    times = Counter(one.to for one in svitsms.messages())
    assert set(times) == set(ids)
    twice = {to for to, count in times.items() if count > 1}
    assert max(times.values()) <= 2
    unknown = {to for to, end in ends.items() if end["state"] == "unknown"}
    if on_unknown == "resend":
        assert twice == open_
        assert not unknown
    else:
        assert not twice
        assert unknown == open_
    assert await daemon.stop() == 0


async def test_a_push_after_a_kill_is_a_repetition(
    processes: Bench,
    hook: HookSink,
    svitsms: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = await started(processes, svitsms, config(svitsms, hook))

    pushed: list[Any] = []
    push = svitsms.pusher.push

    def keep(url: str, one: Any, key: str) -> None:
        pushed.append(one)
        push(url, one, key)

    monkeypatch.setattr(svitsms.pusher, "push", keep)
    ids = await submitted(daemon, 3)
    for id_ in ids.values():
        await daemon.reaches(id_, "delivered")
    await hook.count(3)
    daemon.kill()
    await restarted(daemon, svitsms)
    assert svitsms.callback_url is not None
    for one in pushed:
        assert (await svitsms.pusher.post(svitsms.callback_url, one)).taken
    events = [json.loads(one.body)["type"] for one in hook.received]
    assert set(events) == {"message.delivered"}
    assert len({one.headers["webhook-id"] for one in hook.received}) == 3


async def test_operations_on_the_command_line(
    processes: Bench, hook: HookSink, svitsms: Simulator
) -> None:
    daemon = await started(processes, svitsms, config(svitsms, hook))
    await daemon.bound("svit")

    async def run(*words: str, url: str = "") -> tuple[int, str]:
        process = processes.process("cli", "operation", *words)
        process.environ = {"ESMED_URL": url or daemon.url, "ESMED_TOKEN": TOKEN}
        process.spawn()
        return await process.exited(LIMIT), process.log

    code, told = await run("svit")
    assert code == 0
    assert "balance: " in told
    code, told = await run("svit", "balance")
    assert code == 0
    assert json.loads(told)
    for words, wanted in [
        (("svit", "nothing"), "no operation"),
        (("nobody", "balance"), "no connector"),
        (("svit", "balance", "x=1"), "x"),
        (("svit", "balance", "x"), "x"),
        (("svit", "campaign_info"), "campaign"),
    ]:
        code, told = await run(*words)
        assert code in {1, 2}, told
        assert wanted in told, told
        assert len(told.splitlines()) <= 3, told
    strike(svitsms, "html code=502")
    code, told = await run("svit", "balance")
    assert (code, "502" in told) == (1, True), told
    code, told = await run("svit", "balance", url="http://127.0.0.1:1")
    assert code == 1
    assert "Traceback" not in told


async def test_nothing_private_is_told(
    processes: Bench, hook: HookSink, svitsms: Simulator
) -> None:
    """Whatever goes wrong, neither in the log nor in figures, traces and problems."""
    daemon = await started(
        processes,
        svitsms,
        config(svitsms, hook, response_timeout="1s", on_unknown="fail"),
    )
    await daemon.bound("svit")
    push = svitsms.callback_url
    assert push is not None
    told = []
    for fault in (
        None,
        "html code=502",
        "close",
        "delay seconds=600",
        "status code=401",
        f"body text=<x>380501000000{TEXT}",
    ):
        svitsms.clear_faults()
        await daemon.bound("svit")
        if fault:
            strike(svitsms, f"{fault} on=send")
        ids = await submitted(daemon, 3)
        for id_ in ids.values():
            await daemon.reaches(id_, "delivered", "failed", "rejected", "unknown")
            told.append(json.dumps(await daemon.trace(id_)))
        balance = "/v1/connectors/svit/operations/balance"
        _, answer = await daemon.ask("POST", balance, {})
        told.append(json.dumps(answer))
    for body in (b"<broken", b"\xff\xfe", f"<a>{TEXT} 380501000000</a>".encode()):
        async with daemon.session.post(push, data=body) as heard:
            told.append(await heard.text())
    told.append(json.dumps(await daemon.get("/v1/connectors")))
    told.append(await daemon.get("/metrics"))
    assert await daemon.stop() == 0
    secrets = (LOGIN, PASSWORD, SECRET, TOKEN, WEBHOOKS, TEXT)
    for text in (daemon.log, *told):
        assert not [one for one in secrets if one in text]
    assert "380501000000" not in daemon.log
