"""The endpoints about messages, over HTTP."""

import asyncio
import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from fakes.httprig import OPS, OTHER, SHOP, Builder, Reply, Rig, bearer

from esmed.models import InboundIn
from esmed.routing import Rule
from esmed.store.base import Hold, Mark, ReceiveMo

TO = "380501234567"
LONG_AGO = "2020-01-01T00:00:00Z"


class TestSubmit:
    async def test_the_message_object(self, rig: Rig) -> None:
        message = await rig.submit(
            **{"to": "+380 50 1234567", "from": "Shop", "reference": "r-1"}
        )
        shown = await rig.get(f"/v1/messages/{message['id']}")
        assert shown.json == message
        assert message == {
            "id": message["id"],
            "reference": "r-1",
            "client": None,
            "to": TO,
            "from": "Shop",
            "text": "hi",
            "encoding": "gsm7",
            "parts": 1,
            "state": "queued",
            "final": False,
            "held": False,
            "connector": None,
            "host": None,
            "error": None,
            "created_at": "2026-01-01T00:00:00.000Z",
            "submitted_at": None,
            "final_at": None,
            "segments": [],
        }
        assert [record.id for record in rig.dispatch.offered] == [message["id"]]

    async def test_later(self, rig: Rig) -> None:
        assert (await rig.submit(send_at=LONG_AGO))["state"] == "queued"
        message = await rig.submit(send_at="2026-01-01T03:00:00+02:00")
        assert message["state"] == "scheduled"
        rig.clock.advance(3600)
        shown = await rig.get(f"/v1/messages/{message['id']}")
        assert shown.json["state"] == "queued"

    async def test_unicode_survives(self, rig: Rig) -> None:
        message = await rig.submit(text="Ціна 12 € 🎂 [\x00]")
        assert message["text"] == "Ціна 12 € 🎂 [\x00]"
        assert message["encoding"] == "ucs2"

    async def test_binary(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages", {"to": TO, "data": "00ff"})
        assert reply.status == 202
        assert (reply.json["text"], reply.json["encoding"]) == (None, "binary")

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (b'{"to": "", "text": "hi"}', ["to"]),
            (b'{"text": "hi"}', ["to"]),
            (b'{"to": "49151", "text": "hi"}', ["to"]),
            (b'{"to": "380501", "text": "\\ud800"}', ["text"]),
            (b'{"to": "380501", "text": "\xff"}', [""]),
            (b'{"to": "380501"}', ["text"]),
            (b'{"to": "380501", "text": "hi", "colour": "red"}', ["colour"]),
            (b'{"to": "380501", "text": "hi", "connector": "x"}', ["connector"]),
            (b'{"to": "380501", "text": "hi", "validity": 0}', ["validity"]),
            (
                b'{"to": "380501", "text": "hi", "webhook_url": "http://a/"}',
                ["webhook_url"],
            ),
            (b"[1]", [""]),
        ],
    )
    async def test_a_bad_request_names_its_fields(
        self, rig: Rig, body: bytes, fields: list[str]
    ) -> None:
        reply = await rig.post("/v1/messages", data=body)
        assert reply.status == 400
        assert reply.fields == fields
        assert reply.json["title"] == "Bad Request"
        assert reply.json["status"] == 400
        assert rig.dispatch.offered == []

    async def test_max_parts_refuses(self, rig: Rig) -> None:
        body = {"to": TO, "text": "a" * 161, "max_parts": 1}
        reply = await rig.post("/v1/messages", body)
        assert (reply.status, reply.fields) == (400, ["max_parts"])

    async def test_a_full_queue(self, rig: Rig) -> None:
        rig.dispatch.waiting = 1000
        reply = await rig.post("/v1/messages", {"to": TO, "text": "hi"})
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0


