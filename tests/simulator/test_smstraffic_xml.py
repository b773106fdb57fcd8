"""The stand-in for SMS Traffic's HTTP v1, asked as technical description 2.3 does."""

from collections.abc import AsyncIterator, Mapping
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from simulator.peer import until

from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_xml import Simulator

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ACCOUNT = {"login": "mylogin", "password": "mypassword"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    options = ProviderOptions(login="mylogin", password="mypassword", first_id=1000)
    async with Simulator(options) as simulator:
        yield simulator


async def post(simulator: Simulator, body: str, path: str = "/multi.php") -> Element:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulator.url}{path}", data=body, headers=FORM) as response,
    ):
        assert response.status == 200
        return fromstring(await response.read())  # noqa: S314 - a stand-in's


async def ask(
    simulator: Simulator, path: str = "/multi.php", /, **fields: str | int
) -> Element:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulator.url}{path}", data=ACCOUNT | fields) as response,
    ):
        return fromstring(await response.read())  # noqa: S314 - a stand-in's


async def refusal(simulator: Simulator, **fields: str | int) -> tuple[str, str]:
    root = await ask(simulator, "/multi.php", **fields)
    assert root.findtext("result") == "ERROR"
    return root.findtext("code", ""), root.findtext("description", "")


class TestSending:
    async def test_the_first_sample(self, simulator: Simulator) -> None:
        root = await post(
            simulator,
            "login=mylogin&password=mypassword&phones=78001234567"
            "&message=test+%F2%E5%F1%F2",
        )
        assert [(one.tag, one.text) for one in root] == [
            ("result", "OK"),
            ("code", "0"),
            ("description", "queued 1 messages"),
        ]
        (message,) = simulator.messages()
        assert (message.to, message.text) == ("78001234567", "test тест")

    async def test_names_are_case_sensitive(self, simulator: Simulator) -> None:
        root = await post(
            simulator,
            "LOGIN=mylogin&password=mypassword&phones=78001234567&message=test",
        )
        assert root.findtext("code") == "401"
        assert root.findtext("description") == "login param is missing"

    async def test_ids(self, simulator: Simulator) -> None:
        root = await ask(
            simulator, want_sms_ids=1, phones="79051112233,79261112233", message="x"
        )
        infos = root.findall("message_infos/message_info")
        assert [[(e.tag, e.text) for e in info] for info in infos] == [
            [("phone", "79051112233"), ("sms_id", "1000")],
            [("phone", "79261112233"), ("sms_id", "1001")],
        ]

    async def test_push_ids_and_parts(self, simulator: Simulator) -> None:
        long = "+".join(["message"] * 30)
        root = await post(
            simulator,
            "login=mylogin&password=mypassword&want_sms_ids=1&with_push_id=1"
            "&individual_messages=1&delimiter=ABC"
            f"&phones=a:79051112233+{long}ABCb:79261112233+hello+test",
        )
        infos = root.findall("message_infos/message_info")
        assert [info.findtext("push_id") for info in infos] == ["a", "a", "b"]
        assert root.findtext("description") == "queued 3 messages"
        texts = [one.text for one in simulator.messages() if one.text is not None]
        assert texts == [long.replace("+", " "), "hello test"]

    async def test_lines(self, simulator: Simulator) -> None:
        await ask(
            simulator,
            individual_messages=1,
            rus=5,
            phones="79051112233 один\n79261112233 два €",
        )
        assert [(one.to, one.text) for one in simulator.messages()] == [
            ("79051112233", "один"),
            ("79261112233", "два €"),
        ]

    async def test_max_parts_cuts(self, simulator: Simulator) -> None:
        root = await ask(
            simulator, max_parts=1, phones="79051112233", message="x" * 400
        )
        assert root.findtext("description") == "queued 1 messages"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"message": "x"}, "403"),
            ({"phones": "79051112233"}, "405"),
            ({"phones": "79051112233", "message": "x" * 17_086, "rus": 5}, "420"),
            ({"phones": "790511122334455667", "message": "x"}, "426"),
            ({"phones": "7905", "message": "x"}, "425"),
            ({"phones": "+79051112233", "message": "x"}, "428"),
            ({"phones": "79051112233,7905111", "message": "x", "rus": 7}, "404"),
            ({"phones": "79051112210", "message": "x"}, "432"),
            ({"phones": "79051112233 x\nyz", "individual_messages": 1}, "423"),
            ({"phones": "79051112233 x\n y", "individual_messages": 1}, "422"),
            (
                {"phones": "79051112233", "message": "x", "originator": "a" * 12},
                "421",
            ),
            ({"phones": "79051112233", "message": "x", "timeout": 86_401}, "404"),
            ({"phones": "79051112233", "message": "x", "start_date": "now"}, "416"),
            (
                {
                    "phones": "79051112233",
                    "message": "x",
                    "start_date": "2020-05-09 09:00:00",
                },
                "417",
            ),
        ],
    )
    async def test_refused_as_a_whole(
        self, simulator: Simulator, fields: Mapping[str, str | int], code: str
    ) -> None:
        assert (await refusal(simulator, **fields))[0] == code
        assert simulator.messages() == []

    async def test_wrong_credentials(self, simulator: Simulator) -> None:
        assert (await refusal(simulator, password="no"))[0] == "411"

    async def test_no_money(self) -> None:
        options = ProviderOptions(settings={"balance": "1", "price": "2"})
        async with Simulator(options) as simulator:
            fields = {"phones": "79051112233", "message": "x"}
            assert (await refusal(simulator, **fields))[0] == "415"


