"""SMS Traffic over SOAP from end to end: the daemon, and a stand-in that speaks as the
description says.

The number's last digits tell what becomes of a message: see
docs/connectors/smstraffic-soap.md.
"""

from collections.abc import AsyncIterator

import pytest
from integration import providers
from integration.providers import Account, Operations, strike
from integration.site import Site

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_soap import Simulator

pytestmark = pytest.mark.usefixtures("asked_soon")

OPTIONS = ProviderOptions(login="example", password="p@ssw0rd!")
ACCOUNT = Account("st", "smstraffic-soap", Simulator, OPTIONS)
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in

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


@pytest.fixture
async def platform() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


async def test_every_end(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    ids = await providers.ends(site, ENDS, "Привет, {} €")
    texts = {each.to: each.text for each in platform.messages()}
    assert texts["78003336600"] == "Привет, 78003336600 €"
    unroutable = await site.message(ids["78003336615"])
    assert unroutable["error"]["code"] == "Unroutable"


async def test_bad_numbers_sink_nobody(site: Site, platform: Simulator) -> None:
    """And nobody is sent twice, whether the texts are one or many."""
    await site.start(st=connector(platform, concurrency=1))
    numbers = [f"780033{place:05d}" for place in range(20_007, 20_012)]
    for text in ("the same", "for {}"):
        for to, id_ in (await site.submit_to(numbers, text)).items():
            refused = to[-2:] in {"10", "11"}
            await site.reaches(id_, "rejected" if refused else "delivered")
    assert platform.stats.taken == 6
    assert platform.stats.duplicates == 0


async def test_every_part_counts(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    expected = {"78003336600": "delivered", "78003336609": "expired"}
    await providers.every_part_counts(site, platform, expected)


async def test_every_operation(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    smsc_id = providers.smsc_id_of(await site.reaches(await site.submit(), "delivered"))
    operations = Operations(site, "st")
    assert await operations.names() == ["balance", "statuses"]
    assert await operations.run("balance") == {"balance": "10025"}
    found = await operations.run("statuses", ids=[smsc_id, "5"])
    known, unknown = found["statuses"]
    assert (known["id"], known["status"]) == (smsc_id, "Delivered")
    assert unknown["error"].startswith("no such message")
    assert (await operations.ask("statuses", ids=[]))[0] == 400


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
    await providers.refuses(site, platform, code, class_, state)


async def test_trouble_goes_to_the_other_node(site: Site, platform: Simulator) -> None:
    async with stand_in() as backup:
        await site.start(st=connector(platform, backup))
        strike(platform, "refuse code=1000 on=send")
        await providers.goes_to(site, backup, platform)


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
    await providers.waits(site, "st", "wrong login or password")
