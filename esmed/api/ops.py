"""The endpoints about the daemon: its connectors, its health, its own description."""

from aiohttp import web

from esmed import views
from esmed.api import bodies, problems, reading, schema
from esmed.api.openapi import document
from esmed.api.problems import ProblemError
from esmed.api.table import (
    ConnectorList,
    OperationList,
    OperationView,
    Replayed,
    Status,
    WebhookSecret,
)
from esmed.caller import Caller
from esmed.connector import Connector
from esmed.gateway import Gateway
from esmed.metrics import CONTENT_TYPE, Metrics
from esmed.refusals import NotFoundError


class OpsApi:
    """``pause``, ``healthz`` and so on are the handlers of the operations so named."""

    def __init__(self, gateway: Gateway, metrics: Metrics, max_body: int) -> None:
        self._gateway = gateway
        self._metrics = metrics
        self._max_body = max_body
        self._document = views.encode(document())

    # --- connectors ------------------------------------------------------------------

    async def connectors(self, _: web.Request, __: Caller) -> web.Response:
        """``GET /v1/connectors``."""
        found = await self._gateway.connectors()
        return problems.json(views.encode(ConnectorList(found)))

    async def connector(self, request: web.Request, _: Caller) -> web.Response:
        """``GET /v1/connectors/{name}``."""
        return await self._shown(self._named(request).name)

    async def pause(self, request: web.Request, _: Caller) -> web.Response:
        """``POST /v1/connectors/{name}/pause``."""
        name = self._named(request).name
        await self._gateway.pause(name)
        return await self._shown(name)

    async def resume(self, request: web.Request, _: Caller) -> web.Response:
        """``POST /v1/connectors/{name}/resume``."""
        name = self._named(request).name
        await self._gateway.resume(name)
        return await self._shown(name)

    async def rebind(self, request: web.Request, _: Caller) -> web.Response:
        """``POST /v1/connectors/{name}/rebind``."""
        connector = self._named(request)
        connector.rebind()
        return await self._shown(connector.name)

    async def operations(self, request: web.Request, _: Caller) -> web.Response:
        """``GET /v1/connectors/{name}/operations``."""
        connector = self._named(request)
        found = [
            OperationView(one.name, one.summary, schema.arguments(one.arguments))
            for one in connector.operations()
        ]
        return problems.json(views.encode(OperationList(found)))

    async def operate(self, request: web.Request, _: Caller) -> web.Response:
        """``POST /v1/connectors/{name}/operations/{operation}``."""
        connector = self._named(request)
        name = request.match_info["operation"]
        found = (one for one in connector.operations() if one.name == name)
        operation = next(found, None)
        if operation is None:
            raise NotFoundError("the connector has no operation of this name")
        body = await reading.json_body(request, self._max_body)
        answer = await operation.run(bodies.arguments(body, operation.arguments))
        return problems.json(views.encode(answer))

    def _named(self, request: web.Request) -> Connector:
        return self._gateway.connector(request.match_info["name"])

    async def _shown(self, name: str) -> web.Response:
        for one in await self._gateway.connectors():
            if one.name == name:
                return problems.json(views.encode(one))
        raise NotFoundError("the connector has gone: the configuration has changed")

    # --- events ----------------------------------------------------------------------

    async def replay(self, request: web.Request, _: Caller) -> web.Response:
        """``POST /v1/replay``."""
        wanted = bodies.replay(await reading.json_body(request, self._max_body))
        count = await self._gateway.replay(
            since=schema.millis(wanted.since), dead=wanted.dead
        )
        return problems.json(views.encode(Replayed(count)))

    async def webhook_secret(self, request: web.Request, _: Caller) -> web.Response:
        """``GET /v1/webhook-secret``."""
        query = reading.query(request, {"url"})
        secret = self._gateway.webhook_secret(query.get("url", ""))
        return problems.json(views.encode(WebhookSecret(secret)))

    # --- health ----------------------------------------------------------------------

    async def healthz(self, _: web.Request, __: Caller) -> web.Response:
        """``GET /healthz``."""
        return problems.json(views.encode(Status("ok")))

    async def readyz(self, _: web.Request, __: Caller) -> web.Response:
        """``GET /readyz``."""
        reason = self._gateway.not_ready()
        if reason is not None:
            raise ProblemError(503, reason)
        return problems.json(views.encode(Status("ready")))

    async def metrics(self, _: web.Request, __: Caller) -> web.Response:
        """``GET /metrics``."""
        return web.Response(
            body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE}
        )

    async def openapi(self, _: web.Request, __: Caller) -> web.Response:
        """``GET /openapi.json``."""
        return problems.json(self._document)
