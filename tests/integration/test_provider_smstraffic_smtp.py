"""SMS Traffic by mail from end to end: the daemon, and a stand-in that takes mails as
the description says."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.ca import Authority
from fakes.wait import eventually
from integration import providers
from integration.providers import Account, strike
from integration.site import Site

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_smtp import Simulator

ACCOUNT = Account(
    "st",
    "smstraffic-smtp",
    Simulator,
    ProviderOptions(login="yourlogin", password="yourpass"),
    tls="none",
    mail_from="sms@example.org",
    rate="1000/s",
)
TEXT = "Привіт, це тест €\n.\nдругий рядок"


@pytest.fixture
async def platform() -> AsyncIterator[Simulator]:
    async with ACCOUNT.stand_in() as made:
        yield made


def connector(platform: Simulator, **keys: Any) -> dict[str, Any]:
    return ACCOUNT.keys(server=platform.url, **keys)


async def test_it_ends_as_sent(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    id_ = await site.submit(to="78000000055", text=TEXT, **{"from": "Shop"})
    message = await site.reaches(id_, "sent")
    assert message["host"] == platform.url
    (taken,) = platform.messages()
    assert (taken.to, taken.from_, taken.text) == ("78000000055", "Shop", TEXT)


async def test_variant_1(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, variant=1, password=None))
    body = {"to": "78000000055", "text": TEXT}
    accepted = await site.post("/v1/messages", body)
    await site.reaches(accepted["id"], "sent")
    (taken,) = platform.messages()
    assert (taken.to, taken.from_, taken.text) == ("78000000055", "", TEXT)
    named = {**body, "from": "Shop"}
    status, refused = await site.ask("POST", "/v1/messages", named)
    assert (status, refused["errors"][0]["field"]) == (400, "from")
    assert len(platform.messages()) == 1


async def test_one_text_to_many_is_one_mail(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, concurrency=1))
    numbers = [f"780000001{place:02d}" for place in range(20, 60)]
    messages = [{"to": to, "text": TEXT} for to in numbers]
    for id_ in await site.submit_all(messages):
        await site.reaches(id_, "sent")
    assert sorted(each.to for each in platform.messages()) == numbers
    assert platform.requests["send"] < 20


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_tls(site: Site, tmp_path: Path, mode: str) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("mail", "IP:127.0.0.1")
    options = ProviderOptions(
        tls_certificate=issued.certificate,
        tls_key=issued.key,
        settings={"tls": mode},
    )
    tls = {"mode": mode, "ca": str(authority.certificate), "pin": issued.fingerprint}
    async with Simulator(options) as platform:
        await site.start(st=connector(platform, tls=tls))
        await site.reaches(await site.submit(), "sent")
        assert len(platform.messages()) == 1


async def test_without_starttls_nothing_goes(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, tls="starttls"))
    await providers.waits(site, "st", "STARTTLS")
    assert "recipient" not in platform.requests


async def test_later_is_tried_again(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    strike(platform, "refuse code=450 on=send times=2")
    message = await site.reaches(await site.submit(), "sent")
    assert len(message["segments"][0]["attempts"]) == 3
    assert platform.requests["send"] == 3
    assert len(platform.messages()) == 1


@pytest.mark.parametrize(
    ("code", "class_"), [(550, "account"), (552, "message"), (501, "protocol")]
)
async def test_refused(site: Site, platform: Simulator, code: int, class_: str) -> None:
    await site.start(st=connector(platform))
    state = "rejected" if class_ == "message" else "failed"
    await providers.refuses(site, platform, code, class_, state)


async def test_a_login_that_nobody_has(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform, variant=1, login="other"))
    await site.down("st", "550")


async def test_hung_up_at_the_end_is_for_on_unknown(
    site: Site, platform: Simulator
) -> None:
    await site.start(st=connector(platform))
    strike(platform, "close processed=true on=send times=1")
    await site.reaches(await site.submit(on_unknown="fail"), "unknown")
    assert len(platform.messages()) == 1


async def test_hung_up_before_is_sent_again(site: Site, platform: Simulator) -> None:
    await site.start(st=connector(platform))
    await site.connector("st", "up")
    strike(platform, "close on=recipient times=1")
    await site.reaches(await site.submit(on_unknown="fail"), "sent")
    await eventually(lambda: len(platform.messages()) == 1)
