"""SMS-Pager.COM from end to end: the daemon, and a stand-in that follows the manual.

The number's last digits tell what becomes of a message: docs/connectors/smspager.md.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes.ca import Authority
from integration import providers
from integration.providers import TOMORROW, Account, Operations, strike
from integration.site import Site

from esmed.bridge import submission
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smspager import Simulator

pytestmark = pytest.mark.usefixtures("asked_soon")

OPTIONS = ProviderOptions(login="mylogin", password="the-password")
RETRY = {"attempts": 3, "min": "50ms", "max": "200ms"}
ACCOUNT = Account("pager", "smspager", Simulator, OPTIONS, retry=RETRY)
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in


@pytest.fixture
async def pager() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


def sendings(provider: Simulator) -> int:
    return provider.requests.get("send", 0)


ENDS = {
    "79011234500": "delivered",
    "79011234501": "undeliverable",
    "79011234502": "deleted",
    "79011234504": "delivered",
    "79011234505": "failed",
    "79011234507": "failed",
    "79011234508": "failed",
    "79011234510": "delivered",
    "79011234511": "rejected",
    "79011234512": "rejected",
    "380501234500": "delivered",
}


@pytest.mark.parametrize("tags", ["good", "manual"])
async def test_every_end(site: Site, tags: str):
    async with stand_in(tags=tags) as pager:
        await site.start(pager=connector(pager))
        await providers.ends(site, ENDS)
        taken = {each.to: each.text for each in pager.messages()}
        assert taken["79011234500"] == "Привіт, 79011234500 €"
        assert pager.stats.duplicates == 0
        assert len(await site.told(len(ENDS))) == len(ENDS)


async def test_what_is_on_its_way_stays_so(site: Site, pager: Simulator):
    await site.start(pager=connector(pager))
    for end in ("03", "06", "09"):
        id_ = await site.submit(to=f"790112345{end}")
        await site.reaches(id_, "submitted")
    asked = pager.stats.requests.get("report", 0)
    while pager.stats.requests.get("report", 0) < asked + 6:
        await site.get("/v1/connectors/pager")
    states = {message["state"] for message in await site.messages()}
    assert states == {"submitted"}


async def test_different_texts_share_a_request(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, batch=50, concurrency=1))
    numbers = [f"7901123{place:02d}00" for place in range(90)]
    ids = await site.submit_to(numbers)
    for id_ in ids.values():
        await site.reaches(id_, "delivered")
    assert {each.to: each.text for each in pager.messages()} == {
        to: f"for {to}" for to in numbers
    }
    assert sendings(pager) < 10
    assert len({each.id for each in pager.messages()}) == sendings(pager)


async def test_one_of_a_request_that_is_not_taken(site: Site, pager: Simulator):
    """The report tells whose it is; that one goes alone, and then the counts do."""
    await site.start(pager=connector(pager, batch=50, concurrency=1))
    await site.connector("pager", "up")
    await site.post("/v1/connectors/pager/pause")
    told = {"00": "delivered", "11": "rejected", "05": "failed", "01": "undeliverable"}
    ids = await site.submit_to([f"790112345{end}" for end in told])
    await site.post("/v1/connectors/pager/resume")
    for to, id_ in ids.items():
        await site.reaches(id_, told[to[-2:]])
    assert pager.stats.taken == 2


async def test_one_bad_number_in_every_request(site: Site, pager: Simulator):
    """It is the numbers that are bad, not the provider: nothing has to wait for it."""
    await site.start(pager=connector(pager, batch=5, concurrency=1, on_unknown="fail"))
    ids = await site.submit_to(
        f"79011{place:02d}{place % 5 or 11:04d}" for place in range(30)
    )
    for to, id_ in ids.items():
        await site.reaches(
            id_, *(("unknown", "rejected") if to[-2:] == "11" else ENDED)
        )
    assert (await site.connector("pager"))["state"] == "up"
    assert pager.stats.requests["balance"] == 1


ENDED = ("delivered", "undeliverable", "deleted", "submitted")


async def test_one_that_refuses_a_request(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, batch=50, concurrency=1))
    numbers = [f"790112345{end}" for end in ("00", "20", "08", "21", "12", "22")]
    ids = await site.submit_to(numbers)
    for to, id_ in ids.items():
        end = {"08": "failed", "12": "rejected"}.get(to[-2:], "delivered")
        await site.reaches(id_, end)
    assert pager.stats.taken == 4
    assert pager.stats.duplicates == 0


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        ("504", "account", "failed"),
        ("7012", "protocol", "failed"),
        ("999", "message", "rejected"),
    ],
)
async def test_refusals(
    site: Site, pager: Simulator, code: str, class_: str, state: str
):
    await site.start(pager=connector(pager))
    await providers.refuses(site, pager, code, class_, state)


async def test_without_money_the_next_takes_over(site: Site, pager: Simulator):
    async with stand_in(balance="0") as empty:
        await site.start(pager=connector(empty), other=connector(pager))
        message = await site.reaches(await site.submit(), "delivered")
        assert message["connector"] == "other"
        assert (empty.stats.taken, pager.stats.taken) == (0, 1)


async def test_what_may_have_been_taken_is_found(site: Site, pager: Simulator):
    """With `fail` and `hold`, too: the provider tells that it has it."""
    keys = {"response_timeout": "500ms", "concurrency": 1, "on_unknown": "fail"}
    await site.start(pager=connector(pager, **keys))
    faults = (
        *("close processed=true", "html code=502 processed=true", "truncated"),
        *("body text=<data> processed=true", "garbage processed=true"),
        *("huge size=11000000 processed=true", "drip size=20 pause=2s"),
    )
    for count, fault in enumerate(faults, start=1):
        strike(pager, f"{fault} times=1 on=send")
        id_ = await site.submit(text=fault)
        await site.reaches(id_, "delivered")
        # In between it is as ever: three such answers in a row would have it probed.
        await site.reaches(await site.submit(), "delivered")
        assert (sendings(pager), pager.stats.taken) == (2 * count, 2 * count), fault


@pytest.mark.parametrize("stopped", [False, True])
async def test_what_is_found_later_does_not_go_again(
    site: Site, pager: Simulator, monkeypatch: pytest.MonkeyPatch, stopped: bool
):
    """With `resend`, and over a restart: it is looked for before it is sent again."""
    monkeypatch.setattr(submission, "RECHECK_AFTER", ())
    await site.start(pager=connector(pager))
    await site.connector("pager", "up")
    strike(pager, "close processed=true times=1 on=send")
    if stopped:
        held = await site.submit(on_unknown="hold")
        await site.is_held(held)
        await site.restart()
        await site.post(f"/v1/messages/{held}/resolve", {"as": "resend"})
        await site.reaches(held, "delivered")
    else:
        await site.reaches(await site.submit(), "delivered")
    assert (sendings(pager), pager.stats.taken) == (1, 1)


@pytest.mark.parametrize("size", [1, 50])
async def test_what_was_not_taken_goes_again_once(
    site: Site, pager: Simulator, size: int
):
    await site.start(pager=connector(pager, batch=size, response_timeout="500ms"))
    strike(pager, "close times=1 on=send")
    ids = await site.submit_to([f"790112345{end}" for end in ("00", "20", "21")])
    for id_ in ids.values():
        await site.reaches(id_, "delivered")
    assert (pager.stats.taken, pager.stats.duplicates) == (3, 0)


async def test_what_is_not_found_is_for_on_unknown(site: Site, pager: Simulator):
    await site.start(pager=connector(pager))
    strike(pager, "close times=1 on=send")
    await site.reaches(await site.submit(on_unknown="fail"), "unknown")
    strike(pager, "close times=1 on=send")
    held = await site.submit(on_unknown="hold", text="held")
    await site.is_held(held)
    await site.post(f"/v1/messages/{held}/resolve", {"as": "resend"})
    await site.reaches(held, "delivered")
    assert pager.stats.taken == 1


async def test_cancelling(site: Site, pager: Simulator):
    await site.start(pager=connector(pager))
    waiting = await site.submit(to="79011234509", text="x" * 200)
    await site.reaches(waiting, "submitted")
    status, message = await site.ask("DELETE", f"/v1/messages/{waiting}")
    assert (status, message["state"]) == (200, "cancelled")
    (message,) = pager.messages()
    assert message.ended is not None
    gone = await site.submit(to="79011234506")
    await site.reaches(gone, "submitted")
    assert (await site.ask("DELETE", f"/v1/messages/{gone}"))[0] == 409
    assert (await site.message(gone))["state"] == "submitted"


async def test_nobody_is_cancelled_with_another(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, batch=50, concurrency=1))
    await site.connector("pager", "up")
    await site.post("/v1/connectors/pager/pause")
    ids = await site.submit_to(["79011234509", "79011234609"])
    await site.post("/v1/connectors/pager/resume")
    for id_ in ids.values():
        await site.reaches(id_, "submitted")
    assert (await site.ask("DELETE", f"/v1/messages/{ids['79011234509']}"))[0] == 409
    assert {message.ended for message in pager.messages()} == {None}


async def test_every_operation(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, timezone="Europe/Moscow"))
    message = await site.reaches(await site.submit(to="79011234500"), "delivered")
    smsid, _, number = providers.smsc_id_of(message).partition("/")
    operations = Operations(site, "pager")
    run, ask = operations.run, operations.ask
    assert await run("balance") == {"balance": "10000.56"}
    (campaign,) = (await run("report"))["campaigns"]
    assert (campaign["allCol"], campaign["deliveredCol"]) == (1, 1)
    assert datetime.fromisoformat(campaign["at"]) <= datetime.now(UTC)
    detail = await run("report_detail", smsid=campaign["smsid"])
    assert detail["numbers"]["delivered"] == [number]
    assert detail["campaign"] == campaign
    assert await run("cancel", smsid=smsid) == {"action": "make", "cancelled": 0}
    checked = await run("check", to=["8-901-123-4567", "74957271122"], text="ї" * 71)
    assert (checked["recipients"], checked["parts"]) == (1, 2)
    assert checked["cost"] == "0.76"
    assert pager.stats.taken == 1
    assert await operations.untried() == []
    assert (await ask("cancel"))[0] == 400
    strike(pager, "refuse code=501 on=balance")
    assert (await ask("balance"))[0] == 409


async def test_scheduled_there(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, timezone="Asia/Omsk"))
    id_ = await site.submit(send_at=TOMORROW.isoformat(), validity=7200)
    await site.reaches(id_, "submitted")
    answer = await site.post("/v1/connectors/pager/operations/report")
    there = TOMORROW.astimezone(ZoneInfo("Asia/Omsk"))
    (campaign,) = answer["campaigns"]
    assert campaign["datetime"] == there.strftime("%Y-%m-%d %H:%M:%S")
    assert [each.fields["vp"] for each in pager.messages()] == ["7200"]
    status, message = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert (status, message["state"]) == (200, "cancelled")


async def test_scheduled_here(site: Site, pager: Simulator):
    await site.start(pager=connector(pager))
    await providers.waits_its_time(site, pager)


async def test_a_wrong_password_is_no_mystery(site: Site, pager: Simulator):
    await site.start(pager=connector(pager, password="wrong"))
    await providers.waits(site, "pager", "wrong login or password")
    assert pager.stats.requests.keys() == {"balance"}


async def test_a_certificate_of_no_authority(site: Site, tmp_path: Path):
    folder = tmp_path / "ca"
    folder.mkdir()
    issued = Authority(folder).issue("pager")
    options = replace(OPTIONS, tls_certificate=issued.certificate, tls_key=issued.key)
    async with Simulator(options) as pager:
        pinned = {"verify": False, "pin": [issued.fingerprint]}
        await site.start(pager=connector(pager, tls=pinned), other=connector(pager))
        message = await site.reaches(await site.submit(), "delivered")
        assert message["connector"] == "pager"
        await site.connector("other", "down")
