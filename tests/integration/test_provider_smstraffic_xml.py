"""SMS Traffic over HTTP v1 from end to end: the daemon, and a stand-in that speaks as
the description says.

The number's last digits tell what becomes of a message: see
docs/connectors/smstraffic-xml.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.wait import eventually
from integration.client import LIMIT
from integration.site import Site

from esmed.bridge import schedule
from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.httpfaults import HTTP_FAULTS
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.faults import parse
from esmed.simulator.providers.smstraffic_xml import Simulator

LOGIN, PASSWORD, SECRET = "mylogin", "the-password", "the-callbacks-secret"
OPERATIONS = "/v1/connectors/st/operations"
SHORT = Mo(from_="79031234567", to="3299", text="Какой курс?")

ENDS = {
    "79051112200": "delivered",
    "79051112201": "undeliverable",
    "79051112202": "expired",
    "79051112203": "rejected",
    "79051112204": "deleted",
    "79051112205": "unknown",
    "79051112207": "delivered",
    "79051112208": "delivered",
    "79051112210": "rejected",
    "79051112211": "rejected",
    "79051112212": "delivered",
    "79051112213": "rejected",
    "79051112214": "delivered",
}


@pytest.fixture(autouse=True)
def _asked_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FIRST", 0.1)
    monkeypatch.setattr(schedule, "FACTOR", 1.0)


@pytest.fixture
async def platform() -> AsyncIterator[Simulator]:
    options = ProviderOptions(login=LOGIN, password=PASSWORD)
    async with Simulator(options) as made:
        yield made


def connector(*nodes: Simulator, **keys: Any) -> dict[str, Any]:
    return {
        "kind": "smstraffic-xml",
        "base_urls": [node.url for node in nodes],
        "login": LOGIN,
        "password": PASSWORD,
        "retry": {"min": "50ms", "max": "200ms"},
        **keys,
    }


async def called_back(site: Site, *nodes: Simulator, **keys: Any) -> None:
    """Start with a connector that the platform pushes to."""
    site.callbacks = {"listen": ["127.0.0.1:0"]}
    await site.start(st=connector(*nodes, callback_secret=SECRET, **keys))
    for node in nodes:
        node.callback_url = site.callback_url("st", SECRET)
        node.mo_url = site.callback_url("st", SECRET, "mo")
        node.short_url = site.callback_url("st", SECRET, "short")


def strike(platform: Simulator, fault: str) -> None:
    platform.add_fault(parse(fault, HTTP_FAULTS))


@pytest.mark.parametrize("how", ["asked", "pushed"])
async def test_every_end(site: Site, platform: Simulator, how: str) -> None:
    if how == "asked":
        await site.start(st=connector(platform))
    else:
        await called_back(site, platform)
    # 14: a late `Buffered SMSC` unmakes nothing, but who asks hears of nothing else.
    numbers = [to for to in ENDS if how == "pushed" or to[-2:] != "14"]
    ids = {to: await site.submit(to=to, text=f"Привет, {to} €") for to in numbers}
    for to, id_ in ids.items():
        await site.reaches(id_, ENDS[to])
    assert ("status" in platform.requests) == (how == "asked")
    texts = {each.to: each.text for each in platform.messages()}
    assert texts["79051112200"] == "Привет, 79051112200 €"
    failed = await site.message(ids["79051112201"])
    (segment,) = failed["segments"]
    if how == "pushed":
        assert segment["receipt"]["err"] == "3"


async def test_bad_numbers_sink_nobody(site: Site, platform: Simulator) -> None:
    """And nobody is sent twice, or uses up an attempt."""
    retry = {"attempts": 1, "min": "50ms", "max": "50ms"}
    await site.start(st=connector(platform, concurrency=1, retry=retry))
    numbers = [f"790511{place:05d}" for place in range(20_000, 20_120)]
    messages = [{"to": to, "from": "Shop", "text": f"for {to}"} for to in numbers]
    answer = await site.post("/v1/messages/batch", {"messages": messages})
    for to, accepted in zip(numbers, answer["messages"], strict=True):
        if to[-2:] not in {"06", "14"}:
            end = ENDS.get(f"790511122{to[-2:]}", "delivered")
            await site.reaches(accepted["id"], end)
    taken = platform.messages()
    assert all(each.text == f"for {each.to}" for each in taken)
    assert len({each.to for each in taken}) == len(taken) == 120 - 3 * 2
    assert platform.requests["send"] < 80


async def test_every_part_counts(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    ends = {"79051112200": "delivered", "79051112209": "expired"}
    for to, end in ends.items():
        id_ = await site.submit(to=to, text="Ы" * 200)
        message = await site.reaches(id_, end)
        ids = {
            attempt["smsc_id"]
            for segment in message["segments"]
            for attempt in segment["attempts"]
        }
        assert ids == {each.id for each in platform.messages() if each.to == to}
        assert len(ids) == 3


async def test_every_operation(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, pull_every="0s"))
    message = await site.reaches(await site.submit(), "delivered")
    smsc_id = message["segments"][0]["attempts"][0]["smsc_id"]
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет"))
    listed = await site.get(OPERATIONS)
    names = [each["name"] for each in listed["operations"]]

    async def run(name: str, **arguments: object) -> Any:
        names.remove(name)
        return await site.post(f"{OPERATIONS}/{name}", arguments)

    assert await run("account") == {"account": "10025"}
    assert await run("checked", ids=[smsc_id]) == {"checked": [smsc_id]}
    (status,) = (await run("statuses", ids=[smsc_id]))["statuses"]
    assert (status["id"], status["status"]) == (smsc_id, "Checked")
    incoming = await run("incoming", from_phone="79031234567")
    assert [each["text"] for each in incoming["messages"]] == ["Привет"]
    lists = await run("lists")
    assert [each["name"] for each in lists["lists"]] == ["hello world", "клиенты"]
    one = await run("list", group_id=59355)
    assert [each["id"] for each in one["lists"]] == ["59355"]
    members = {"group_id": 59353, "members": ["79012223344", "79082223344"]}
    assert await run("add_members", **members) == {"members": 2}
    assert platform.lists["59353"] == set(members["members"])  # type: ignore[call-overload]
    assert await run("remove_members", **members) == {"members": 2}
    assert platform.lists["59353"] == set()
    assert names == []
    path = f"{OPERATIONS}/checked"
    assert (await site.ask("POST", path, {"ids": ["9"]}))[0] == 409
    assert (await site.ask("POST", path, {}))[0] == 400


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        (432, "message", "rejected"),
        (421, "message", "rejected"),
        (415, "account", "failed"),
        (404, "protocol", "failed"),
    ],
)
async def test_refusals(
    site: Site, platform: Simulator, code: int, class_: str, state: str
) -> None:
    await site.start(st=connector(platform))
    strike(platform, f"refuse code={code} on=send")
    message = await site.reaches(await site.submit(), state)
    assert (message["error"]["class"], message["error"]["code"]) == (class_, code)
    assert platform.requests["send"] == 1


async def test_trouble_goes_to_the_other_node(site: Site, platform: Simulator) -> None:
    async with Simulator(ProviderOptions(login=LOGIN, password=PASSWORD)) as backup:
        await called_back(site, platform, backup)
        strike(platform, "refuse code=1000 on=send")
        message = await site.reaches(await site.submit(), "delivered")
        assert message["host"] == backup.url
        assert backup.stats.taken == 1


async def test_trouble_everywhere_passes(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    strike(platform, "refuse code=1000 on=send times=2")
    await site.reaches(await site.submit(), "delivered")
    assert platform.requests["send"] == 3


@pytest.mark.parametrize(
    "fault",
    [
        "close processed=true",
        "html code=502 processed=true",
        "truncated",
        "body text=<reply><result",
    ],
)
async def test_what_may_have_been_taken_is_for_on_unknown(
    site: Site, platform: Simulator, fault: str
) -> None:
    await site.start(st=connector(platform, response_timeout="500ms"))
    strike(platform, f"{fault} times=1 on=send")
    await site.reaches(await site.submit(on_unknown="fail"), "unknown")


async def test_a_wrong_password(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, password="wrong"))
    id_ = await site.submit()
    down = await site.connector("st", "down")
    while "wrong login or password" not in down["reason"]:
        down = await site.connector("st", "down")
    assert (await site.message(id_))["state"] == "queued"


async def inbound(site: Site, count: int) -> list[dict[str, Any]]:
    """Wait for so many messages from subscribers, the oldest first."""
    deadline = time.monotonic() + LIMIT
    while True:
        found: list[dict[str, Any]] = (await site.get("/v1/inbound"))["messages"]
        if len(found) >= count:
            return found[::-1]
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def test_messages_from_subscribers_once_each(
    site: Site, platform: Simulator
) -> None:
    """Pushed twice, and pulled as well."""
    await called_back(site, platform, pull_every="100ms")
    strike(platform, "push_twice")
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет, №1"))
    await eventually(lambda: len(platform.pusher.answers) == 2)
    pulled = platform.requests.get("incoming", 0)
    await eventually(lambda: platform.requests.get("incoming", 0) >= pulled + 2)
    (message,) = await inbound(site, 1)
    assert (message["from"], message["text"]) == ("79031234567", "Привет, №1")
    assert {answer.body for answer in platform.pusher.answers} == {b"OK"}


async def test_messages_that_are_only_pulled(site: Site, platform: Simulator) -> None:
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет"))
    await site.start(st=connector(platform, pull_every="100ms"))
    platform.inject_mo(Mo(from_="79031234568", to="1", text="и ещё"))
    assert [each["text"] for each in await inbound(site, 2)] == ["Привет", "и ещё"]


class TestShortNumber:
    async def test_a_text(self, site: Site, platform: Simulator) -> None:
        await called_back(site, platform, short_reply={"text": "Спасибо"})
        platform.inject_mo(SHORT)
        (message,) = await inbound(site, 1)
        assert (message["to"], message["text"]) == ("3299", "Какой курс?")
        await eventually(lambda: bool(platform.pusher.answers))
        answer = await platform.ask_short(platform.inbound[0])
        assert answer.body == platform.pusher.answers[0].body == "Спасибо".encode()
        assert len((await site.get("/v1/inbound"))["messages"]) == 1

    async def test_somebody_is_asked_and_only_once(
        self, site: Site, platform: Simulator
    ) -> None:
        asked: list[Any] = []

        async def says(request: web.Request) -> web.Response:
            asked.append(await request.json())
            return web.Response(text=f"Ответ {len(asked)}")

        async with served(says) as url:
            await called_back(site, platform, short_reply={"url": url})
            platform.inject_mo(SHORT)
            await eventually(lambda: bool(platform.pusher.answers))
            await site.stop()
            # Other settings, and another port.
            await called_back(site, platform, short_reply={"text": "Другое"})
            answer = await platform.ask_short(platform.inbound[0])
        assert answer.body == platform.pusher.answers[0].body == "Ответ 1".encode()
        (event,) = asked
        assert event["data"]["id"] == str(platform.inbound[0].id)
        assert event["data"]["text"] == "Какой курс?"

    async def test_a_wrong_password(self, site: Site, platform: Simulator) -> None:
        keys = {"text": "Спасибо", "password": "shared"}
        await called_back(site, platform, short_reply=keys)
        platform.inject_mo(SHORT)
        await eventually(lambda: bool(platform.pusher.answers))
        assert platform.pusher.answers[0].status == 403
        platform.settings["short_password"] = "shared"
        answer = await platform.ask_short(platform.inbound[0])
        assert (answer.status, answer.body) == (200, "Спасибо".encode())


def served(handler: Callable[[web.Request], Any]) -> "Served":
    return Served(handler)


class Served:
    """A program of the customer's."""

    def __init__(self, handler: Callable[[web.Request], Any]) -> None:
        app = web.Application()
        app.router.add_post("/short", handler)
        self._server = TestServer(app)

    async def __aenter__(self) -> str:
        await self._server.start_server()
        return str(self._server.make_url("/short"))

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()
