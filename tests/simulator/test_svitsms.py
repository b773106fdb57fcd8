"""The stand-in for svitsms, asked with the samples of the provider's document."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Step
from esmed.simulator.providers.svitsms import Simulator

VECTORS = Path(__file__).parents[1] / "providers" / "vectors" / "svitsms"
SEND = (
    '<request><operation>SENDSMS</operation><message start_time="AUTO" '
    'end_time="AUTO" lifetime="4" rate="120" desc="" source="SMS">'
    "<body>{text}</body><recipient>{to}</recipient></message></request>"
)
Ask = Callable[..., Awaitable[ET.Element]]


def document(name: str) -> str:
    return (VECTORS / name).read_text(encoding="utf-8")


def with_attribute(name: str, value: str) -> str:
    root = ET.fromstring(document("send-one.xml"))  # noqa: S314 - ours
    message = root.find("message")
    assert message is not None
    message.set(name, value)
    return ET.tostring(root, encoding="unicode")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    options = ProviderOptions(login="me", password="secret", first_id=4124)
    async with Simulator(options) as made:
        yield made


@pytest.fixture
def ask(session: aiohttp.ClientSession, provider: Simulator) -> Ask:
    headers = {"Authorization": f"Basic {b64encode(b'me:secret').decode()}"}

    async def ask(body: str, asked: Simulator = provider) -> ET.Element:
        data = body.encode()
        async with session.post(asked.url, data=data, headers=headers) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/xml"
            return ET.fromstring(await answer.read())  # noqa: S314 - ours

    return ask


def code(answer: ET.Element) -> str:
    state = answer.find("state")
    assert state is not None
    assert answer.tag == "message"
    return state.get("code", "")


def taken(answer: ET.Element) -> list[str]:
    return [to.get("status", "") for to in answer.findall("to")]


@pytest.mark.parametrize(
    ("name", "count"),
    [("send-one.xml", 1), ("send-group.xml", 3), ("send-individual.xml", 5)],
)
async def test_sending(ask: Ask, provider: Simulator, name: str, count: int):
    answer = await ask(document(name))
    assert (code(answer), taken(answer)) == ("ACCEPT", ["ACCEPTED"] * count)
    assert [each.id for each in provider.messages()] == ["4124"] * count
    if count == 5:
        assert all(
            each.text == f"message text for {each.to}" for each in provider.messages()
        )


async def test_credentials(session: aiohttp.ClientSession, provider: Simulator):
    for headers in ({}, {"Authorization": "Basic bWU6d3Jvbmc="}):
        async with session.post(
            provider.url, data=document("ask-balance.xml"), headers=headers
        ) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("start_time", "tomorrow", "ERRSTARTTIME"),
        ("start_time", "2012-01-24 12:48:32", "ERRSTARTTIME"),
        ("end_time", "", "ERRENDTIME"),
        ("end_time", "2012-01-24 12:48:32", "ERRENDTIME"),
        ("lifetime", "0", "ERRLIFETIME"),
        ("lifetime", "25", "ERRLIFETIME"),
        ("lifetime", "1.5", "ERRLIFETIME"),
        ("rate", "0", "ERRSPEED"),
        ("rate", "121", "ERRSPEED"),
        ("source", "", "ERRALFANAME"),
        ("source", "SMSka", "ERRALFANAME"),
        ("source", "much too long", "ERRALFANAME"),
        ("type", "individual", "ACCEPT"),
    ],
)
async def test_attributes(ask: Ask, name: str, value: str, wanted: str):
    assert code(await ask(with_attribute(name, value))) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("<request>", "XMLERROR"),
        ("<request><operation>DANCE</operation></request>", "XMLERROR"),
        (SEND.format(text="", to="380501234500"), "ERRTEXT"),
        (SEND.format(text="x", to="12"), "ERRPHONES"),
        (SEND.format(text="x", to="38 050 1234567"), "ERRPHONES"),
        (SEND.format(text="x", to="380501234505"), "ERRPHONES"),
        (SEND.format(text="x", to="380501234513"), "ERRTEXT"),
        (SEND.format(text="x", to="+380501234500"), "ACCEPT"),
        (SEND.replace("<body>{text}</body>", "").format(to="380501234500"), "ERRTEXT"),
        (
            SEND.replace("<recipient>{to}</recipient>", "").format(text="x"),
            "ERRPHONES",
        ),
        (document("ask-status.xml"), "XMLERROR"),
        (document("ask-info.xml"), "XMLERROR"),
    ],
)
async def test_refusals(ask: Ask, body: str, wanted: str):
    assert code(await ask(body)) == wanted


async def test_one_recipient_is_refused(ask: Ask):
    body = document("send-group.xml").replace("380991234567", "380991234510")
    answer = await ask(body)
    assert (code(answer), taken(answer)) == (
        "ACCEPT",
        ["ACCEPTED", "ERROR", "ACCEPTED"],
    )


async def test_money(ask: Ask):
    options = ProviderOptions(settings={"balance": "1.5", "price": "0.5"})
    async with Simulator(options) as poor:
        # Only checked for one recipient: of a group one is left without.
        group = document("send-group.xml").replace("380671234567", "380671234500")
        await ask(group, poor)
        await ask(group, poor)
        states = [poor.state(each) for each in poor.messages()]
        assert states == [Step("DELIVERED")] * 3 + [Step("STOPED")] * 3
        balance = await ask(document("ask-balance.xml"), poor)
        assert balance.findtext("balance") == "0.0"
        one = await ask(SEND.format(text="x", to="380501234500"), poor)
        assert code(one) == "INSUFFICIENTFUNDS"


async def test_a_state_has_one_date(ask: Ask, provider: Simulator):
    await ask(SEND.format(text="x", to="380501234500"))
    (message,) = provider.messages()
    message.starts = 1_000_000_000.0
    about = document("ask-status.xml").replace("1234'", "4124'", 1)
    state = (await ask(about.replace("380501234567", message.to))).find("state")
    detail = await ask(document("ask-detail.xml").replace("3917349", "4124"))
    assert state is not None
    dates = {state.get("date"), detail[0][0].get("modifyDateTime")}
    (date,) = dates
    assert date is not None
    assert date.startswith("2001-09-09")


async def test_statuses(ask: Ask):
    await ask(SEND.format(text="ї" * 71, to="380501234512"))
    about = document("ask-status.xml").replace("1234'", "4124'", 1)
    state = (await ask(about.replace("380501234567", "380501234512"))).find("state")
    assert state is not None
    assert (state.get("recipient"), state.get("status")) == (
        "380501234512",
        "DELIVERED",
    )
    detail = await ask(document("ask-detail.xml").replace("3917349", "4124"))
    assert [
        (row.get("phone"), row.get("part"), row.get("parts"), row.get("status"))
        for row in detail.iter("message")
    ] == [
        ("380501234512", "1", "2", "DELIVERED"),
        ("380501234512", "2", "2", "UNDELIV"),
    ]
    info = await ask(document("ask-info.xml").replace("3917349", "4124"))
    counts = {each.get("status"): each.get("messages") for each in info.iter("state")}
    assert (counts["DELIVERED"], counts["UNDELIV"], counts["NEW"]) == ("1", "1", "0")
    campaign = info.find("campaign")
    assert campaign is not None
    assert campaign.get("status") == "COMPLETE"


async def test_alfanames(ask: Ask):
    async def states(name: str) -> list[tuple[str | None, str | None]]:
        answer = await ask(document(name))
        return [
            (each.get("alfaname"), each.get("status"))
            for each in answer.findall("state")
        ]

    assert await states("ask-alfanames.xml") == [
        ("Test", "ACTIVE"),
        ("SMS", "ACTIVE"),
        ("SMSka", "MODERATE"),
    ]
    assert await states("ask-check-alfaname.xml") == [("SMS", "ACTIVE")]
    added = document("ask-add-alfaname.xml").replace('"SMS"', '"Shop"')
    answer = await ask(added)
    assert [each.attrib for each in answer.findall("state")] == [
        {"alfaname": "Shop", "status": "MODERATE"}
    ]
    unknown = document("ask-check-alfaname.xml").replace('"SMS"', '"Nobody"')
    assert code(await ask(unknown)) == "ALFANAMEERROR"
