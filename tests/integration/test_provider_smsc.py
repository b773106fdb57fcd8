"""smsc from end to end: the daemon, and a stand-in that speaks as the document and the
platform's pages say.

The number's last digits tell what becomes of a message: docs/connectors/smsc.md.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from fakes.wait import eventually
from integration import providers
from integration.providers import SECRET, TOMORROW, Account, Operations, strike
from integration.site import Site

from esmed.bridge import submission
from esmed.log import EventFormatter
from esmed.providers.smsc import Smsc, sending
from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smsc import Simulator

WORD = "слово"
SETTINGS = {"word": WORD, "guards": "no"}
OPTIONS = ProviderOptions(login="alex", password="the-password", settings=SETTINGS)
ACCOUNT = Account("smsc", "smsc", Simulator, OPTIONS)
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in

ENDS = {
    "380501234500": "delivered",
    "380501234501": "undeliverable",
    "380501234502": "expired",
    "380501234503": "rejected",
    "380501234504": "delivered",
    "380501234505": "rejected",
    "380501234507": "undeliverable",
    "380501234508": "rejected",
    "380501234509": "delivered",
    "380501234510": "rejected",
    "380501234512": "delivered",
    "380501234513": "rejected",
    "380501234514": "rejected",
    "380501234515": "delivered",
}


@pytest.fixture(autouse=True)
def _asked_often(asked_soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    often = msgspec.structs.replace(Smsc.traits, asks_every=0.05)
    monkeypatch.setattr(Smsc, "traits", often)


@pytest.fixture
async def smsc() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


async def called_back(
    site: Site, smsc: Simulator, query: str = "charset=utf-8&fmt=3&sha1", **keys: Any
) -> None:
    """Start with a connector that smsc calls back, with whatever at one URL."""
    await ACCOUNT.called_back(site, smsc, callback_word=WORD, **keys)
    smsc.callback_url = smsc.mo_url = f"{smsc.callback_url}?{query}"


# --- sending -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["asked", "pushed", "pushed as a form", "rest"])
async def test_every_end(site: Site, smsc: Simulator, how: str):
    match how:
        case "asked":
            await site.start(smsc=connector(smsc))
        case "rest":
            await site.start(smsc=connector(smsc, api="rest"))
        case "pushed":
            await called_back(site, smsc)
        case _:
            await called_back(site, smsc, query="md5")
    ids = await providers.ends(site, ENDS)
    assert ("status" in smsc.requests) == (how in {"asked", "rest"})
    taken = {each.to: each.text for each in smsc.messages()}
    assert taken["380501234500"] == "Привіт, 380501234500 €"
    message = await site.message(ids["380501234501"])
    (segment,) = message["segments"]
    assert segment["receipt"]["err"] == "1"
    assert len(await site.told(len(ENDS))) == len(ENDS)


async def test_a_queue_of_different_messages_takes_few_requests(
    site: Site, smsc: Simulator
):
    await site.start(smsc=connector(smsc, concurrency=1))
    numbers = [f"3805012{place:05d}" for place in range(20_000, 20_120)]
    for to, id_ in (await site.submit_to(numbers, "for\n{}")).items():
        if to[-2:] not in {"06", "11"}:
            await site.reaches(id_, ENDS.get(f"3805012345{to[-2:]}", "delivered"))
    taken = smsc.messages()
    assert all(each.text == f"for\n{each.to}" for each in taken)
    assert len({each.to for each in taken}) == len(taken)
    assert smsc.requests["send"] < 10


@pytest.mark.parametrize("code", ["6", "7", "8"])
async def test_the_bad_one_of_a_list_is_found(site: Site, code: str):
    """Where smsc refuses the whole of it for the sake of one."""
    async with stand_in(list_errors="request") as smsc:
        bad = {"6": "13", "7": "05", "8": "10"}[code]
        await site.start(smsc=connector(smsc))
        numbers = [f"3805012345{end}" for end in ("00", "20", bad, "21", "22")]
        for to, id_ in (await site.submit_to(numbers)).items():
            end = "rejected" if to[-2:] == bad else "delivered"
            message = await site.reaches(id_, end)
            if message["state"] == "rejected":
                assert message["error"]["class"] == "message"
                assert message["error"]["code"] == int(code)
        assert smsc.stats.taken == 4


async def test_two_to_one_number_are_told_apart(site: Site, smsc: Simulator):
    await called_back(site, smsc, concurrency=1)
    messages = [{"to": "380501234500", "text": f"number {n}"} for n in range(6)]
    ids = await site.submit_all(messages)
    ended = [await site.reaches(id_, "delivered") for id_ in ids]
    assert len({providers.smsc_id_of(message) for message in ended}) == 6


async def test_flash_binary_and_sender(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc, translit=1, default_from="ivan"))
    await site.reaches(await site.submit(flash=True), "delivered")
    binary = {"text": None, "from": None, "data": "56048656C6C6F2C2", "udh": "0500"}
    assert (await site.ask("POST", "/v1/messages", {"to": "3805", **binary}))[0] == 400
    binary["udh"] = "050A03070560"
    answer = await site.post("/v1/messages", {"to": "380501234500", **binary})
    await site.reaches(answer["id"], "delivered")
    text, octets = smsc.messages()
    assert text.fields.items() >= {"flash": "1", "translit": "1", "type": "0"}.items()
    assert octets.data == "050A0307056056048656C6C6F2C2"
    assert octets.from_ == "ivan"
    assert octets.fields["type"] == "2"


async def test_scheduled_there_and_taken_back(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc))
    id_ = await site.submit(send_at=TOMORROW.isoformat(), validity=7200)
    await site.reaches(id_, "submitted")
    (message,) = smsc.messages()
    assert message.fields["time"] == f"0{int(TOMORROW.timestamp())}"
    assert message.fields["valid"] == "02:00"
    status, _ = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 200
    await site.reaches(id_, "cancelled", "deleted")
    assert smsc.requests["delete"] == 1
    gone = await site.submit(to="380501234506")
    await site.reaches(gone, "submitted")


async def test_what_is_gone_is_not_taken_back(site: Site, smsc: Simulator):
    await called_back(site, smsc)
    id_ = await site.submit(to="380501234511")  # 0, then a status nobody knows
    await site.reaches(id_, "submitted")
    status, _ = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert status == 409


# --- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        (1, "protocol", "failed"),
        (3, "account", "failed"),
        (5, "protocol", "failed"),
        (6, "message", "rejected"),
        (7, "message", "rejected"),
        (8, "message", "rejected"),
        (77, "protocol", "failed"),
    ],
)
async def test_refusals(
    site: Site, smsc: Simulator, code: int, class_: str, state: str
):
    await site.start(smsc=connector(smsc))
    await providers.refuses(site, smsc, code, class_, state)


async def test_an_account_without_money_leaves_it_to_the_next(
    site: Site, smsc: Simulator
):
    async with stand_in() as other:
        await site.start(smsc=connector(smsc), other=connector(other))
        strike(smsc, "refuse code=3 on=send")
        message = await site.reaches(await site.submit(), "delivered")
        assert message["connector"] == "other"


@pytest.mark.parametrize("code", [2, 3, 4])
async def test_after_an_error_that_bans_nothing_more_is_sent(
    site: Site, smsc: Simulator, code: int
):
    await site.start(smsc=connector(smsc, on_unknown="fail"))
    await site.connector("smsc", "up")
    strike(smsc, f"refuse code={code} on=send")
    first = await site.submit()
    down = await site.connector("smsc", "down")
    assert "pause" in down["reason"]
    second = await site.submit()
    assert (await site.message(second))["state"] == "queued"
    assert smsc.requests["send"] == 1
    if code != 4:
        await site.reaches(first, "failed")


async def test_too_many_at_once(
    site: Site, smsc: Simulator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sending, "CROWD_PAUSE", 0.2)
    await site.start(smsc=connector(smsc))
    body = '{\\"error\\": \\"too many concurrent requests\\", \\"error_code\\": 9}'
    strike(smsc, f'body text="{body}" times=1 on=send')
    await site.reaches(await site.submit(), "delivered")
    assert smsc.requests["send"] == 2
    assert smsc.stats.taken == 1


async def test_a_wrong_password_is_no_mystery(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc, password="wrong"))
    await providers.waits(site, "smsc", "wrong login")
    assert smsc.requests.keys() == {"balance"}


# --- no answer -----------------------------------------------------------------------

FAULTS = [
    "close processed=true",
    "html code=502 processed=true",
    "body processed=true",
    "garbage processed=true",
    "truncated",
    "huge size=11000000 processed=true",
    "drip size=20 pause=2s",
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_was_taken_is_found_out(site: Site, smsc: Simulator, fault: str):
    """By its own id, and that of a list by the list's."""
    keys: dict[str, Any] = {"response_timeout": "500ms", "concurrency": 1}
    await called_back(site, smsc, on_unknown="fail", **keys)
    strike(smsc, f"{fault} times=1 on=send")
    await site.reaches(await site.submit(), "delivered")
    strike(smsc, f"{fault} times=1 on=send")
    ids = await site.submit_to(f"3805012345{end}" for end in range(20, 30))
    for id_ in ids.values():
        await site.reaches(id_, "delivered")
    assert smsc.stats.duplicates == 0
    assert smsc.stats.taken == 11


