"""The endpoints about the daemon, over HTTP."""

import pytest
from fakes.httprig import OPS, SHOP, Builder, Rig, bearer

from esmed import hooks
from esmed.connector import Health, HealthState
from esmed.metrics import CONTENT_TYPE


class TestConnectors:
    async def test_list(self, rig: Rig) -> None:
        await rig.submit()
        rig.clock.advance(2)
        reply = await rig.get("/v1/connectors")
        carrier, backup = reply.json["connectors"]
        assert carrier == {
            "name": "carrier",
            "kind": "fake",
            "state": "up",
            "reason": "",
            "since": "1970-01-01T00:00:00.000Z",
            "hosts": [
                {
                    "address": "127.0.0.1:2775",
                    "role": "primary",
                    "state": "bound",
                    "reason": "",
                    "since": "1970-01-01T00:00:00.000Z",
                    "binds": [
                        {
                            "bind": "transceiver",
                            "state": "bound",
                            "reason": "",
                            "since": "1970-01-01T00:00:00.000Z",
                        }
                    ],
                }
            ],
            "window_used": 3,
            "window_size": 10,
            "rate": 20.0,
            "rate_ceiling": None,
            "queued": 1,
            "oldest_queued_seconds": 2.0,
        }
        assert (backup["queued"], backup["oldest_queued_seconds"]) == (0, None)

    async def test_one(self, rig: Rig) -> None:
        assert (await rig.get("/v1/connectors/backup")).json["name"] == "backup"
        assert (await rig.get("/v1/connectors/nobody")).status == 404

    @pytest.mark.parametrize("order", ["pause", "resume", "rebind"])
    async def test_orders(self, rig: Rig, order: str) -> None:
        reply = await rig.post(f"/v1/connectors/carrier/{order}")
        assert reply.status == 200
        assert reply.json["name"] == "carrier"
        assert rig.carrier.calls == [order]
        assert (await rig.post(f"/v1/connectors/nobody/{order}")).status == 404

    async def test_one_that_a_reload_takes_away_meanwhile(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def go() -> None:
            rig.dispatch.connectors = {}

        monkeypatch.setattr(rig.carrier, "pause", go)
        assert (await rig.post("/v1/connectors/carrier/pause")).status == 404

    async def test_operations(self, rig: Rig) -> None:
        reply = await rig.get("/v1/connectors/carrier/operations")
        assert reply.status == 200
        assert reply.json == {
            "operations": [
                {
                    "name": "weigh",
                    "summary": "Weigh a parcel",
                    "arguments": {
                        "type": "object",
                        "properties": {
                            "grams": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "how heavy",
                            },
                            "what": {"type": "string", "default": "letter"},
                        },
                        "required": ["grams"],
                        "additionalProperties": False,
                    },
                }
            ]
        }
        assert (await rig.get("/v1/connectors/nobody/operations")).status == 404

    async def test_an_operation(self, rig: Rig) -> None:
        path = "/v1/connectors/carrier/operations/weigh"
        reply = await rig.post(path, {"grams": 5})
        assert (reply.status, reply.json) == (200, {"grams": 5, "what": "letter"})

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b"", "grams"),
            (b"{}", "grams"),
            (b'{"grams": 0}', "grams"),
            (b'{"grams": "5"}', "grams"),
            (b'{"grams": 5, "colour": "red"}', "colour"),
            (b"[]", ""),
            (b"{", ""),
        ],
    )
    async def test_arguments_that_do_not_fit(
        self, rig: Rig, body: bytes, field: str
    ) -> None:
        path = "/v1/connectors/carrier/operations/weigh"
        reply = await rig.post(path, data=body)
        assert (reply.status, reply.fields) == (400, [field])

    async def test_operations_that_cannot_be(self, rig: Rig) -> None:
        for path in ("carrier/operations/balance", "nobody/operations/weigh"):
            assert (await rig.post(f"/v1/connectors/{path}")).status == 404
        path = "/v1/connectors/carrier/operations/weigh"
        reply = await rig.post(path, {"grams": 1, "what": "air"})
        assert (reply.status, reply.headers["Retry-After"]) == (503, "7")

    async def test_operations_are_for_administrators(self, build: Builder) -> None:
        rig = await build(SHOP, OPS)
        path = "/v1/connectors/carrier/operations"
        assert (await rig.get(path, headers=bearer(SHOP))).status == 403
        body = {"grams": 1}
        shop, ops = bearer(SHOP), bearer(OPS)
        assert (await rig.post(f"{path}/weigh", body, headers=shop)).status == 403
        assert (await rig.post(f"{path}/weigh", body, headers=ops)).status == 200


class TestHealth:
    async def test_alive(self, rig: Rig) -> None:
        reply = await rig.get("/healthz")
        assert (reply.status, reply.json) == (200, {"status": "ok"})

    async def test_ready(self, rig: Rig) -> None:
        reply = await rig.get("/readyz")
        assert (reply.status, reply.json) == (200, {"status": "ready"})

    async def test_not_ready(self, rig: Rig) -> None:
        rig.carrier.state = rig.backup.state = Health(HealthState.DOWN, 0)
        reply = await rig.get("/readyz")
        assert reply.status == 503
        assert reply.json["detail"] == "no connector can take messages"
        assert (await rig.get("/healthz")).status == 200


async def test_metrics(rig: Rig) -> None:
    reply = await rig.get("/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == CONTENT_TYPE
    assert b"esmed_build_info" in reply.body


async def test_webhook_secret(build: Builder) -> None:
    rig = await build(webhook_hosts=("hooks.example.org",))
    reply = await rig.get("/v1/webhook-secret?url=https://hooks.example.org/a")
    expected = hooks.own_secret(b"secret", "https://hooks.example.org/a")
    assert (reply.status, reply.json) == (200, {"secret": expected})
    for url in ("https://elsewhere.example.org/a", "https://[", ""):
        reply = await rig.get(f"/v1/webhook-secret?url={url}")
        assert (reply.status, reply.fields) == (400, ["url"])


async def test_replay(rig: Rig) -> None:
    body = {"since": "2025-12-31T00:00:00Z", "dead": True}
    reply = await rig.post("/v1/replay", body)
    assert (reply.status, reply.json) == (200, {"replayed": 0})
    reply = await rig.post("/v1/replay", {"since": "2025-12-31"})
    assert (reply.status, reply.fields) == (400, ["since"])
