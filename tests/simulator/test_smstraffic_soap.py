"""The stand-in for SMS Traffic's SOAP, asked as technical description 2.3 does, and by
a client of others (zeep), which holds its answers to the schema."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree
from simulator.peer import until
from zeep import Client

from esmed.simulator.bridge.cli import read_fail
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_soap import Simulator

VECTORS = Path(__file__).parents[1] / "providers" / "vectors" / "smstraffic-soap"
ACCOUNT = {"Login": "example", "Password": "p@ssw0rd!"}
SOAP = {"Content-Type": "application/soap+xml; charset=utf-8"}
NS = {
    "e": "http://www.w3.org/2003/05/soap-envelope",
    "n": "http://soap.smstraffic.ru/soap.wsdl",
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    options = ProviderOptions(
        login="example",
        password="p@ssw0rd!",
        first_id=1000,
        settings={"success": "true"},
    )
    async with Simulator(options) as simulator:
        yield simulator


async def ask(simulator: Simulator, method: str, **arguments: Any) -> Any:
    """Call a method through zeep."""

    def call() -> Any:
        wsdl = str(VECTORS / "soap.wsdl")
        with Client(wsdl) as client:  # type: ignore[no-untyped-call]
            binding = "{http://soap.smstraffic.ru/soap.wsdl}Sms"
            service = client.create_service(binding, simulator.url)
            return service[method](**arguments)

    return await asyncio.to_thread(call)


async def post(
    simulator: Simulator, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(simulator.url, data=body, headers=headers or SOAP) as response,
    ):
        return response.status, etree.fromstring(await response.read())


async def test_the_samples() -> None:
    """With the bracket that they have twice."""
    async with Simulator(ProviderOptions()) as simulator:
        for name, said in (("bulk", 3), ("individual", 3)):
            body = (VECTORS / f"{name}-request.xml").read_bytes()
            code, answer = await post(simulator, body)
            assert code == 200
            assert answer.findtext(".//n:SmsResponse//n:IsSuccess", "", NS) == ">true"
            words = answer.findtext(".//n:Description", "", NS)
            assert words == f"queued {said} messages"
            assert answer.find(".//n:MessageInfo", NS) is None
        texts = [message.text for message in simulator.messages()]
        assert texts == ["hello world"] * 3 + ["individual", "message", "by phone"]


async def test_with_ids(simulator: Simulator) -> None:
    found = await ask(
        simulator,
        "SendBulkSms",
        Options={**ACCOUNT, "WantSmsIds": True, "Originator": "SMS", "Timeout": 600},
        Message="я" * 71,
        Phone=["78003336655", "78002224415"],
    )
    assert found["Status"]["IsSuccess"] is True
    infos = found["MessageInfo"]
    assert [(one["Phone"], one["ProcessResult"], one["SmsId"]) for one in infos] == [
        ("78003336655", "Accepted", 1000),
        ("78003336655", "Accepted", 1001),
        ("78002224415", "Unroutable", None),
    ]
    first = simulator.messages()[0]
    assert (first.from_, first.to, first.parts) == ("SMS", "78003336655", 2)
    assert first.fields["timeout"] == "600"


async def test_states(simulator: Simulator) -> None:
    await ask(
        simulator,
        "SendIndividualSms",
        Options={**ACCOUNT, "WantSmsIds": True},
        Pairs=[
            {"Phone": "78003336655", "Message": "a"},
            {"Phone": "78003336602", "Message": "b"},
        ],
    )
    await until(lambda: all(map(simulator.state, simulator.messages())))
    found = await ask(simulator, "GetSmsStatus", SmsId=[1000, 1001, 5], **ACCOUNT)
    assert [(one["Status"], one["Error"]) for one in found["SmsInfo"]] == [
        ("Delivered", None),
        ("Expired", None),
        (None, "no such message or this message does not belong to you"),
    ]


async def test_balance() -> None:
    options = ProviderOptions(
        settings={"success": "true", "balance": "3", "price": "1.5"}
    )
    async with Simulator(options) as simulator:
        for left in (1.5, 0):
            await ask(
                simulator,
                "SendBulkSms",
                Options=ACCOUNT,
                Message="a",
                Phone=["7800333"],
            )
            found = await ask(simulator, "GetBalance", **ACCOUNT)
            assert found["Amount"] == left
        found = await ask(
            simulator, "SendBulkSms", Options=ACCOUNT, Message="a", Phone=["7800333"]
        )
    assert (found["Status"]["IsSuccess"], found["Status"]["Code"]) == (False, 415)


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("GetBalance", {"Login": "example", "Password": "x"}, 411),
        ("GetBalance", {"Login": "", "Password": "x"}, 401),
        ("GetSmsStatus", {"Login": "a", "Password": "", "SmsId": [1]}, 402),
        ("SendBulkSms", {"Options": ACCOUNT, "Message": "", "Phone": ["78003"]}, 405),
        ("SendBulkSms", {"Options": ACCOUNT, "Message": "a", "Phone": ["78003"]}, 425),
        (
            "SendBulkSms",
            {"Options": ACCOUNT, "Message": "a", "Phone": ["78003336655", "789910"]},
            425,
        ),
        (
            "SendBulkSms",
            {"Options": ACCOUNT, "Message": "a", "Phone": ["78003336610"]},
            432,
        ),
        (
            "SendIndividualSms",
            {"Options": ACCOUNT, "Pairs": [{"Phone": "78003336655", "Message": ""}]},
            423,
        ),
        (
            "SendBulkSms",
            {
                "Options": {**ACCOUNT, "Originator": "MoreThan11Chars"},
                "Message": "a",
                "Phone": ["78003336655"],
            },
            421,
        ),
        (
            "SendBulkSms",
            {
                "Options": {**ACCOUNT, "StartDate": "2020-01-01T00:00:00"},
                "Message": "a",
                "Phone": ["78003336655"],
            },
            417,
        ),
    ],
)
async def test_refusals(
    simulator: Simulator, method: str, arguments: dict[str, Any], code: int
) -> None:
    found = await ask(simulator, method, **arguments)
    assert (found["Status"]["IsSuccess"], found["Status"]["Code"]) == (False, code)
    assert simulator.messages() == []


@pytest.mark.parametrize(
    "payload",
    [
        "<Nonsense/>",
        "<BalanceRequest><Password/><Login/></BalanceRequest>",
        "<BalanceRequest><Login/><Password/><SmsId/></BalanceRequest>",
        "<StatusRequest><Login/><Password/></StatusRequest>",
        "<BulkSms><Message/></BulkSms>",
        "<BulkSms/>",
        (
            "<BulkSms><Options><Login>example</Login><Password>p@ssw0rd!</Password>"
            "<Timeout>1</Timeout><Originator>a</Originator></Options></BulkSms>"
        ),
        (
            "<BulkSms><Options><Login>example</Login><Password>p@ssw0rd!</Password>"
            "<Flash>yes</Flash></Options></BulkSms>"
        ),
        "<BulkSms><Options><Gap>1</Gap></Options></BulkSms>",
    ],
)
async def test_faults(simulator: Simulator, payload: str) -> None:
    body = (
        f'<e:Envelope xmlns:e="{NS["e"]}"><e:Body xmlns="{NS["n"]}">{payload}'
        "</e:Body></e:Envelope>"
    )
    code, answer = await post(simulator, body.encode())
    assert code == 400
    assert answer.findtext(".//e:Fault/e:Code/e:Value", "", NS) == "env:Sender"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<a", SOAP),
        (b"<a/>", SOAP),
        ((VECTORS / "balance-request.xml").read_bytes(), {"Content-Type": "text/xml"}),
    ],
)
async def test_no_envelope(
    simulator: Simulator, body: bytes, headers: dict[str, str]
) -> None:
    code, answer = await post(simulator, body, headers)
    assert code == 400
    assert answer.find(".//e:Fault", NS) is not None


async def test_codes_on_demand() -> None:
    options = ProviderOptions(
        settings={"success": "true"}, faults=(read_fail("1000:every=2"),)
    )
    async with Simulator(options) as simulator:
        codes = [
            (
                await ask(
                    simulator,
                    "SendBulkSms",
                    Options=ACCOUNT,
                    Message="a",
                    Phone=["78003336655"],
                )
            )["Status"]["Code"]
            for _ in range(4)
        ]
    assert sorted(codes) == [0, 0, 1000, 1000]