class TestList:
    async def test_all(self, rig: Rig) -> None:
        body = {"to": [TO, "00380671111111", TO], "text": "hi"}
        reply = await rig.post("/v1/messages", body)
        assert reply.status == 202
        messages = reply.json["messages"]
        assert [one["to"] for one in messages] == [TO, "380671111111", TO]
        assert len({one["id"] for one in messages}) == 3
        assert len(rig.dispatch.offered) == 3

    async def test_or_none(self, rig: Rig) -> None:
        body = {"to": [TO, "49151", TO, "x"], "text": "hi"}
        reply = await rig.post("/v1/messages", body)
        assert (reply.status, reply.fields) == (400, ["to[3]"])
        body = {"to": [TO, "49151", TO, "49152"], "text": "hi"}
        reply = await rig.post("/v1/messages", body)
        assert (reply.status, reply.fields) == (400, ["to[1]", "to[3]"])
        assert rig.dispatch.offered == []

    async def test_what_is_wrong_for_all_is_said_once(self, rig: Rig) -> None:
        body = {"to": [TO] * 3, "text": "a" * 161, "max_parts": 1}
        reply = await rig.post("/v1/messages", body)
        assert (reply.status, reply.fields) == (400, ["max_parts"])

    async def test_the_detail_of_many_errors_is_short(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages", {"to": ["x"] * 500, "text": "hi"})
        assert len(reply.fields) == 500
        assert len(reply.json["detail"]) < 300
        assert reply.json["detail"].endswith("and 495 more")

    async def test_a_long_one(self, rig: Rig) -> None:
        body = {"to": [f"38050{number:07}" for number in range(250)], "text": "hi"}
        reply = await rig.post("/v1/messages", body)
        assert len(reply.json["messages"]) == 250

    async def test_one_in_a_list_is_a_list(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages", {"to": [TO], "text": "hi"})
        assert len(reply.json["messages"]) == 1


class TestBatch:
    async def test_each_on_its_own(self, rig: Rig) -> None:
        reply = await rig.post(
            "/v1/messages/batch",
            {
                "defaults": {"text": "hi", "from": "Shop"},
                "messages": [
                    {"to": TO},
                    {"to": "x"},
                    {"to": 5},
                    {"to": "49151"},
                    {"to": [TO]},
                    {"to": TO, "text": "other", "reference": "r"},
                ],
            },
        )
        assert reply.status == 200
        assert (reply.json["accepted"], reply.json["refused"]) == (2, 4)
        items = reply.json["messages"]
        assert [list(item) for item in items] == [
            ["id"],
            *([["error"]] * 4),
            ["id"],
        ]
        for number in (1, 2, 3, 4):
            error = items[number]["error"]
            assert error["status"] == 400
            assert [one["field"] for one in error["errors"]] == [
                f"messages[{number}].to"
            ]
        first, last = await rig.stored(items[0]["id"]), await rig.stored(items[5]["id"])
        assert (first.request.text, first.request.from_) == ("hi", "Shop")
        assert (last.request.text, last.request.reference) == ("other", "r")

    async def test_none_good(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages/batch", {"messages": [{}, {}]})
        assert reply.status == 200
        assert (reply.json["accepted"], reply.json["refused"]) == (0, 2)
        assert rig.dispatch.offered == []

    async def test_many(self, rig: Rig) -> None:
        messages = [{"to": TO, "text": str(number)} for number in range(450)]
        reply = await rig.post("/v1/messages/batch", {"messages": messages})
        assert reply.json["accepted"] == 450
        assert [one.request.text for one in rig.dispatch.offered] == [
            str(number) for number in range(450)
        ]

    async def test_the_bound_holds_for_the_whole(self, rig: Rig) -> None:
        rig.dispatch.waiting = 999
        messages = [{"to": TO, "text": "hi"}] * 2
        reply = await rig.post("/v1/messages/batch", {"messages": messages})
        assert reply.status == 503
        assert rig.dispatch.offered == []

    async def test_a_bad_batch(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages/batch", {"messages": []})
        assert (reply.status, reply.fields) == (400, ["messages"])

    async def test_a_sender_that_is_not_allowed(self, build: Builder) -> None:
        rig = await build(replace(SHOP, senders=("Shop",)))
        rig.headers = bearer(SHOP)
        messages = [{"to": TO, "text": "hi", "from": one} for one in ("Shop", "Bank")]
        reply = await rig.post("/v1/messages/batch", {"messages": messages})
        error = reply.json["messages"][1]["error"]
        assert error["status"] == 403
        assert error["errors"][0]["field"] == "messages[1].from"


class TestBatchLines:
    LINES = (
        b'{"defaults": {"text": "hi"}}\n'
        b'{"to": "380501234567"}\n'
        b"\n"
        b'{"to": "380501\n'
        b'{"to": "x"}\n'
        b'{"to": "380501234567", "reference": "r"}'
    )
    HEADERS: ClassVar = {"Content-Type": "application/x-ndjson"}

    async def post(self, rig: Rig, data: bytes, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await rig.post(
            "/v1/messages/batch", data=data, headers={**self.HEADERS, **named}
        )

    async def test_each_line_on_its_own(self, rig: Rig) -> None:
        reply = await self.post(rig, self.LINES)
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/json"
        assert (reply.json["accepted"], reply.json["refused"]) == (2, 2)
        first, cut, wrong, last = reply.json["messages"]
        assert cut["error"]["detail"].startswith("line 4: not JSON")
        assert [one["field"] for one in wrong["error"]["errors"]] == ["line 5.to"]
        assert (await rig.stored(first["id"])).request.text == "hi"
        assert (await rig.stored(last["id"])).request.reference == "r"
        assert len(rig.dispatch.offered) == 2

    async def test_the_answer_in_lines(self, rig: Rig) -> None:
        listed = await self.post(rig, self.LINES, Idempotency_Key="k")
        reply = await self.post(
            rig,
            self.LINES,
            Idempotency_Key="k",
            Accept="text/plain, application/x-ndjson",
        )
        assert reply.headers["Content-Type"] == "application/x-ndjson"
        assert reply.body.endswith(b"\n")
        lines = [json.loads(line) for line in reply.body.splitlines()]
        assert lines == listed.json["messages"]
        assert len(rig.dispatch.offered) == 2

    async def test_the_type_with_its_charset(self, rig: Rig) -> None:
        kind = "application/x-ndjson; charset=UTF-8"
        reply = await self.post(rig, self.LINES, Content_Type=kind)
        assert reply.json["accepted"] == 2

    async def test_only_batches(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages", data=b"{}", headers=self.HEADERS)
        assert reply.status == 415
        reply = await self.post(rig, b"{}", Content_Type="text/csv")
        assert reply.status == 415
        assert "application/x-ndjson" in reply.json["detail"]

    async def test_the_bounds_are_those_of_lists(self, rig: Rig) -> None:
        rig.dispatch.waiting = 999
        reply = await self.post(rig, self.LINES)
        assert reply.status == 503
        assert rig.dispatch.offered == []
        assert (await self.post(rig, b"\n")).status == 400


class TestIdempotencyKey:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/messages", {"to": TO, "text": "hi"}),
            ("/v1/messages", {"to": [TO, TO], "text": "hi"}),
            (
                "/v1/messages/batch",
                {"messages": [{"to": TO, "text": "hi"}, {"to": "x"}]},
            ),
        ],
    )
    async def test_a_repeat_has_the_first_answer(
        self, rig: Rig, path: str, body: dict[str, Any]
    ) -> None:
        headers = {"Idempotency-Key": "k1"}
        first = await rig.post(path, body, headers=headers)
        count = len(rig.dispatch.offered)
        rig.clock.advance(60)
        rig.dispatch.waiting = 1000
        again = await rig.post(path, body, headers=headers)
        assert (again.status, again.body) == (first.status, first.body)
        assert len(rig.dispatch.offered) == count

    async def test_concurrent_repeats(self, rig: Rig) -> None:
        replies = await asyncio.gather(
            *(
                rig.post(
                    "/v1/messages",
                    {"to": TO, "text": "hi"},
                    headers={"Idempotency-Key": "k1"},
                )
                for _ in range(5)
            )
        )
        assert {reply.status for reply in replies} == {202}
        assert len({reply.body for reply in replies}) == 1
        assert len(rig.dispatch.offered) == 1

    async def test_another_body(self, rig: Rig) -> None:
        headers = {"Idempotency-Key": "k1"}
        await rig.post("/v1/messages", {"to": TO, "text": "a"}, headers=headers)
        reply = await rig.post("/v1/messages", {"to": TO, "text": "b"}, headers=headers)
        assert reply.status == 422
        assert len(rig.dispatch.offered) == 1

    async def test_a_refusal_is_not_kept(self, rig: Rig) -> None:
        headers = {"Idempotency-Key": "k1"}
        bad = await rig.post("/v1/messages", {"to": "", "text": "a"}, headers=headers)
        assert bad.status == 400
        good = await rig.post("/v1/messages", {"to": TO, "text": "a"}, headers=headers)
        assert good.status == 202

    async def test_it_is_the_clients_own(self, build: Builder) -> None:
        rig = await build(SHOP, OTHER)
        for client in (SHOP, OTHER):
            headers = {**bearer(client), "Idempotency-Key": "k1"}
            reply = await rig.post(
                "/v1/messages", {"to": TO, "text": client.name}, headers=headers
            )
            assert reply.status == 202

    @pytest.mark.parametrize("key", ["", "a" * 256, "ключ", "a\tb"])
    async def test_a_bad_key(self, rig: Rig, key: str) -> None:
        reply = await rig.post(
            "/v1/messages",
            {"to": TO, "text": "hi"},
            headers={"Idempotency-Key": key},
        )
        assert (reply.status, reply.fields) == (400, ["Idempotency-Key"])

    async def test_the_longest_key(self, rig: Rig) -> None:
        headers = {"Idempotency-Key": "a" * 255}
        reply = await rig.post(
            "/v1/messages", {"to": TO, "text": "hi"}, headers=headers
        )
        assert reply.status == 202


class TestClients:
    async def test_senders(self, build: Builder) -> None:
        rig = await build(replace(SHOP, senders=("Shop",)))
        rig.headers = bearer(SHOP)
        reply = await rig.post("/v1/messages", {"to": TO, "text": "hi", "from": "Bank"})
        assert (reply.status, reply.fields) == (403, ["from"])
        assert (await rig.submit(**{"from": "Shop"}))["from"] == "Shop"
        assert (await rig.submit())["from"] == "Shop"

    async def test_the_rate(self, build: Builder) -> None:
        rig = await build(replace(SHOP, rate=2.0))
        rig.headers = bearer(SHOP)
        body = {"to": TO, "text": "hi"}
        for _ in range(2):
            await rig.submit()
        for path in ("/v1/messages", "/v1/messages/batch"):
            reply = await rig.post(path, body)
            assert reply.status == 429
            assert reply.headers["Retry-After"] == "1"
        assert (await rig.get("/v1/messages")).status == 200
        rig.clock.advance(1)
        await rig.submit()

    async def test_a_client_sees_its_own_only(self, build: Builder) -> None:
        rig = await build(SHOP, OTHER, OPS)
        rig.headers = bearer(SHOP)
        id_ = (await rig.submit())["id"]
        for method, path in (
            ("GET", f"/v1/messages/{id_}"),
            ("GET", f"/v1/messages/{id_}/trace"),
            ("DELETE", f"/v1/messages/{id_}"),
        ):
            reply = await rig.call(method, path, headers=bearer(OTHER))
            assert reply.status == 404
        reply = await rig.get("/v1/messages", headers=bearer(OTHER))
        assert reply.json["messages"] == []
        reply = await rig.get(f"/v1/messages?after={id_}", headers=bearer(OTHER))
        assert (reply.status, reply.fields) == (400, ["after"])
        for client in (SHOP, OPS):
            reply = await rig.get("/v1/messages", headers=bearer(client))
            assert [one["id"] for one in reply.json["messages"]] == [id_]

    async def test_webhook_urls(self, build: Builder) -> None:
        rig = await build(webhook_hosts=("hooks.example.org",))
        await rig.submit(webhook_url="https://hooks.example.org/x")
        body = {"to": TO, "text": "hi", "webhook_url": "https://other.example.org/"}
        reply = await rig.post("/v1/messages", body)
        assert (reply.status, reply.fields) == (400, ["webhook_url"])


class TestFind:
    async def test_pages(self, rig: Rig) -> None:
        ids = [(await rig.submit())["id"] for _ in range(5)]
        seen: list[str] = []
        path = "/v1/messages?limit=2"
        for _ in range(3):
            page = (await rig.get(path)).json
            seen += [one["id"] for one in page["messages"]]
            path = f"/v1/messages?limit=2&after={page['next']}"
        assert seen == ids[::-1]
        assert page["next"] is None

    async def test_after_an_id(self, rig: Rig) -> None:
        first, second = [(await rig.submit())["id"] for _ in range(2)]
        page = (await rig.get(f"/v1/messages?after={second.upper()}")).json
        assert [one["id"] for one in page["messages"]] == [first]

    async def test_filters(self, rig: Rig) -> None:
        id_ = (await rig.submit(reference="a b&c", to="380671111111"))["id"]
        await rig.submit()
        for query in ({"reference": "a b&c"}, {"to": "+380 67 1111111"}):
            page = (await rig.get("/v1/messages", params=query)).json
            assert [one["id"] for one in page["messages"]] == [id_]
        assert len((await rig.get("/v1/messages?state=queued")).json["messages"]) == 2
        assert (await rig.get("/v1/messages?state=sent")).json["messages"] == []

    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ("state=lost", ["state"]),
            ("to=x", ["to"]),
            ("limit=0", ["limit"]),
            ("limit=1001", ["limit"]),
            ("limit=ten", ["limit"]),
            ("limit=²", ["limit"]),
            ("after=nothing", ["after"]),
            ("after=99999999999999999999", ["after"]),
            ("after=9223372036854775808", ["after"]),
            ("colour=red&size=1", ["colour", "size"]),
            ("limit=1&limit=2", ["limit"]),
        ],
    )
    async def test_bad_queries(self, rig: Rig, query: str, fields: list[str]) -> None:
        reply = await rig.get(f"/v1/messages?{query}")
        assert (reply.status, reply.fields) == (400, fields)


class TestOneMessage:
    @pytest.mark.parametrize("id_", ["nothing", "019b76da-a800-7611-85c8-d030c06773d3"])
    async def test_unknown(self, rig: Rig, id_: str) -> None:
        for method, path in (
            ("GET", f"/v1/messages/{id_}"),
            ("GET", f"/v1/messages/{id_}/trace"),
            ("DELETE", f"/v1/messages/{id_}"),
        ):
            assert (await rig.call(method, path)).status == 404
        reply = await rig.post(f"/v1/messages/{id_}/resolve", {"as": "fail"})
        assert reply.status == 404

    async def test_an_id_in_capitals(self, rig: Rig) -> None:
        id_ = (await rig.submit())["id"]
        assert (await rig.get(f"/v1/messages/{id_.upper()}")).json["id"] == id_

    async def test_in_flight(self, rig: Rig) -> None:
        message = await rig.submit()
        rig.dispatch.flying.add((await rig.stored(message["id"])).seq)
        shown = (await rig.get(f"/v1/messages/{message['id']}")).json
        assert shown["state"] == "submitting"
        reply = await rig.call("DELETE", f"/v1/messages/{message['id']}")
        assert reply.status == 409

    async def test_cancel(self, rig: Rig) -> None:
        id_ = (await rig.submit())["id"]
        for _ in range(2):
            reply = await rig.call("DELETE", f"/v1/messages/{id_}")
            assert reply.status == 200
            assert reply.json["state"] == "cancelled"
            assert reply.json["final"] is True

    async def test_trace(self, rig: Rig) -> None:
        id_ = (await rig.submit())["id"]
        trace = (await rig.get(f"/v1/messages/{id_}/trace")).json
        assert trace["id"] == id_
        assert [entry["event"] for entry in trace["timeline"]] == ["accepted", "routed"]
        assert trace["timeline"][1]["via"] == ["carrier", "backup"]

    async def test_resolve(self, rig: Rig) -> None:
        id_ = (await rig.submit())["id"]
        path = f"/v1/messages/{id_}/resolve"
        assert (await rig.post(path, {"as": "resend"})).status == 409
        record = await rig.stored(id_)
        plan = rig.carrier.plan(record.request)
        mark = Mark(seq=record.seq, plan=plan, at=1, on_unknown="hold", deadline=2)  # type: ignore[arg-type]
        await rig.store.intake(mark)
        await rig.store.intake(Hold(seq=record.seq, at=1, deadline=2))
        assert (await rig.get(f"/v1/messages/{id_}")).json["held"] is True
        reply = await rig.post(path, {"as": "later"})
        assert (reply.status, reply.fields) == (400, ["as"])
        reply = await rig.post(path, {"as": "fail"})
        assert (reply.status, reply.json["state"]) == (200, "unknown")


class TestEstimate:
    async def test_what_a_text_takes(self, rig: Rig) -> None:
        reply = await rig.post("/v1/estimate", {"to": TO, "text": "Привіт, світе"})
        assert reply.status == 200
        assert reply.json == {
            "encoding": "ucs2",
            "parts": 1,
            "units": 13,
            "units_per_part": 70,
            "forcing_characters": ["П", "р", "и", "в", "і", "т", "с", "е"],
        }
        assert rig.dispatch.offered == []

    async def test_no_destination_is_needed(self, rig: Rig) -> None:
        reply = await rig.post("/v1/estimate", {"text": "a" * 161})
        assert reply.json["parts"] == 2

    async def test_refused(self, rig: Rig) -> None:
        reply = await rig.post("/v1/estimate", {"text": 5, "to": "x"})
        assert (reply.status, reply.fields) == (400, ["text", "to"])
        reply = await rig.post("/v1/estimate", {"text": "hi", "to": "49151"})
        assert (reply.status, reply.fields) == (400, ["to"])


class TestInbound:
    async def receive(self, rig: Rig, text: str) -> None:
        inbound = InboundIn(
            connector="carrier",
            host="127.0.0.1:2775",
            source=TO,
            destination="4711",
            data_coding=0,
            encoding="gsm7",
            text=text,
            data=text.encode(),
            udh=None,
            received_at=rig.clock.now_ms(),
        )
        await rig.store.intake(ReceiveMo(inbound=inbound, give_up_at=0))

    async def test_pages(self, rig: Rig) -> None:
        for text in ("one", "two", "three"):
            await self.receive(rig, text)
        page = (await rig.get("/v1/inbound?limit=2")).json
        assert [one["text"] for one in page["messages"]] == ["three", "two"]
        assert set(page["messages"][0]) == {
            *("id", "connector", "from", "to", "text", "data", "encoding", "parts"),
            *("complete", "received_at"),
        }
        page = (await rig.get(f"/v1/inbound?limit=2&after={page['next']}")).json
        assert [one["text"] for one in page["messages"]] == ["one"]
        assert page["next"] is None

    async def test_bad_queries(self, rig: Rig) -> None:
        reply = await rig.get("/v1/inbound?after=x")
        assert (reply.status, reply.fields) == (400, ["after"])
        reply = await rig.get("/v1/inbound?state=new")
        assert (reply.status, reply.fields) == (400, ["state"])


async def test_routes_of_a_client(build: Builder) -> None:
    rules = (Rule(client=("shop",), via=("backup",)), Rule(via=("carrier",)))
    rig = await build(SHOP, OTHER, rules=rules)
    for client, via in ((SHOP, "backup"), (OTHER, "carrier")):
        rig.headers = bearer(client)
        record = await rig.stored((await rig.submit())["id"])
        assert record.via == (via,)
