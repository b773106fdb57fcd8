"""The stand-in for SMS-Pager.COM, asked as the provider's manual does."""

from collections.abc import AsyncIterator
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import aiohttp
import pytest

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smspager import Simulator

TEXT = "Добрый день, приглашаем Вас в наш салон"
DISCOUNT = f" {TEXT}. Скидка по Вашей дисконтной карте – 5%"
FIRST_TASK = f"""<?xml version='1.0' encoding='UTF-8'?>

<data>

<login>test</login>

<password>123456</password>

<action>send</action>

<text>{TEXT}</text>
<source>Magazin</source>
<to number='+79019011234'></to>
<to number='7-902-902-12 34'></to>

<to number='89039031234'></to>

</data>
"""
SECOND_TASK = FIRST_TASK.replace(
    "<to number='+79019011234'></to>\n<to number='7-902-902-12 34'></to>",
    "<datetime>2010-05-01 12:00:00</datetime>\n<to number='+79019011234'></to>\n"
    f"<to number='7-902-902-12 34'>{DISCOUNT}</to>",
)
THIRD_TASK = FIRST_TASK.replace("<action>", "<smsid>abcde123</smsid>\n<action>")
THREE = ("79019011234", "79029021234", "79039031234")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    options = ProviderOptions(login="test", password="123456", first_id=1000)
    async with Simulator(options) as simulator:
        yield simulator


async def post(simulator: Simulator, path: str, body: str | bytes) -> bytes:
    octets = body.encode() if isinstance(body, str) else body
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulator.url}/{path}.xml", data=octets) as response,
    ):
        assert response.status == 200
        return await response.read()


def request(*numbers: str, **values: str) -> str:
    root = Element("data")
    for name, value in {"login": "test", "password": "123456", **values}.items():
        SubElement(root, name).text = value
    for number in numbers:
        SubElement(root, "to", number=number)
    return tostring(root, encoding="unicode")


async def ask(
    simulator: Simulator, path: str, /, *numbers: str, **values: str
) -> Element:
    return fromstring(await post(simulator, path, request(*numbers, **values)))  # noqa: S314


async def send(simulator: Simulator, *numbers: str, **values: str) -> Element:
    return await ask(simulator, "send", *numbers, **{"text": "Hello", **values})


def told(root: Element, *names: str) -> list[str]:
    return [(root.findtext(name) or "").strip() for name in names]


async def groups(simulator: Simulator, smsid: str) -> dict[str, list[str]]:
    root = await ask(simulator, "report", smsid=smsid)
    return {
        group.tag: [number.text or "" for number in group]
        for group in root.iterfind("detail/*")
        if len(group)
    }


