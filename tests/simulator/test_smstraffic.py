"""The stand-in for SMS Traffic's HTTP v2, asked as technical description 2.3 does."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from simulator.peer import until

from esmed.simulator.bridge.faults import Refuse
from esmed.simulator.bridge.frame import Mo
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic import Simulator

KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"
SAMPLE: Mapping[str, Any] = {
    "channels": {
        "sms": {
            "message": "Hello, [[name]]!",
            "timeout": 86400,
            "transliterate": False,
            "maxParts": 255,
        }
    },
    "destinations": [
        {
            "to": 78000000001,
            "params": {"name": "Ivan"},
            "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
        },
        {
            "to": 78000000010,
            "content": {"sms": {"message": "Individual message for 78000000010"}},
        },
    ],
    "originator": "Originator",
    "trackingData": "common-tracking-0001",
    "scheduling": {"startTime": "2025-01-01T10:30:00+03:00", "localtime": False},
    "batchName": "Batch via API 0001",
    "restrictiveId": "ba52-5ad86d408887",
}


def options(**more: Any) -> ProviderOptions:
    return ProviderOptions(api_key=KEY, first_id=1046379029789147161, **more)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(options()) as simulator:
        yield simulator


async def ask(
    simulator: Simulator, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """A request as the description writes it: GET without a body."""
    head = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body)
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            "GET" if body is None else "POST",
            f"{simulator.url}/v2/{path}",
            data=data,
            headers={**head, **headers},
        ) as response,
    ):
        raw = await response.read()
        if response.content_type != "application/json" or not raw:
            return response.status, raw
        return response.status, json.loads(raw)


def one(**more: Any) -> dict[str, Any]:
    sms = {"message": "Hello"}
    return {"channels": {"sms": sms}, "destinations": [{"to": 79161112233}], **more}


async def error(simulator: Simulator, body: Any, path: str = "send") -> tuple[int, str]:
    status, answer = await ask(simulator, path, body)
    assert (status, answer["success"]) == (200, False)
    return answer["error"]["code"], answer["error"]["message"]


class TestSending:
    async def test_the_sample(self, simulator: Simulator) -> None:
        assert await ask(simulator, "send", SAMPLE) == (
            200,
            {
                "success": True,
                "destinations": [
                    {
                        "phone": 78000000001,
                        "id": "1046379029789147161",
                        "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
                    },
                    {
                        "phone": 78000000010,
                        "id": "1046379029789147162",
                        "trackingData": "common-tracking-0001",
                        "error": {
                            "code": 432,
                            "message": "blocked phone. No messages has been sent: "
                            "78000000010",
                        },
                    },
                ],
            },
        )
        (message,) = simulator.messages()
        assert (message.text, message.from_) == ("Hello, Ivan!", "Originator")
        assert message.fields["batchName"] == "Batch via API 0001"

    async def test_the_same_within_the_hour(self, simulator: Simulator) -> None:
        await ask(simulator, "send", SAMPLE)
        assert await error(simulator, SAMPLE) == (105, "Duplicated request")

    async def test_numbers_of_moscow_come_back_as_others(
        self, simulator: Simulator
    ) -> None:
        body = one(destinations=[{"to": 74951234567, "trackingData": "x"}])
        _, answer = await ask(simulator, "send", body)
        assert answer["destinations"][0]["phone"] == 79851234567

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"destinations": []}, 103),
            ({"destinations": None}, 103),
            ({"trackingData": "x" * 41}, 104),
            ({"destinations": [{"to": 79161112233, "trackingData": "x" * 41}]}, 104),
            ({"restrictiveId": "x" * 37}, 106),
            ({"channels": {}}, 405),
            ({"originator": "x" * 12}, 421),
            ({"originator": "1" * 16}, 421),
            ({"originator": "Bad"}, 436),
            ({"scheduling": {"startDateTime": "tomorrow"}}, 416),
            ({"scheduling": {"startDateTime": "2099-01-01T00:00:00"}}, 416),
            ({"scheduling": {"startDateTime": "2025-01-01T10:30:00+03:00"}}, 417),
            ({"scheduling": {"startDateTime": "2099-01-01T10:30:00+03:00"}}, 504),
            ({"destinations": [{"to": "79161112233"}]}, 105),
            ({"destinations": ["79161112233"]}, 105),
            ({"destinations": {}}, 105),
            ({"originator": 5}, 105),
            ({"channels": {"sms": {"message": "x", "maxParts": 0}}}, 105),
            ({"channels": {"sms": {"message": "x", "transliterate": 1}}}, 105),
        ],
    )
    async def test_refusals(self, more: dict[str, Any], code: int) -> None:
        async with Simulator(options(settings={"forbidden": "Bad"})) as simulator:
            found, said = await error(simulator, one(**more))
            assert found == code
            assert code != 105 or said == "Invalid request format"

    @pytest.mark.parametrize(("to", "code"), [(123456, 425), (10**15, 426)])
    async def test_a_number_of_a_wrong_length(
        self, simulator: Simulator, to: int, code: int
    ) -> None:
        _, answer = await ask(simulator, "send", one(destinations=[{"to": to}]))
        assert answer["destinations"][0]["error"]["code"] == code

    async def test_money(self) -> None:
        settings = {"balance": "-1.50", "price": "1"}
        async with Simulator(options(settings=settings)) as simulator:
            assert (await error(simulator, one()))[0] == 415
            found = {"success": True, "data": {"account": "-1.50"}}
            assert await ask(simulator, "account") == (200, found)

    async def test_parts_and_a_start(self, simulator: Simulator) -> None:
        start = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        sms = {"message": "long " * 100, "maxParts": 2}
        body = one(channels={"sms": sms}, scheduling={"startDateTime": start})
        _, answer = await ask(simulator, "send", body)
        (message,) = simulator.messages()
        assert message.parts == 2
        asked = {"ids": [answer["destinations"][0]["id"]]}
        _, states = await ask(simulator, "statuses/list", asked)
        (shown,) = states["data"]
        assert shown["status"] == ""
        assert "sendDate" not in shown

    async def test_the_name_of_the_start_is_what_it_is(self) -> None:
        settings = {"start_field": "startTime"}
        async with Simulator(options(settings=settings)) as simulator:
            scheduling = {"startTime": "2025-01-01T10:30:00+03:00"}
            assert (await error(simulator, one(scheduling=scheduling)))[0] == 417


class TestAccess:
    async def test_a_wrong_key(self, simulator: Simulator) -> None:
        status, _ = await ask(simulator, "account", Authorization="Bearer 1/x")
        assert status == 401
        status, _ = await ask(simulator, "report/1", Authorization="Bearer 1/x")
        assert status == 401

    async def test_a_permission_that_lacks(self) -> None:
        async with Simulator(options(settings={"permissions": "send"})) as simulator:
            assert (await ask(simulator, "account"))[0] == 403
            assert (await ask(simulator, "send", one()))[0] == 200

    async def test_the_content_type(self, simulator: Simulator) -> None:
        more = {"Content-Type": "text/plain"}
        assert (await ask(simulator, "send", one(), **more))[0] == 415

    async def test_a_fault_of_the_whole(self, simulator: Simulator) -> None:
        simulator.add_fault(Refuse(code="1000", on="send"))
        assert (await error(simulator, one()))[0] == 1000
        assert simulator.stats.requests == {"send": 1}


class TestStates:
    async def test_asked_by_either_name(self, simulator: Simulator) -> None:
        to = [{"to": 79161112201, "trackingData": "mark"}, {"to": 79161112233}]
        _, answer = await ask(simulator, "send", one(destinations=to))
        ids = [told["id"] for told in answer["destinations"]]
        await until(lambda: simulator.state(simulator.messages()[0]) is not None)
        body = {"ids": [ids[1], "7"], "trackingData": ["mark"], "extendedInfo": True}
        _, states = await ask(simulator, "statuses/list", body)
        first, second = states["data"]
        assert (first["smsId"], first["status"]) == (ids[1], "Delivered")
        assert (second["smsId"], second["trackingData"]) == (ids[0], "mark")
        assert second["statusExtended"] == {
            "code": 3,
            "description": "Unknown subscriber",
        }
        assert datetime.fromisoformat(second["deliveryDate"]).tzinfo is not None

    @pytest.mark.parametrize("body", [{}, [], {"ids": "1"}, {"ids": [1]}, b"{"])
    async def test_what_cannot_be_read(self, simulator: Simulator, body: Any) -> None:
        found = await error(simulator, body, "statuses/list")
        assert found == (105, "Invalid request format")

    async def test_checked(self, simulator: Simulator) -> None:
        _, answer = await ask(simulator, "send", one())
        ident = answer["destinations"][0]["id"]
        assert await ask(simulator, "statuses/checked", [ident, "7"]) == (
            200,
            {
                "success": True,
                "data": {
                    "updated": [ident],
                    "failed": [
                        {
                            "id": "7",
                            "error": "no such message or this message does not "
                            "belong to you 7",
                        }
                    ],
                },
            },
        )
        (message,) = simulator.messages()
        message.starts, message.ended_at = 1_000_000_000.0, 1_000_000_060.0
        _, states = await ask(simulator, "statuses/list", {"ids": [ident]})
        (told,) = states["data"]
        assert told["status"] == "Checked"
        assert told["sendDate"].startswith("2001-09-09T04:46:40")
        assert told["deliveryDate"].startswith("2001-09-09T04:47:40")
        message.ended = None
        _, states = await ask(simulator, "statuses/list", {"ids": [ident]})
        (told,) = states["data"]
        assert told["status"] == "Delivered"
        assert told["deliveryDate"] == told["sendDate"]


@pytest.fixture
async def pushed() -> AsyncIterator[tuple[str, list[Any]]]:
    came: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        assert request.method == "POST"
        came.append((request.path, request.content_type, await request.read()))
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/{kind}", take)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/"), came


class TestPushes:
    @pytest.mark.parametrize(
        ("spelling", "names"),
        [
            ("sample", {"err_code", "operatorId"}),
            ("table", {"error_code", "operator_id"}),
        ],
    )
    async def test_statuses(
        self, pushed: tuple[str, list[Any]], spelling: str, names: set[str]
    ) -> None:
        url, came = pushed
        told = options(callback_url=f"{url}/status", settings={"spelling": spelling})
        async with Simulator(told) as simulator:
            to = [{"to": 79161112201, "trackingData": "mark"}]
            await ask(simulator, "send", one(destinations=to))
            await until(lambda: len(came) == 2)
        elements = [json.loads(body)[0] for _, _, body in came]
        assert [e["status"] for e in elements] == ["Buffered SMSC", "Non Delivered"]
        assert {kind for _, kind, _ in came} == {"application/json"}
        last = elements[-1]
        assert names < set(last)
        assert last["tracking_data"] == "mark"
        assert last.get("err_code", last.get("error_code")) == 3

    async def test_messages_from_subscribers(
        self, pushed: tuple[str, list[Any]]
    ) -> None:
        url, came = pushed
        told = options(mo_url=f"{url}/mo", short_url=f"{url}/short")
        async with Simulator(told) as simulator:
            simulator.inject_mo(Mo(from_="79161112233", to="1", text="Да"))
            simulator.inject_mo(Mo(from_="79161112233", to="3299", text="Нет"))
            await until(lambda: len(came) == 2)
        bodies = {path: body for path, _, body in came}
        assert b"message=%C4%E0" in bodies["/mo"]
        assert b"shortcode=3299" in bodies["/short"]


class TestReports:
    async def made(self, simulator: Simulator, **wish: Any) -> str:
        status, answer = await ask(simulator, "report", wish)
        assert (status, answer["code"], answer["description"]) == (200, 0, "")
        return f"report/{answer['reportId']}"

    async def test_json(self, simulator: Simulator) -> None:
        await ask(simulator, "send", SAMPLE)
        path = await self.made(simulator, fields=["id", "message", "batch_name"])
        assert await ask(simulator, path) == (
            200,
            {
                "count": 1,
                "messages": [
                    ["1046379029789147161", "Hello, Ivan!", "Batch via API 0001"]
                ],
            },
        )
        path = await self.made(simulator, limit=1, offset=1)
        assert (await ask(simulator, path))[1] == {"count": 1, "messages": []}

    @pytest.mark.parametrize(
        ("wish", "count"),
        [
            ({"from": "2025-01-01T00:00:00+03:00"}, 1),
            ({"from": "2099-01-01T00:00:00+03:00"}, 0),
            ({"to": "2025-01-01T00:00:00+03:00"}, 0),
            ({"originator": "originator"}, 0),
            ({"subscriber": "78000000001"}, 1),
            ({"type": "mo"}, 0),
            ({"channels": ["viber"]}, 0),
            ({"status": "not_delivered"}, 1),
            ({"status": "delivered"}, 0),
        ],
    )
    async def test_what_is_in_it(
        self, simulator: Simulator, wish: dict[str, Any], count: int
    ) -> None:
        await ask(simulator, "send", SAMPLE)
        path = await self.made(simulator, **wish)
        assert (await ask(simulator, path))[1]["count"] == count

    async def test_as_the_description_prints_it(self) -> None:
        settings = {"report_json": "sample"}
        async with Simulator(options(settings=settings)) as simulator:
            await ask(simulator, "send", SAMPLE)
            path = await self.made(simulator, fields=["id", "originator"])
            async with (
                aiohttp.ClientSession() as session,
                session.get(
                    f"{simulator.url}/v2/{path}",
                    headers={"Authorization": f"Bearer {KEY}"},
                ) as response,
            ):
                assert await response.text() == (
                    '{"count":1,"messages":[[{"1046379029789147161"}, {"Originator"}]]}'
                )

    async def test_files(self, simulator: Simulator) -> None:
        await ask(simulator, "send", SAMPLE)
        wanted = b"1046379029789147161;Hello, Ivan!\n"
        fields = ["id", "message"]
        path = await self.made(simulator, format="csv", fields=fields)
        assert await ask(simulator, path) == (200, wanted)
        path = await self.made(simulator, format="zip", fields=fields)
        _, packed = await ask(simulator, path)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            assert archive.read("report.csv") == wanted

    async def test_one_that_takes_its_time(self) -> None:
        settings = {"report_after": "0.3", "poll": "0.05"}
        async with Simulator(options(settings=settings)) as simulator:
            path = await self.made(simulator)
            statuses = [(await ask(simulator, path))[0]]
            while statuses[-1] == 204 and len(statuses) < 100:
                statuses.append((await ask(simulator, path))[0])
            assert statuses[0] == 204
            assert statuses[-1] == 200

    async def test_one_that_is_gone(self, simulator: Simulator) -> None:
        gone = {"code": 1, "description": "Report 16e1 not found"}
        assert await ask(simulator, "report/16e1") == (404, gone)

    async def test_one_that_cannot_be(self, simulator: Simulator) -> None:
        _, answer = await ask(simulator, "report", {"format": "xls"})
        assert answer["code"] == 1
