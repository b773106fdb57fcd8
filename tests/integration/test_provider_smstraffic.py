"""SMS Traffic over HTTP v2 from end to end: the daemon, and a stand-in that speaks as
the description says.

The number's last digits tell what becomes of a message: see the stand-in's rules.
"""

import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from integration import providers
from integration.providers import SECRET, TOMORROW, Account, Operations, strike
from integration.site import Site

from esmed.bridge import submission
from esmed.log import EventFormatter
from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic import Simulator

pytestmark = pytest.mark.usefixtures("asked_soon")

KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"
ACCOUNT = Account("traffic", "smstraffic", Simulator, ProviderOptions(api_key=KEY))
connector, stand_in = ACCOUNT.connector, ACCOUNT.stand_in


@pytest.fixture
async def traffic() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


@pytest.fixture
async def backup() -> AsyncIterator[Simulator]:
    async with stand_in() as made:
        yield made


ENDS = {
    "79161112200": "delivered",
    "79161112201": "undeliverable",
    "79161112202": "expired",
    "79161112203": "rejected",
    "79161112204": "deleted",
    "79161112205": "unknown",
    "79161112207": "delivered",
    "79161112208": "delivered",
    "79161112210": "rejected",
    "79161112212": "delivered",
    "79161112213": "rejected",
    "79161112214": "delivered",
}


@pytest.mark.parametrize("spelling", ["asked", "sample", "table"])
async def test_every_end(site: Site, spelling: str):
    settings = {} if spelling == "asked" else {"spelling": spelling}
    async with stand_in(**settings) as traffic:
        if spelling == "asked":
            await site.start(traffic=connector(traffic))
        else:
            await ACCOUNT.called_back(site, traffic)
        # Who asks does not see what came before the last.
        unseen = "14" if spelling == "asked" else "none"
        expected = {to: end for to, end in ENDS.items() if to[-2:] != unseen}
        ids = await providers.ends(site, expected, "Привет, {} €😀")
        assert bool(traffic.requests.get("statuses")) == (spelling == "asked")
        taken = {each.to: each for each in traffic.messages()}
        assert taken["79161112200"].text == "Привет, 79161112200 €😀"
        assert taken["79161112200"].reference == ids["79161112200"]
        undelivered = await site.message(ids["79161112201"])
        assert undelivered["error"]["code"] == "3"
        receipt = undelivered["segments"][0]["receipt"]
        assert (receipt["stat"], receipt["err"]) == ("Non Delivered", "3")


async def test_numbers_of_moscow_come_back_as_others(site: Site, traffic: Simulator):
    await ACCOUNT.called_back(site, traffic)
    await site.reaches(await site.submit(to="74951234567"), "delivered")
    assert traffic.messages()[0].to == "79851234567"


# --- answers that are lost


@pytest.mark.parametrize(
    "fault",
    [
        "close processed=true",
        "html code=502 processed=true",
        "truncated",
        "status code=503 processed=true",
        "body text={ type=application/json processed=true",
        "garbage processed=true",
        "delay seconds=5s",
    ],
)
@pytest.mark.parametrize("how", ["asked", "pushed"])
async def test_what_was_taken_is_not_sent_twice(
    site: Site, traffic: Simulator, fault: str, how: str
):
    """The provider refuses it as a duplicate, and knows it by its mark."""
    if how == "asked":
        await site.start(traffic=connector(traffic, response_timeout="1s"))
    else:
        await ACCOUNT.called_back(site, traffic, response_timeout="1s")
    strike(traffic, f"{fault} times=1 on=send")
    id_ = await site.submit(on_unknown="fail")
    message = await site.reaches(id_, "delivered")
    assert providers.smsc_id_of(message) == f"tracking:{id_}"
    assert traffic.requests["send"] == 2
    assert traffic.stats.taken == 1


