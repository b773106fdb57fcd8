"""SMS Traffic over HTTP v1 from end to end: the daemon, and a stand-in that speaks as
the description says.

The number's last digits tell what becomes of a message: see
docs/connectors/smstraffic-xml.md.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.wait import eventually
from integration import providers
from integration.providers import Account, Operations, strike
from integration.site import Site

from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_xml import Simulator

pytestmark = pytest.mark.usefixtures("asked_soon")

OPTIONS = ProviderOptions(login="mylogin", password="the-password")
ACCOUNT = Account("st", "smstraffic-xml", Simulator, OPTIONS)
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in
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


@pytest.fixture
async def platform() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


@pytest.mark.parametrize("how", ["asked", "pushed"])
async def test_every_end(site: Site, platform: Simulator, how: str) -> None:
    if how == "asked":
        await site.start(st=connector(platform))
    else:
        await ACCOUNT.called_back(site, platform)
    # 14: a late `Buffered SMSC` unmakes nothing, but who asks hears of nothing else.
    unheard = "14" if how == "asked" else "none"
    expected = {to: end for to, end in ENDS.items() if to[-2:] != unheard}
    ids = await providers.ends(site, expected, "Привет, {} €")
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
    for to, id_ in (await site.submit_to(numbers)).items():
        if to[-2:] not in {"06", "14"}:
            await site.reaches(id_, ENDS.get(f"790511122{to[-2:]}", "delivered"))
    taken = platform.messages()
    assert all(each.text == f"for {each.to}" for each in taken)
    assert len({each.to for each in taken}) == len(taken) == 120 - 3 * 2
    assert platform.requests["send"] < 80


async def test_every_part_counts(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    expected = {"79051112200": "delivered", "79051112209": "expired"}
    await providers.every_part_counts(site, platform, expected)


async def test_every_operation(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, pull_every="0s"))
    smsc_id = providers.smsc_id_of(await site.reaches(await site.submit(), "delivered"))
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет"))
    operations = Operations(site, "st")
    run, ask = operations.run, operations.ask
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
    assert await operations.untried() == []
    assert (await ask("checked", ids=["9"]))[0] == 409
    assert (await ask("checked"))[0] == 400


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
    await providers.refuses(site, platform, code, class_, state)


async def test_trouble_goes_to_the_other_node(site: Site, platform: Simulator) -> None:
    async with stand_in() as backup:
        await ACCOUNT.called_back(site, platform, backup)
        strike(platform, "refuse code=1000 on=send")
        await providers.goes_to(site, backup, platform)


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
    await providers.waits(site, "st", "wrong login or password")


async def test_messages_from_subscribers_once_each(
    site: Site, platform: Simulator
) -> None:
    """Pushed twice, and pulled as well."""
    await ACCOUNT.called_back(site, platform, pull_every="100ms")
    strike(platform, "push_twice")
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет, №1"))
    await eventually(lambda: len(platform.pusher.answers) == 2)
    pulled = platform.requests.get("incoming", 0)
    await eventually(lambda: platform.requests.get("incoming", 0) >= pulled + 2)
    (message,) = await site.inbound(1)
    assert (message["from"], message["text"]) == ("79031234567", "Привет, №1")
    assert {answer.body for answer in platform.pusher.answers} == {b"OK"}


async def test_messages_that_are_only_pulled(site: Site, platform: Simulator) -> None:
    platform.inject_mo(Mo(from_="79031234567", to="1", text="Привет"))
    await site.start(st=connector(platform, pull_every="100ms"))
    platform.inject_mo(Mo(from_="79031234568", to="1", text="и ещё"))
    assert [each["text"] for each in await site.inbound(2)] == ["Привет", "и ещё"]


class TestShortNumber:
    async def test_a_text(self, site: Site, platform: Simulator) -> None:
        await ACCOUNT.called_back(site, platform, short_reply={"text": "Спасибо"})
        platform.inject_mo(SHORT)
        (message,) = await site.inbound(1)
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
            await ACCOUNT.called_back(site, platform, short_reply={"url": url})
            platform.inject_mo(SHORT)
            await eventually(lambda: bool(platform.pusher.answers))
            await site.stop()
            # Other settings, and another port.
            await ACCOUNT.called_back(site, platform, short_reply={"text": "Другое"})
            answer = await platform.ask_short(platform.inbound[0])
        assert answer.body == platform.pusher.answers[0].body == "Ответ 1".encode()
        (event,) = asked
        assert event["data"]["id"] == str(platform.inbound[0].id)
        assert event["data"]["text"] == "Какой курс?"

    async def test_a_wrong_password(self, site: Site, platform: Simulator) -> None:
        keys = {"text": "Спасибо", "password": "shared"}
        await ACCOUNT.called_back(site, platform, short_reply=keys)
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
