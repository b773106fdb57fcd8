"""The stand-in for smsc, asked with the samples of the provider's document."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from simulator.peer import until

from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smsc import Simulator
from esmed.simulator.providers.smsc.parameters import starts

TO = "79999999999"
Ask = Callable[..., Awaitable[str]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    settings = {"price": "1.40", "guards": "no"}
    options = ProviderOptions(
        login="alex", password="123", first_id=1234, settings=settings
    )
    async with Simulator(options) as made:
        yield made


@pytest.fixture
def ask(session: aiohttp.ClientSession, provider: Simulator) -> Ask:
    async def ask(
        script: str, asked: Simulator = provider, method: str = "POST", **given: object
    ) -> str:
        fields = {"login": "alex", "psw": "123"}
        fields |= {name: str(value) for name, value in given.items()}
        how = {"data": fields} if method == "POST" else {"params": fields}
        url = f"{asked.url}/sys/{script}.php"
        async with session.request(method, url, **how) as answer:  # type: ignore[arg-type]
            assert answer.status == 200
            return await answer.text()

    return ask


@pytest.mark.parametrize(
    ("cost", "fmt", "expected"),
    [
        (0, 0, "OK - 1 SMS, ID - 1234"),
        (2, 0, "OK - 1 SMS, ID - 1234, COST - 1.40"),
        (3, 0, "OK - 1 SMS, ID - 1234, COST - 1.40, BALANCE - 99.10"),
        (1, 0, "1.40 (1 SMS)"),
        (0, 1, "1234,1"),
        (2, 1, "1234,1,1.40"),
        (3, 1, "1234,1,1.40,99.10"),
        (1, 1, "1.40,1"),
        (0, 2, "<result>\n<id>1234</id>\n<cnt>1</cnt>\n</result>"),
        (1, 2, "<result>\n<cost>1.40</cost>\n<cnt>1</cnt>\n</result>"),
        (0, 3, '{"id": 1234, "cnt": 1}'),
        (1, 3, '{"cost": "1.40", "cnt": 1}'),
        (3, 3, '{"id": 1234, "cnt": 1, "cost": "1.40", "balance": "99.10"}'),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_answer(ask: Ask, cost: int, fmt: int, expected: str, method: str):
    given = {"phones": TO, "mes": "Hello!", "cost": cost, "fmt": fmt}
    assert await ask("send", method=method, **given) == expected


@pytest.mark.parametrize(
    ("fmt", "expected"),
    [
        (0, f"OK - 1 SMS, ID - a\n{TO},25501,1.40,-1,"),
        (1, f"a,1\n{TO},25501,1.40,-1,"),
        (
            2,
            (
                "<result>\n<id>a</id>\n<cnt>1</cnt>\n<phones>\n"
                f'<phone mccmnc="25501" cost="1.40" status="-1" error="">{TO}</phone>\n'
                "</phones>\n</result>"
            ),
        ),
        (
            3,
            (
                '{"id": "a", "cnt": 1, "phones": [{"phone": "79999999999", '
                '"mccmnc": "25501", "cost": "1.40", "status": "-1"}]}'
            ),
        ),
    ],
)
async def test_of_each_number(ask: Ask, fmt: int, expected: str):
    given = {"phones": TO, "mes": "Hello!", "id": "a", "op": 1, "fmt": fmt}
    assert await ask("send", **given) == expected


async def test_the_samples(ask: Ask, provider: Simulator):
    await ask("send", list="79999999999:Hello!\n79999999998:Hello\\nworld!", id=7)
    await ask(
        "send",
        phones=TO,
        mes="Hello world!",
        translit=1,
        time="0101120000",
        flash=1,
        sender="ivan",
        charset="utf-8",
    )
    await ask("send", phones=TO, mes="050A0307056048656C6C6F2C20576F726C6421", bin=2)
    await ask("send", phones=TO, mes="http://wap.ru\nWAP.RU", push=1)
    first, second, latin, binary, push = provider.messages()
    assert (first.id, first.text, second.text) == ("7", "Hello!", "Hello\nworld!")
    assert (latin.from_, latin.fields["flash"]) == ("ivan", "1")
    assert (binary.data or "").startswith("050A")
    assert push.fields["type"] == "3"


async def test_windows_1251_unless_it_is_said(
    provider: Simulator, session: aiohttp.ClientSession
):
    body = f"login=alex&psw=123&phones={TO}&mes=%CF%F0%E8%E2%E5%F2"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{provider.url}/sys/send.php"
    async with session.post(url, data=body, headers=headers) as answer:
        assert answer.charset == "cp1251"
    assert provider.messages()[0].text == "Привет"


async def test_rest(provider: Simulator, session: aiohttp.ClientSession):
    body = {"login": "alex", "psw": "123", "phones": TO, "mes": "Привіт"}
    async with session.post(f"{provider.url}/rest/send/", json=body) as answer:
        assert await answer.json() == {"id": 1234, "cnt": 1}
    assert provider.messages()[0].text == "Привіт"


async def test_a_list_in_every_form(ask: Ask, provider: Simulator):
    listed = "ivan,2|+79999999999,89999999998:a|b\n0501234567;two\nlines"
    await ask("send", list=listed, nl=1, sender="me")
    assert [(each.from_, each.to, each.text) for each in provider.messages()] == [
        ("ivan", TO, "a|b"),
        ("ivan", "79999999998", "a|b"),
        ("me", "380501234567", "two\nlines"),
    ]


@pytest.mark.parametrize("body", [b"[]", b"{"])
async def test_rest_that_is_no_object(
    provider: Simulator, session: aiohttp.ClientSession, body: bytes
):
    async with session.post(f"{provider.url}/rest/send/", data=body) as answer:
        assert (await answer.json())["error_code"] == 2


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 1),
        ({"phones": TO, "mes": "x", "flash": "yes"}, 1),
        ({"phones": TO, "mms": 1}, 1),
        ({"phones": TO, "subj": "x"}, 1),
        ({"phones": TO, "mes": "zz", "bin": 2}, 1),
        ({"phones": TO, "mes": "x", "valid": "soon"}, 1),
        ({"phones": TO}, 1),
        ({"phones": TO, "mes": "x" * 1001}, 1),
        ({"phones": TO, "mes": "x", "id": "a b"}, 1),
        ({"phones": TO, "mes": "x", "id": str(2**31)}, 1),
        ({"phones": TO, "mes": "x", "translit": 3}, 1),
        ({"phones": TO, "mes": "x", "period": 0.01}, 1),
        ({"phones": TO, "mes": "x", "valid": "25"}, 1),
        ({"phones": TO, "mes": "x", "imgcode": "a"}, 1),
        ({"phones": TO, "mes": "05", "bin": 2}, 1),
        ({"list": "nonsense"}, 1),
        ({"phones": TO, "mes": "x", "psw": "wrong"}, 2),
        ({"phones": TO, "mes": "x" * 1000 + "", "sender": "ivan", "maxsms": 0}, 1),
        ({"phones": TO, "mes": "x", "time": "soon"}, 5),
        ({"phones": TO, "mes": "x", "sender": "A name that is too long"}, 6),
        ({"phones": "17", "mes": "x"}, 7),
        ({"phones": "79990000005", "mes": "x"}, 7),
        ({"phones": "79990000010", "mes": "x"}, 8),
        ({"phones": "79990000013", "mes": "x"}, 6),
    ],
)
async def test_every_refusal(ask: Ask, given: dict[str, object], code: int):
    answer = json.loads(await ask("send", fmt=3, **given))
    assert answer["error_code"] == code
    assert ("id" in answer) == (code in {3, 6, 7, 8})
    told = await ask("send", fmt=1, **given)
    assert told.endswith(f",-{code}")
    assert (await ask("send", **given)).startswith(f"ERROR = {code} (")
    assert f"<error_code>{code}</error_code>" in await ask("send", fmt=2, **given)


async def test_no_money(ask: Ask):
    given = {"phones": TO, "mes": "x" * 1000, "fmt": 3}
    for number in range(100):
        answer = json.loads(await ask("send", id=f"m{number}", **given))
        if "error_code" in answer:
            break
    assert answer["error_code"] == 3


async def test_one_of_several(ask: Ask):
    given = {"phones": f"{TO};79990000005", "mes": "x", "op": 1, "fmt": 3}
    answer = json.loads(await ask("send", **given))
    assert [(each["status"], each.get("error")) for each in answer["phones"]] == [
        ("-1", None),
        ("22", "249"),
    ]


async def test_the_same_again(ask: Ask):
    async with Simulator() as guarded:
        given = {"phones": TO, "mes": "x", "asked": guarded}
        assert (await ask("send", **given)).startswith("OK")
        assert (await ask("send", **given)).startswith("ERROR = 9")
        for _ in range(5):
            assert "SMS" in await ask("send", cost=1, **given)
        assert (await ask("send", cost=1, **given)).startswith("ERROR = 9")


@pytest.mark.parametrize(
    ("time", "reached"),
    [
        ("0", "1"),
        ("01325379600", "1"),
        ("0101120000", "1"),
        ("+5", "-1"),
        ("01.01.12 00:00", "1"),
        ("04102444800", "-1"),
        ("0101400000", "-1"),
    ],
)
async def test_when(ask: Ask, time: str, reached: str):
    await ask("send", phones=TO, mes="x", id="a", time=time)
    answer = await ask("status", phone=TO, id="a", fmt=1)
    assert answer.partition(",")[0] == reached


@pytest.mark.parametrize(
    ("hours", "wait"), [("13-20", 0), ("14-20", 3600), ("9-13", 20 * 3600)]
)
def test_only_between_these_hours(hours: str, wait: int):
    """It is 13:00 in Moscow."""
    now = 1_679_047_200.0
    start = starts({"time": hours, "tz": "0"}, now)
    assert start == (now + wait if wait else None)


@pytest.mark.parametrize(
    "content",
    [
        {"mms": 1, "subj": "Theme"},
        {"whatsapp": 1, "fileurl": "https://a.ua/a.png"},
        {"hlr": 1},
    ],
)
async def test_what_needs_no_text(ask: Ask, content: dict[str, object]):
    told = json.loads(await ask("send", phones=TO, fmt=3, **content))
    assert told["cnt"] == 1


async def test_a_state_has_one_date(ask: Ask, provider: Simulator):
    await ask("send", phones=TO, mes="x", id="a")
    (message,) = provider.messages()
    message.starts = 1_000_000_000.0
    told = json.loads(await ask("status", phone=TO, id="a", fmt=3))
    assert told["last_timestamp"] == 1_000_000_000
    assert told["last_date"].startswith("09.09.2001")


async def test_states(ask: Ask):
    await ask("send", phones=f"{TO},79990000001", mes="x", id="a")
    one = json.loads(await ask("status", phone=TO, id="a", fmt=3))
    assert (one["status"], one["err"]) == (1, 0)
    assert "phone" not in one
    both = json.loads(
        await ask("status", phone=f"{TO},79990000001,7", id="a,a,a", fmt=3)
    )
    assert [each["status"] for each in both] == [1, 20, -3]
    assert [each["err"] for each in both] == [0, 1, 0]
    whole = json.loads(await ask("status", phone=TO, id="a", fmt=3, all=1))
    assert whole["message"] == "x"
    assert (await ask("status", phone=TO, id="a")).startswith("Status = 1, check_time")
    assert "<status>1</status>" in await ask("status", phone=TO, id="a", fmt=2)
    assert (
        await ask("status", phone=f"{TO},1", id="a") == "ERROR = 1 (parameters error)"
    )


async def test_deleting(ask: Ask):
    await ask("send", phones=TO, mes="x", id="a", time="+5")
    assert await ask("status", phone=TO, id="a", fmt=3, **{"del": 1}) == (
        '{"result": "OK"}'
    )
    assert (await ask("status", phone=TO, id="b", fmt=1, **{"del": 1})) == "0,-5"


async def test_the_rest_of_the_menu(ask: Ask, provider: Simulator):
    assert await ask("balance") == "100.50"
    assert await ask("balance", cur=1) == "100.50 UAH"
    assert await ask("balance", fmt=2) == "<balance>100.50</balance>"
    assert await ask("balance", fmt=3) == '{"balance": "100.50"}'
    provider.inject_mo(Mo(from_=TO, to="7999", text="Так"))
    (mo,) = json.loads(await ask("get", get_answers=1, fmt=3))
    assert (mo["phone"], mo["to_phone"], mo["message"]) == (TO, "7999", "Так")
    assert json.loads(await ask("get", get_answers=1, fmt=3, after_id=mo["id"])) == []
    assert (await ask("get", get_answers=1)).startswith(f"id = {mo['id']}, received")
    await ask("send", phones=TO, mes="x", id="a")
    (sent,) = json.loads(await ask("get", get_messages=1, start="01.01.2012", fmt=3))
    assert (sent["id"], sent["status"], sent["int_id"]) == ("a", 1, 1)


class Hook:
    """What a client is told."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append((request.content_type, await request.read()))
        return web.Response(text="OK")


