"""SMS Traffic over SOAP from end to end: the daemon, and a stand-in that speaks as the
description says.

The number's last digits tell what becomes of a message: see
docs/connectors/smstraffic-soap.md.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from integration.site import Site

from esmed.bridge import schedule
from esmed.simulator.bridge.httpfaults import HTTP_FAULTS
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.faults import parse
from esmed.simulator.providers.smstraffic_soap import Simulator

LOGIN, PASSWORD = "example", "p@ssw0rd!"
OPERATIONS = "/v1/connectors/st/operations"

ENDS = {
    "78003336600": "delivered",
    "78003336601": "undeliverable",
    "78003336602": "expired",
    "78003336603": "rejected",
    "78003336604": "deleted",
    "78003336605": "unknown",
    "78003336607": "delivered",
    "78003336608": "delivered",
    "78003336610": "rejected",
    "78003336612": "delivered",
    "78003336615": "rejected",
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
        "kind": "smstraffic-soap",
        "base_urls": [node.url for node in nodes],
        "login": LOGIN,
        "password": PASSWORD,
        "retry": {"min": "50ms", "max": "200ms"},
        **keys,
    }


def strike(platform: Simulator, fault: str) -> None:
    platform.add_fault(parse(fault, HTTP_FAULTS))


async def test_every_end(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    ids = {to: await site.submit(to=to, text=f"Привет, {to} €") for to in ENDS}
    for to, id_ in ids.items():
        await site.reaches(id_, ENDS[to])
    texts = {each.to: each.text for each in platform.messages()}
    assert texts["78003336600"] == "Привет, 78003336600 €"
    unroutable = await site.message(ids["78003336615"])
    assert unroutable["error"]["code"] == "Unroutable"


async def test_bad_numbers_sink_nobody(site: Site, platform: Simulator) -> None:
    """And nobody is sent twice, whether the texts are one or many."""
    await site.start(st=connector(platform, concurrency=1))
    numbers = [f"780033{place:05d}" for place in range(20_007, 20_012)]
    for text in ("the same", "for {}"):
        messages = [{"to": to, "text": text.format(to)} for to in numbers]
        answer = await site.post("/v1/messages/batch", {"messages": messages})
        for to, accepted in zip(numbers, answer["messages"], strict=True):
            refused = to[-2:] in {"10", "11"}
            await site.reaches(accepted["id"], "rejected" if refused else "delivered")
    assert platform.stats.taken == 6
    assert platform.stats.duplicates == 0


async def test_every_part_counts(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    ends = {"78003336600": "delivered", "78003336609": "expired"}
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
    await site.start(st=connector(platform))
    message = await site.reaches(await site.submit(), "delivered")
    smsc_id = message["segments"][0]["attempts"][0]["smsc_id"]
    listed = await site.get(OPERATIONS)
    assert [each["name"] for each in listed["operations"]] == ["balance", "statuses"]
    assert await site.post(f"{OPERATIONS}/balance", {}) == {"balance": "10025"}
    found = await site.post(f"{OPERATIONS}/statuses", {"ids": [smsc_id, "5"]})
    known, unknown = found["statuses"]
    assert (known["id"], known["status"]) == (smsc_id, "Delivered")
    assert unknown["error"].startswith("no such message")
    assert (await site.ask("POST", f"{OPERATIONS}/statuses", {"ids": []}))[0] == 400


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        (432, "message", "rejected"),
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
        await site.start(st=connector(platform, backup))
        strike(platform, "refuse code=1000 on=send")
        message = await site.reaches(await site.submit(), "delivered")
        assert message["host"] == backup.url
        assert backup.stats.taken == 1


@pytest.mark.parametrize(
    "fault",
    ["close processed=true", "html code=502 processed=true", "truncated"],
)
async def test_what_may_have_been_taken_is_for_on_unknown(
    site: Site, platform: Simulator, fault: str
) -> None:
    await site.start(st=connector(platform))
    strike(platform, f"{fault} times=1 on=send")
    await site.reaches(await site.submit(on_unknown="fail"), "unknown")
    assert platform.stats.taken == 1


async def test_a_wrong_password(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, password="wrong"))
    id_ = await site.submit()
    down = await site.connector("st", "down")
    while "wrong login or password" not in down["reason"]:
        down = await site.connector("st", "down")
    assert (await site.message(id_))["state"] == "queued"
