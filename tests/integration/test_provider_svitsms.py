"""svitsms from end to end: the daemon, and a stand-in that speaks as the document says.

The number's last digits tell what becomes of a message: docs/connectors/svitsms.md.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from integration import providers
from integration.providers import SECRET, TOMORROW, Account, Operations, strike
from integration.site import Site

from esmed.bridge import schedule
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.svitsms import Simulator

pytestmark = pytest.mark.usefixtures("asked_soon")

LOGIN, PASSWORD = "380501234567", "the-password"
OPTIONS = ProviderOptions(login=LOGIN, password=PASSWORD)
ACCOUNT = Account("svit", "svitsms", Simulator, OPTIONS)
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in


@pytest.fixture
async def svitsms() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


ENDS = {
    "380501234500": "delivered",
    "380501234501": "undeliverable",
    "380501234502": "expired",
    "380501234503": "rejected",
    "380501234504": "delivered",
    "380501234505": "rejected",
    "380501234507": "deleted",
    "380501234508": "rejected",
    "380501234509": "undeliverable",
    "380501234510": "rejected",
    "380501234513": "rejected",
}


@pytest.mark.parametrize("how", ["asked", "pushed"])
async def test_every_end(site: Site, svitsms: Simulator, how: str):
    if how == "asked":
        await site.start(svit=connector(svitsms))
    else:
        await ACCOUNT.called_back(site, svitsms)
    await providers.ends(site, ENDS)
    asked = [name for name in svitsms.requests if name.startswith("getc")]
    assert bool(asked) == (how == "asked")
    taken = {each.to: each.text for each in svitsms.messages()}
    assert taken["380501234500"] == "Привіт, 380501234500 €"
    assert len(await site.told(len(ENDS))) == len(ENDS)


async def test_a_queue_of_different_messages_takes_few_requests(
    site: Site, svitsms: Simulator
):
    """The bad ones are found, and cost nobody else."""
    await site.start(svit=connector(svitsms, concurrency=1))
    numbers = [f"3805012{place:05d}" for place in range(20_000, 20_120)]
    for to, id_ in (await site.submit_to(numbers)).items():
        bad = to[-2:] in {"05", "10", "13", "01", "02", "03", "07", "08", "09"}
        if to[-2:] not in {"06", "11", "12"}:
            bad_ends = ("rejected", "undeliverable", "expired", "deleted")
            await site.reaches(id_, *(bad_ends if bad else ("delivered",)))
    taken = svitsms.messages()
    assert {each.text for each in taken} <= {f"for {to}" for to in numbers}
    assert all(each.text == f"for {each.to}" for each in taken)
    assert len({each.to for each in taken}) == len(taken)
    assert svitsms.requests["send"] < 10
    assert svitsms.requests["getcampaigndetail"] > 0


async def test_the_bad_ones_of_a_request_are_found(site: Site):
    """Where the provider refuses the whole of it for the sake of one."""
    async with stand_in(one_for_all="yes") as svitsms:
        await site.start(svit=connector(svitsms))
        numbers = [f"3805012345{end:02d}" for end in (0, 14, 5, 13, 15, 16)]
        for to, id_ in (await site.submit_to(numbers)).items():
            end = "rejected" if to[-2:] in {"05", "13"} else "delivered"
            await site.reaches(id_, end)
        assert svitsms.stats.taken == 4


async def test_each_part_counts(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms))
    id_ = await site.submit(to="380501234512", text="ї" * 100)
    await site.reaches(id_, "undeliverable")
    assert "getmessagestatus" not in svitsms.requests


async def test_every_operation(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms, timezone="Europe/Kyiv"))
    id_ = await site.submit(to="380501234500")
    message = await site.reaches(id_, "delivered")
    campaign, _, to = providers.smsc_id_of(message).partition("/")
    operations = Operations(site, "svit")
    run, ask = operations.run, operations.ask
    assert await run("balance") == {"balance": "123.156"}
    status = await run("status", campaign_id=campaign, to=to)
    assert status["status"] == "DELIVERED"
    info = await run("campaign_info", campaign_id=campaign)
    assert (info["status"], info["messages"]["DELIVERED"]) == ("COMPLETE", 1)
    detail = await run("campaign_detail", campaign_id=campaign)
    assert [row["to"] for row in detail["messages"]] == [to]
    added = await run("add_alfaname", alfaname="Shop-1")
    assert added == {"alfanames": [{"alfaname": "Shop-1", "status": "MODERATE"}]}
    assert await run("check_alfaname", alfaname="Shop-1") == added
    everyone = await run("alfanames")
    assert [each["alfaname"] for each in everyone["alfanames"]][-1] == "Shop-1"
    assert await operations.untried() == []
    assert (await ask("check_alfaname", alfaname="Nobody"))[0] == 409
    assert (await ask("check_alfaname"))[0] == 400


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        ("ERRPHONES", "message", "rejected"),
        ("ERRTEXT", "message", "rejected"),
        ("ERRALFANAME", "account", "failed"),
        ("INSUFFICIENTFUNDS", "account", "failed"),
    ],
)
async def test_refusals(
    site: Site, svitsms: Simulator, code: str, class_: str, state: str
):
    await site.start(svit=connector(svitsms))
    await providers.refuses(site, svitsms, code, class_, state)


async def test_an_account_without_money_leaves_it_to_the_next(
    site: Site, svitsms: Simulator
):
    async with stand_in() as other:
        await site.start(svit=connector(svitsms), other=connector(other))
        strike(svitsms, "refuse code=INSUFFICIENTFUNDS on=send")
        message = await site.reaches(await site.submit(), "delivered")
        assert message["connector"] == "other"


async def test_too_many_requests(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms))
    strike(svitsms, "status code=429 retry_after=1 times=1 on=send")
    await site.reaches(await site.submit(), "delivered")
    assert svitsms.requests["send"] == 2
    assert svitsms.stats.taken == 1


@pytest.mark.parametrize(
    "fault",
    [
        "close processed=true",
        "html code=502 processed=true",
        "truncated",
        "body text=<message><state",
        "garbage",
        "huge size=11000000 processed=true",
        "drip size=20 pause=2s",
    ],
)
async def test_what_may_have_been_taken_is_for_on_unknown(
    site: Site, svitsms: Simulator, fault: str
):
    await site.start(svit=connector(svitsms, response_timeout="500ms", concurrency=1))
    strike(svitsms, f"{fault} times=1 on=send")
    unknown = await site.submit(on_unknown="fail")
    await site.reaches(unknown, "unknown")
    strike(svitsms, f"{fault} times=1 on=send")
    held = await site.submit(on_unknown="hold", text="held")
    await site.is_held(held)
    svitsms.clear_faults()
    await site.post(f"/v1/messages/{held}/resolve", {"as": "resend"})
    await site.reaches(held, "delivered")


async def test_nothing_was_taken_where_nobody_listens(site: Site, svitsms: Simulator):
    """So the backup gets it, once."""
    async with stand_in() as backup:
        key = strike(svitsms, "refuse_connect")
        await site.start(svit=connector(svitsms, backup, on_unknown="fail"))
        await providers.goes_to(site, backup, svitsms)
        assert svitsms.remove_fault(key)


async def test_scheduled_there(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms, timezone="Europe/Kyiv"))
    id_ = await site.submit(send_at=TOMORROW.isoformat(), validity=7200)
    await site.reaches(id_, "submitted")
    (message,) = svitsms.messages()
    there = TOMORROW.astimezone(ZoneInfo("Europe/Kyiv"))
    assert message.fields["start_time"] == there.strftime("%Y-%m-%d %H:%M:%S")
    assert message.fields["lifetime"] == "2"


async def test_scheduled_here(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms))
    await providers.waits_its_time(site, svitsms)


async def test_a_wrong_password_is_no_mystery(site: Site, svitsms: Simulator):
    await site.start(svit=connector(svitsms, password="wrong"))
    await providers.waits(site, "svit", "401")
    assert svitsms.requests.keys() <= {"getbalance", "send"}


async def test_a_push_of_something_else(site: Site, svitsms: Simulator):
    await ACCOUNT.called_back(site, svitsms)
    url = site.callback_url("svit", SECRET)
    for body, status in ((b"", 200), (b"<html><br></html>", 400)):
        async with site.session.post(url, data=body) as answer:
            assert answer.status == status
    wrong = site.callback_url("svit", "wrong")
    async with site.session.post(wrong, data=b"") as answer:
        assert answer.status == 404


async def test_pushes_that_come_twice(site: Site, svitsms: Simulator):
    await ACCOUNT.called_back(site, svitsms)
    await providers.pushes_twice(site, svitsms)


async def test_nothing_private_is_logged_or_shown(
    site: Site, svitsms: Simulator, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    await ACCOUNT.called_back(site, svitsms)
    for fault in ("refuse code=ERRTEXT", "html code=502", "status code=401"):
        key = strike(svitsms, f"{fault} times=1 on=send")
        id_ = await site.submit(text="meet-me-at-the-bridge", on_unknown="fail")
        await site.reaches(id_, "rejected", "unknown", "failed")
        svitsms.remove_fault(key)
    shown = json.dumps(
        [
            await site.get("/v1/connectors/svit"),
            await site.trace(id_),
            await site.get("/v1/connectors/svit/operations"),
            await site.get("/metrics"),
        ]
    )
    logged = "\n".join(f"{it.getMessage()} {it.__dict__}" for it in caplog.records)
    credentials = b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, credentials, SECRET, "meet-me-at-the-bridge"):
        assert secret not in logged
        assert secret not in shown
    assert "380501234500" not in logged


async def test_whatever_goes_wrong_nothing_is_lost_or_sent_twice(
    site: Site, svitsms: Simulator, monkeypatch: pytest.MonkeyPatch
):
    """A provider that fails in every way at random, and one that then takes over."""
    monkeypatch.setattr(schedule, "FIRST_OF_PUSHED", 0.5)
    for place, fault in enumerate(
        (
            "status code=503 retry_after=1",
            "status code=500 processed=true",
            "close",
            "close processed=true",
            "html code=502",
            "truncated",
            "garbage processed=true",
            "refuse code=INSUFFICIENTFUNDS",
        )
    ):
        strike(svitsms, f"{fault} p=0.1 times={5 + place} on=send")
    strike(svitsms, "refuse_connect at=500ms for=300ms")
    strike(svitsms, "push_lost p=0.2")
    async with stand_in() as other:
        site.callbacks = {"listen": ["127.0.0.1:0"]}
        site.max_queued = 10_000
        keys = {"callback_secret": SECRET, "batch": 5}
        await site.start(
            svit=connector(svitsms, **keys), other=connector(other, **keys)
        )
        providers.pushes_to(site, "svit", svitsms)
        providers.pushes_to(site, "other", other)
        numbers = [f"380670{place:04d}00" for place in range(500)]
        ids = await site.submit_to(numbers, on_unknown="fail")
        ended = {
            to: await site.reaches(id_, "delivered", "unknown", "failed")
            for to, id_ in ids.items()
        }
        taken = [each.to for each in (*svitsms.messages(), *other.messages())]
        assert len(set(taken)) == len(taken)
        delivered = {to for to, it in ended.items() if it["state"] == "delivered"}
        assert delivered <= set(taken)
        # What was taken and is not delivered had an answer that nobody could read.
        unknown = {to for to, it in ended.items() if it["state"] == "unknown"}
        assert set(taken) - delivered <= unknown
        assert unknown
        assert len(delivered) > 250
        assert svitsms.requests["send"] < 200