async def test_what_is_not_found_is_for_on_unknown(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc))
    strike(smsc, "close times=1 on=send")
    await site.reaches(await site.submit(on_unknown="fail"), "unknown")
    strike(smsc, "close times=1 on=send")
    resent = await site.submit(on_unknown="resend", text="again")
    await site.reaches(resent, "delivered")
    assert smsc.stats.taken == 1


async def test_error_9_after_an_attempt_without_an_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """smsc takes a message and does not know it at once: what comes next is refused as
    the same again, which tells that it was taken."""
    monkeypatch.setattr(submission, "RECHECK_AFTER", (0.5, 0.7))
    async with stand_in(guards="yes", lag="1.5") as smsc:
        await called_back(site, smsc)
        strike(smsc, "close processed=true times=1 on=send")
        await site.reaches(await site.submit(on_unknown="resend"), "delivered")
        assert smsc.stats.taken == 1


async def test_before_another_attempt_it_is_asked_once_more(site: Site):
    async with stand_in(lag="2") as smsc:
        await site.start(smsc=connector(smsc))
        strike(smsc, "close processed=true times=1 on=send")
        held = await site.submit(on_unknown="hold")
        await site.is_held(held)
        (taken,) = smsc.messages()
        await eventually(lambda: time.time() - taken.at > 2)
        await site.post(f"/v1/messages/{held}/resolve", {"as": "resend"})
        await site.reaches(held, "delivered")
        assert (smsc.stats.taken, smsc.requests["send"]) == (1, 1)