class TestStates:
    async def test_one_is_flat_and_several_are_not(self, simulator: Simulator) -> None:
        await ask(simulator, phones="79051112233,79261112201", message="x")
        one = await ask(simulator, operation="status", sms_id="1000")
        assert one.findtext("status") == "Delivered"
        assert one.findtext("sms_id") == "1000"
        several = await ask(simulator, operation="status", sms_id="1000,1001,9")
        found = {
            each.findtext("sms_id"): each.findtext("status")
            for each in several.findall("sms")
        }
        assert found == {"1000": "Delivered", "1001": "Non Delivered", "9": None}
        error = several.findtext("sms[3]/error", "").strip()
        assert error == "no such message or this message does not belong to you"

    async def test_parts_of_their_own(self, simulator: Simulator) -> None:
        await ask(simulator, phones="79051112209", message="x" * 400)
        root = await ask(simulator, operation="status", sms_id="1000,1001,1002")
        assert [one.findtext("status") for one in root] == [
            "Delivered",
            "Expired",
            "Expired",
        ]

    async def test_checked(self, simulator: Simulator) -> None:
        await ask(simulator, phones="79051112233", message="x")
        root = await ask(simulator, operation="set_checked", sms_id="1000")
        assert [one.text for one in root.iter("sms_id")] == ["1000"]
        status = await ask(simulator, operation="status", sms_id="1000")
        assert status.findtext("status") == "Checked"
        fields = {"operation": "set_checked", "sms_id": "1000,9"}
        assert (await refusal(simulator, **fields))[0] == "434"

    async def test_account(self, simulator: Simulator) -> None:
        root = await ask(simulator, operation="account")
        assert [(one.tag, one.text) for one in root] == [("account", "10025")]


class TestLists:
    async def test_members(self, simulator: Simulator) -> None:
        for operation in ("add_member", "remove_member"):
            root = await ask(
                simulator,
                "/list.php",
                operation=operation,
                group_id=59353,
                member="79012223344,79082223344",
            )
            assert root.findtext("description") == "added or updated members: 2"
            assert len(simulator.lists["59353"]) == 2 * (operation == "add_member")

    async def test_all_and_one(self, simulator: Simulator) -> None:
        root = await post(simulator, "login=mylogin&password=mypassword", "/list.php")
        names = [one.text for one in root.findall("groups/group/name")]
        assert names == ["hello world", "клиенты"]
        one = await ask(simulator, "/list.php", operation="status", group_id=59355)
        assert [each.text for each in one.iter("name")] == ["клиенты"]

    async def test_one_that_is_not_there(self, simulator: Simulator) -> None:
        root = await ask(simulator, "/list.php", operation="status", group_id=1)
        assert root.findtext("code") == "413"


class Client:
    """Whoever is pushed to."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes, bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        query = request.rel_url.raw_query_string.encode()
        self.came.append((request.path, query, await request.read()))
        return web.Response(text="answer")


@pytest.fixture
async def client() -> AsyncIterator[tuple[Client, str]]:
    client = Client()
    app = web.Application()
    app.router.add_route("*", "/{path}", client.take)
    async with TestServer(app) as server:
        yield client, str(server.make_url("/"))


class TestPushes:
    async def test_states(self, client: tuple[Client, str]) -> None:
        taker, url = client
        options = ProviderOptions(callback_url=f"{url}status", first_id=1000)
        async with Simulator(options) as simulator:
            await ask(simulator, phones="79051112201", message="x")
            await until(lambda: len(taker.came) == 2)
        forms = [body.decode() for _, _, body in taker.came]
        start = "sms_id=1000&status=Buffered SMSC&delivery_date=20"
        assert forms[0].startswith(start)
        assert "status=Non Delivered" in forms[1]
        assert forms[1].endswith("&error_code=3")

    async def test_messages_from_subscribers(self, client: tuple[Client, str]) -> None:
        taker, url = client
        options = ProviderOptions(mo_url=f"{url}mo", first_id=1000)
        async with Simulator(options) as simulator:
            simulator.inject_mo(Mo(from_="79031234567", to="1", text="Я"))
            await until(lambda: bool(taker.came))
            root = await ask(simulator, operation="incoming", want_sms_ids=1)
        assert taker.came == [
            ("/mo", b"", b"phone=79031234567&message=%DF&sms_id=1000")
        ]
        assert root.findtext("messages/message/text") == "Я"
        assert root.findtext("messages/message/sms_id") == "1000"

    async def test_the_short_number(self, client: tuple[Client, str]) -> None:
        taker, url = client
        settings = {"mo_method": "GET", "short_password": "s"}
        options = ProviderOptions(
            short_url=f"{url}short", settings=settings, first_id=1000
        )
        async with Simulator(options) as simulator:
            simulator.inject_mo(Mo(from_="79031234567", to="3299", text="hi"))
            answer = await simulator.ask_short(simulator.inbound[0])
            await until(lambda: len(taker.came) == 2)
        assert (answer.status, answer.body) == (200, b"answer")
        form = b"phone=79031234567&message=hi&sms_id=1000&shortcode=3299&password=s"
        assert taker.came == [("/short", form, b"")] * 2