class TestSend:
    async def test_the_first_task(self, simulator: Simulator) -> None:
        root = fromstring(await post(simulator, "send", FIRST_TASK))  # noqa: S314
        assert [one.tag for one in root] == [
            *("code", "descr", "smsid", "datetime", "action", "allRecivers"),
            *("colSendAbonent", "colNonSendAbonent", "priceOfSending"),
            *("colsmsOfSending", "price"),
        ]
        assert told(root, "code", "action", "allRecivers") == ["1", "send", "3"]
        assert told(root, "colSendAbonent", "colNonSendAbonent") == ["3", "0"]
        assert told(root, "priceOfSending", "colsmsOfSending") == ["1.14", "3"]
        assert tuple(message.to for message in simulator.messages()) == THREE
        assert {message.text for message in simulator.messages()} == {TEXT}

    async def test_the_second_task(self, simulator: Simulator) -> None:
        root = fromstring(await post(simulator, "send", SECOND_TASK))  # noqa: S314
        assert told(root, "code", "datetime") == ["1", "2010-05-01 12:00:00"]
        texts = [message.text for message in simulator.messages()]
        assert texts == [TEXT, DISCOUNT, TEXT]

    async def test_the_third_task(self, simulator: Simulator) -> None:
        for _ in range(2):
            root = fromstring(await post(simulator, "send", THIRD_TASK))  # noqa: S314
            assert told(root, "code", "smsid") == ["1", "abcde123"]
        found = await groups(simulator, "abcde123")
        assert found == {"delivered": [*THREE, *THREE]}

    @pytest.mark.parametrize(
        "number", ["79011234567", "+7(901) 123-45 67", "8-901-123-4567", "9011234567"]
    )
    async def test_numbers_in_any_notation(
        self, simulator: Simulator, number: str
    ) -> None:
        await send(simulator, number)
        assert [message.to for message in simulator.messages()] == ["79011234567"]

    async def test_what_is_no_mobile_phone_does_not_count(
        self, simulator: Simulator
    ) -> None:
        root = await send(simulator, "74957271122", "79011234567", "380501234567")
        assert told(root, "code", "allRecivers", "colSendAbonent") == ["1", "2", "2"]

    async def test_check_sends_nothing(self, simulator: Simulator) -> None:
        root = await send(simulator, "79011234567", action="check", text="ж" * 71)
        assert told(root, "action", "colsmsOfSending", "priceOfSending") == [
            *("check", "2", "0.76"),
        ]
        assert not simulator.messages()
        assert simulator.stats.requests == {"check": 1}

    async def test_later(self, simulator: Simulator) -> None:
        await send(
            simulator, "79011234567", smsid="later", datetime="2999-05-01 12:00:00"
        )
        assert await groups(simulator, "later") == {"waiting": ["79011234567"]}

    async def test_without_money(self) -> None:
        settings = {"balance": "0.50", "price": "0.38"}
        async with Simulator(ProviderOptions(settings=settings)) as simulator:
            root = await send(simulator, "79011234567", "79021234567")
            assert told(root, "code", "colSendAbonent", "colNonSendAbonent") == [
                *("1", "1", "1"),
            ]
            root = await ask(simulator, "balance")
            assert root.findtext("account") == "0.12"

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"text": ""}, "500"),
            ({"action": "print"}, "500"),
            ({"vp": "soon"}, "500"),
            ({"login": ""}, "500"),
            ({"password": "no"}, "501"),
            ({"smsid": "x" * 22}, "502"),
            ({"datetime": "01.05.2010 12:00"}, "503"),
            ({"source": "Other"}, "504"),
        ],
    )
    async def test_codes(self, values: dict[str, str], code: str) -> None:
        options = ProviderOptions(
            login="test", password="123456", settings={"any_sender": "no"}
        )
        async with Simulator(options) as simulator:
            assert (await send(simulator, "79011234567")).findtext("code") == "1"
            root = await send(simulator, "79011234567", **values)
            assert told(root, "code") == [code]
            assert root.findtext("descr")
            assert simulator.stats.taken == 1

    async def test_without_a_number(self, simulator: Simulator) -> None:
        assert (await send(simulator)).findtext("code") == "500"

    @pytest.mark.parametrize("body", [b"", b"<data>", b"a=1", b"\xff"])
    async def test_what_is_no_xml(self, simulator: Simulator, body: bytes) -> None:
        answer = await post(simulator, "balance", body)
        assert fromstring(answer).findtext("code") == "700"  # noqa: S314

    @pytest.mark.parametrize(("suffix", "code"), [("07", "500"), ("08", "7012")])
    async def test_a_code_by_the_number(
        self, simulator: Simulator, suffix: str, code: str
    ) -> None:
        root = await send(simulator, "79011234567", f"790112345{suffix}")
        assert root.findtext("code") == code
        assert not simulator.messages()