async def test_what_was_not_taken_is_sent_at_last(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    strike(traffic, "close times=2 on=send")
    message = await site.reaches(await site.submit(on_unknown="fail"), "delivered")
    assert not providers.smsc_id_of(message).startswith("tracking:")
    assert traffic.stats.taken == 1


async def test_sent_again_it_is_still_one(
    site: Site, traffic: Simulator, monkeypatch: pytest.MonkeyPatch
):
    """Whatever `on_unknown` does."""
    monkeypatch.setattr(submission, "RECHECK_AFTER", ())
    await site.start(traffic=connector(traffic))
    strike(traffic, "close processed=true times=1 on=send")
    held = await site.submit(on_unknown="hold")
    await site.is_held(held)
    await site.post(f"/v1/messages/{held}/resolve", {"as": "resend"})
    await site.reaches(held, "delivered")
    strike(traffic, "close processed=true times=1 on=send")
    await site.reaches(await site.submit(text="another"), "delivered")
    assert traffic.stats.taken == 2


# --- refusals


@pytest.mark.parametrize(
    ("code", "class_", "state"),
    [
        (420, "message", "rejected"),
        (103, "protocol", "failed"),
        (415, "account", "failed"),
        (419, "account", "failed"),
    ],
)
async def test_refusals(
    site: Site, traffic: Simulator, code: int, class_: str, state: str
):
    await site.start(traffic=connector(traffic))
    await providers.refuses(site, traffic, code, class_, state)


async def test_trouble_of_the_primary_is_the_backups_chance(
    site: Site, traffic: Simulator, backup: Simulator
):
    await site.start(traffic=connector(traffic, backup, on_unknown="fail"))
    strike(traffic, "refuse code=1000 on=send")
    await providers.goes_to(site, backup, traffic)


async def test_trouble_of_both_passes(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    strike(traffic, "refuse code=1000 on=send times=1")
    await site.reaches(await site.submit(), "delivered")
    assert traffic.stats.taken == 1


async def test_too_many_requests(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    strike(traffic, "status code=429 retry_after=1 times=1 on=send")
    await site.reaches(await site.submit(), "delivered")
    assert traffic.requests["send"] == 2


async def test_nobody_listens(site: Site, traffic: Simulator, backup: Simulator):
    strike(traffic, "refuse_connect")
    await site.start(traffic=connector(traffic, backup, on_unknown="fail"))
    await providers.goes_to(site, backup, traffic)


@pytest.mark.parametrize("api_key", ["1837/wrong", KEY])
async def test_a_key_that_may_not(site: Site, api_key: str):
    """What waits is kept until somebody has mended that."""
    async with stand_in(permissions="statuses") as traffic:
        await site.start(traffic=connector(traffic, api_key=api_key))
        down = await providers.waits(site, "traffic", "/v2/account", "401")
        assert "ptf9" not in json.dumps(down)


# --- pushes


async def test_messages_from_subscribers(site: Site, traffic: Simulator):
    await ACCOUNT.called_back(site, traffic)
    traffic.inject_mo(Mo(from_="79161112233", to="1234", text="Да, €"))
    traffic.inject_mo(Mo(from_="79161112233", to="3299", text="Инфо"))
    events = await site.told(2)
    told = {event["data"]["text"]: event["data"] for event in events}
    assert told["Да, €"]["from"] == told["Инфо"]["from"] == "79161112233"
    assert told["Инфо"]["to"] == "3299"


async def test_the_answers_to_messages_from_subscribers(site: Site, traffic: Simulator):
    """What is answered for a short number goes to the subscriber."""
    await ACCOUNT.called_back(site, traffic)
    query = "?message=INFO&phone=79161112233&sms_id=5&shortcode=3299"
    for kind, answer in (("mo", "OK"), ("short", "")):
        url = site.callback_url("traffic", SECRET, kind)
        for _ in range(2):
            async with site.session.get(f"{url}{query}") as response:
                assert (response.status, await response.text()) == (200, answer)


async def test_one_broken_status_of_many_costs_itself_only(
    site: Site, traffic: Simulator, caplog: pytest.LogCaptureFixture
):
    await ACCOUNT.called_back(site, traffic)
    traffic.callback_url = None
    ids = [await site.submit(to="79161112206", text=f"{n}") for n in range(10)]
    elements: list[object] = []
    for id_ in ids:
        message = await site.reaches(id_, "submitted")
        elements.append(
            {
                "sms_id": providers.smsc_id_of(message),
                "phone_number": "79161112206",
                "status": "Delivered",
                "delivery_date": "2025-12-06 12:31:00",
                "err_code": 0,
            }
        )
    elements[5:5] = [{"status": "Delivered"}, None, {"sms_id": "unknown-to-us"}]
    url = site.callback_url("traffic", SECRET)
    async with site.session.post(url, json=elements) as response:
        assert response.status == 200
    for id_ in ids:
        await site.reaches(id_, "delivered")
    (line,) = [
        EventFormatter("text").format(record)
        for record in caplog.records
        if record.getMessage() == "provider.push_broken"
    ]
    assert "connector=traffic path=status entries=3" in line


async def test_pushes_that_come_twice(site: Site, traffic: Simulator):
    await ACCOUNT.called_back(site, traffic)
    await providers.pushes_twice(site, traffic)


# --- operations


async def test_every_operation(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    id_ = await site.submit(to="79161112201", text="Привет")
    smsc_id = providers.smsc_id_of(await site.reaches(id_, "undeliverable"))
    operations = Operations(site, "traffic")
    run = operations.run
    assert await operations.names() == [
        "account",
        "statuses",
        "checked",
        "send_template",
        "report",
    ]
    assert await run("account") == {"account": "12520.35"}
    for wanted in ({"ids": [smsc_id]}, {"tracking_data": [id_]}):
        (status,) = (await run("statuses", **wanted))["statuses"]
        assert (status["id"], status["tracking_data"]) == (smsc_id, id_)
        assert (status["status"], status["state"]) == ("Non Delivered", "undeliverable")
        assert status["status_extended"]["code"] == 3
    template = await run(
        "send_template",
        text="Hello, [[name]]!",
        destinations=[
            {"to": "79161112233", "params": {"name": "Ivan"}},
            {"to": "79161112210", "text": "Own"},
        ],
    )
    first, second = template["destinations"]
    assert (second["to"], second["error"]["code"]) == ("79161112210", 432)
    assert traffic.messages()[-1].text == "Hello, Ivan!"
    checked = await run("checked", ids=[first["id"], "7"])
    assert checked["updated"] == [first["id"]]
    assert [failed["id"] for failed in checked["failed"]] == ["7"]
    report = await run("report", fields=["id", "message"], channels=["sms"])
    assert report["messages"] == [[smsc_id, "Привет"], [first["id"], "Hello, Ivan!"]]
    file = await run("report", fields=["id", "message"], format="csv")
    rows = base64.b64decode(file["content"]).decode().splitlines()
    assert rows == [f"{smsc_id};Привет", f"{first['id']};Hello, Ivan!"]
    assert await operations.untried() == []
    for name, arguments in (
        ("checked", {}),
        ("report", {"format": "xls"}),
        ("report", {"from": "soon"}),
        ("statuses", {}),
    ):
        assert (await operations.ask(name, **arguments))[0] == 400


async def test_an_operation_that_the_key_may_not(site: Site):
    async with stand_in(permissions="account,send") as traffic:
        await site.start(traffic=connector(traffic))
        await site.connector("traffic", "up")
        status, problem = await Operations(site, "traffic").ask("report")
        assert (status, "403" in problem["detail"]) == (409, True)


async def test_a_report_takes_longer_than_other_answers(site: Site):
    async with stand_in(report_after="1.5", report_json="sample") as traffic:
        await site.start(traffic=connector(traffic, response_timeout="300ms"))
        await site.reaches(await site.submit(), "delivered")
        report = await Operations(site, "traffic").run("report", fields=["originator"])
        assert report["messages"] == [["Shop"]]
        assert traffic.requests["report_download"] == 1


async def test_a_report_that_is_not_ready_is_asked_for_again(site: Site):
    async with stand_in(report_after="1.2", poll="0.1") as traffic:
        await site.start(traffic=connector(traffic))
        await site.connector("traffic", "up")
        report = await Operations(site, "traffic").run("report")
        assert (report["count"], report["messages"]) == (0, [])
        assert traffic.requests["report_download"] > 1


@pytest.mark.parametrize("fault", ["close", "status code=404"])
async def test_a_report_is_made_anew_where_its_node_is_lost(
    site: Site, traffic: Simulator, backup: Simulator, fault: str
):
    strike(traffic, f"{fault} on=report_download")
    await site.start(traffic=connector(traffic, backup))
    await site.connector("traffic", "up")
    report = await Operations(site, "traffic").run("report")
    assert report["messages"] == []
    assert (traffic.requests["report"], backup.requests["report"]) == (1, 1)
    assert backup.requests["report_download"] == 1


# --- settings


@pytest.mark.parametrize("field", ["startDateTime", "startTime"])
async def test_scheduled_there(site: Site, field: str):
    async with stand_in(start_field=field) as traffic:
        await site.start(traffic=connector(traffic, schedule_field=field))
        id_ = await site.submit(send_at=TOMORROW.isoformat(), validity=7200)
        await site.reaches(id_, "submitted")
        (message,) = traffic.messages()
        assert datetime.fromisoformat(message.fields[field]) == TOMORROW
        assert message.fields["localtime"] == "False"
        assert message.fields["timeout"] == "7200"


async def test_scheduled_here(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    await providers.waits_its_time(site, traffic)


async def test_what_it_cannot_carry_is_refused_at_once(site: Site, traffic: Simulator):
    await site.start(traffic=connector(traffic))
    body = {"to": "79161112233", "text": "x", "flash": True}
    status, problem = await site.ask("POST", "/v1/messages", body)
    assert status == 400
    assert [error["field"] for error in problem["errors"]] == ["flash"]
    assert "send" not in traffic.requests