async def test_nothing_was_taken_where_nobody_listens(site: Site, smsc: Simulator):
    """So the backup gets it, once."""
    async with stand_in() as backup:
        strike(smsc, "refuse_connect")
        await site.start(smsc=connector(smsc, backup, on_unknown="fail"))
        await providers.goes_to(site, backup, smsc)


# --- what comes in -------------------------------------------------------------------


@pytest.mark.parametrize("query", ["md5", "charset=utf-8&fmt=3&sha1", "fmt=2&md5"])
async def test_replies_are_pushed(site: Site, smsc: Simulator, query: str):
    await called_back(site, smsc, query=query)
    smsc.inject_mo(Mo(from_="380501234567", to="1234", text="Так, «гаразд»"))
    (event,) = await site.told(1)
    assert event["type"] == "inbound.received"
    data = event["data"]
    assert (data["from"], data["to"]) == ("380501234567", "1234")
    assert data["text"] == "Так, «гаразд»"


async def test_replies_are_asked_for(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc, pull_every="50ms"))
    smsc.inject_mo(Mo(from_="380501234567", to="1234", text="Так"))
    (event,) = await site.told(1)
    assert event["data"]["text"] == "Так"
    before = smsc.requests["incoming"]
    await eventually(lambda: smsc.requests["incoming"] > before + 1)
    assert len(site.types()) == 1


async def test_what_is_not_signed_changes_nothing(
    site: Site, smsc: Simulator, caplog: pytest.LogCaptureFixture
):
    await called_back(site, smsc)
    id_ = await site.submit(to="380501234506")
    await site.reaches(id_, "submitted")
    (message,) = smsc.messages()
    forged = {"id": message.id, "phone": message.to, "status": "1", "md5": "0" * 32}
    url = site.callback_url("smsc", SECRET)
    async with site.session.post(url, data=forged) as answer:
        assert answer.status == 403
    (record,) = (
        each for each in caplog.records if each.getMessage() == "provider.push_refused"
    )
    assert "path=status status=403" in EventFormatter("text").format(record)
    assert (await site.message(id_))["state"] == "submitted"
    wrong = site.callback_url("smsc", "wrong")
    async with site.session.post(wrong, data=forged) as answer:
        assert answer.status == 404


async def test_pushes_that_come_twice(site: Site, smsc: Simulator):
    await called_back(site, smsc)
    await providers.pushes_twice(site, smsc)
    smsc.inject_mo(Mo(text="only once"))
    events = await site.told(6)
    assert [each["type"] for each in events].count("inbound.received") == 1


# --- operations ----------------------------------------------------------------------


async def test_every_operation(site: Site, smsc: Simulator):
    await site.start(smsc=connector(smsc))
    id_ = await site.submit(to="380501234500")
    message = await site.reaches(id_, "delivered")
    own, _, to = providers.smsc_id_of(message).partition("/")
    operations = Operations(site, "smsc")
    run, ask = operations.run, operations.ask
    assert await run("balance") == {"balance": "100.50", "currency": "UAH"}
    assert (await run("cost", phones=to, mes="Hi"))["messages"] == 1
    status = await run("status", id=own, phone=to, all=1)
    assert (status["status"], status["message"]) == (1, "hello")
    sent = await run("send", phones=to, mes="Hi", viber=True, time="+60", id="mine")
    assert sent["id"] == "mine"
    assert await run("delete", id="mine", phone=to) == {"deleted": True}
    assert (await run("hlr", phones=to))["phones"][0]["status"] == -1
    assert (await run("ping", phones=to))["phones"][0]["phone"] == to
    smsc.inject_mo(Mo(text="Так"))
    (mo,) = (await run("incoming", hour=1))["messages"]
    assert mo["message"] == "Так"
    history = (await run("history", start="01.01.2026"))["messages"]
    assert {each["id"] for each in history} >= {own, "mine"}
    assert await operations.untried() == []
    rows: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 400),
        ({"phones": to}, 400),
        ({"phones": to, "mes": "Hi", "translit": 9}, 400),
        ({"phones": "380501234505", "mes": "Hi"}, 409),
    )
    for arguments, expected in rows:
        assert (await ask("send", **arguments))[0] == expected, arguments