class TestReport:
    @pytest.mark.parametrize(
        ("suffix", "group"),
        [
            *(("00", "delivered"), ("01", "notDelivered"), ("02", "cancel")),
            *(("03", "onModer"), ("09", "waiting")),
        ],
    )
    async def test_groups(self, simulator: Simulator, suffix: str, group: str) -> None:
        number = f"790112345{suffix}"
        await send(simulator, number, smsid="one")
        assert await groups(simulator, "one") == {group: [number]}

    @pytest.mark.parametrize("suffix", ["05", "06", "11"])
    async def test_in_none(self, simulator: Simulator, suffix: str) -> None:
        await send(simulator, f"790112345{suffix}", smsid="one")
        assert await groups(simulator, "one") == {}

    async def test_the_usual_way(self) -> None:
        async with Simulator(ProviderOptions(deliver_after=0.3)) as simulator:
            await send(simulator, "79011234567", smsid="one")
            seen: list[str] = list(await groups(simulator, "one"))
            assert seen == ["waiting"]
            while seen[-1] != "delivered":
                seen += await groups(simulator, "one")
            assert list(dict.fromkeys(seen)) == ["waiting", "enqueued", "delivered"]

    async def test_of_the_system(self, simulator: Simulator) -> None:
        await post(simulator, "send", THIRD_TASK)
        root = await ask(simulator, "report")
        assert [one.tag for one in root] == ["code", "descr", "sms"]
        (entry,) = root.iterfind("sms")
        assert [one.tag for one in entry] == [
            *("smsid", "datetime", "text", "source", "allCol", "deliveredCol"),
            *("notDeliveredCol", "waitingCol", "enqueuedCol", "payment"),
        ]
        assert told(entry, "allCol", "deliveredCol", "payment") == ["3", "3", "1.14"]
        system = entry.findtext("smsid", "")
        assert system != "abcde123"
        whole = await ask(simulator, "report", smsid=system)
        assert whole.findtext("sms/smsid") == system
        assert (await ask(simulator, "report", smsid="abcde123")).find("sms") is None
        assert await groups(simulator, system) == {"delivered": list(THREE)}

    async def test_of_days(self, simulator: Simulator) -> None:
        await post(simulator, "send", SECOND_TASK)
        for start, stop, count in (
            ("2010-05-01", "2010-05-01", 1),
            ("2010-05-02", "2010-05-03", 0),
            ("", "2010-04-30", 0),
            ("2010-05-01 12:00:00", "", 1),
            ("2010-05-01 12:00:01", "", 0),
        ):
            root = await ask(simulator, "report", start=start, stop=stop)
            assert len(root.findall("sms")) == count
        assert (await ask(simulator, "report", start="soon")).findtext("code") == "503"


class TestCancel:
    async def test_what_has_not_gone(self, simulator: Simulator) -> None:
        await send(simulator, "79011234509", "79011234503", "79011234500", smsid="one")
        checked = await ask(simulator, "cancel", action="check", smsid="one")
        assert told(checked, "code", "action", "cancelCol") == ["1", "check", "2"]
        made = await ask(simulator, "cancel", smsid="one")
        assert told(made, "action", "cancelCol") == ["make", "2"]
        assert await groups(simulator, "one") == {
            "delivered": ["79011234500"],
            "cancel": ["79011234509", "79011234503"],
        }

    async def test_nothing(self, simulator: Simulator) -> None:
        assert (await ask(simulator, "cancel")).findtext("code") == "500"
        root = await ask(simulator, "cancel", smsid="nobody's")
        assert told(root, "code", "cancelCol") == ["1", "0"]


class TestTags:
    async def test_as_in_the_tables(self) -> None:
        settings = {"tags": "manual"}
        async with Simulator(ProviderOptions(settings=settings)) as simulator:
            answer = await post(simulator, "cancel", request(smsid="one"))
            assert "</descry>" in answer.decode()
            assert "<cancelCol>0</ cancelCol >" in answer.decode()


async def test_it_forgets() -> None:
    async with Simulator(ProviderOptions(keep=2)) as simulator:
        for smsid in ("a", "b", "c"):
            await send(simulator, "79011234567", smsid=smsid)
        assert simulator.stats.taken == 3
        assert len((await ask(simulator, "report")).findall("sms")) == 2