@pytest.mark.parametrize(
    ("query", "content_type"),
    [
        ("?md5", "application/x-www-form-urlencoded"),
        ("?fmt=3&charset=utf-8&md5&sha1&crc32", "application/json"),
        ("?fmt=2&md5", "text/xml"),
    ],
)
async def test_callbacks(
    ask: Ask, session: aiohttp.ClientSession, query: str, content_type: str
):
    hook = Hook()
    application = web.Application()
    application.router.add_post("/", hook.handle)
    async with TestServer(application) as server:
        url = f"http://127.0.0.1:{server.port}/{query}"
        options = ProviderOptions(
            callback_url=url, mo_url=url, settings={"word": "word"}
        )
        async with Simulator(options) as provider:
            await ask("send", asked=provider, phones=TO, mes="x", id="a")
            await until(lambda: len(hook.bodies) == 2)  # 0, then 1
            provider.inject_mo(Mo(from_=TO, to="7999", text="Привет"))
            await until(lambda: len(hook.bodies) == 3)
    assert {kind for kind, _ in hook.bodies} == {content_type}
    _, states, reply = (body for _, body in hook.bodies)
    charset = "utf-8" if "utf-8" in query else "cp1251"
    expected = md5(f"a:{TO}:1:word".encode()).hexdigest()  # noqa: S324
    assert expected in states.decode()
    signed = f"{TO}:Привет:7999:word".encode(charset)
    assert md5(signed).hexdigest() in reply.decode(charset)  # noqa: S324
    fields: Any = parse_qs(reply.decode(), encoding=charset) if query == "?md5" else {}
    if fields:
        assert fields["mes"] == ["Привет"]
    else:
        assert "Привет" in reply.decode(charset)
