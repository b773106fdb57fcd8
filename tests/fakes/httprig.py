"""The HTTP interface on a real socket, before the real store and an idle dispatch."""

import io
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from fakes.clock import ManualClock
from fakes.gateway import IdleDispatch, PlanningConnector

from esmed.api import server
from esmed.api.service import HttpService
from esmed.config import Client, Http
from esmed.fieldtypes import Endpoint, UnixSocket
from esmed.gateway import Gateway
from esmed.listeners import listening
from esmed.metrics import Metrics
from esmed.models import Record
from esmed.routing import Router, Rule
from esmed.secret import Secret
from esmed.store.sqlite import SqliteStore

SHOP = Client(name="shop", token=Secret("shop-token"))
OPS = Client(name="ops", token=Secret("ops-token"), admin=True)
OTHER = Client(name="other", token=Secret("other-token"))


def bearer(client: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.token.reveal()}"}


@dataclass
class Reply:
    """An answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return [error["field"] for error in self.json.get("errors", [])]


@dataclass
class Rig:
    """Everything around one interface."""

    store: SqliteStore
    carrier: PlanningConnector
    backup: PlanningConnector
    dispatch: IdleDispatch
    gateway: Gateway
    clock: ManualClock
    metrics: Metrics
    session: aiohttp.ClientSession
    url: str = ""
    unix: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every request."""

    async def call(
        self, method: str, path: str, json: object = None, **kwargs: Any
    ) -> Reply:
        """Do a request; ``json`` is sent as such, ``data`` as it is."""
        if json is not None:
            kwargs["json"] = json
        elif isinstance(kwargs.get("data"), bytes):
            kwargs["headers"] = {
                "Content-Type": "application/json",
                **kwargs.get("headers", {}),
            }
            kwargs["data"] = io.BytesIO(kwargs["data"])
        kwargs["headers"] = {**self.headers, **kwargs.get("headers", {})}
        async with self.session.request(method, self.url + path, **kwargs) as response:
            body = await response.read()
            kind = response.headers.get("Content-Type", "")
            parsed = None
            if body and "json" in kind and "ndjson" not in kind:
                parsed = await response.json(content_type=kind)
            return Reply(response.status, dict(response.headers), body, parsed)

    async def post(self, path: str, json: object = None, **kwargs: Any) -> Reply:
        return await self.call("POST", path, json, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> Reply:
        return await self.call("GET", path, **kwargs)

    async def submit(self, **message: object) -> Any:
        """Submit a message that must be taken; its object."""
        body = {"to": "380501234567", "text": "hi", **message}
        reply = await self.post("/v1/messages", body)
        assert reply.status == 202, reply
        return reply.json

    async def stored(self, id_: str) -> Record:
        record = await self.store.get(id_)
        assert record is not None
        return record


class Builder:
    """Starts interfaces, as many as a test wants, and ends them with the test."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = AsyncExitStack()

    async def __call__(
        self,
        *clients: Client,
        rules: tuple[Rule, ...] = (Rule(to=("380",), via=("carrier", "backup")),),
        max_queued: int = 1000,
        webhook_hosts: tuple[str, ...] = (),
        **http: Any,
    ) -> Rig:
        clock = ManualClock()
        store = SqliteStore(self._path / "esmed.db", durability="normal")
        await store.open(clock.now_ms())
        self._stack.push_async_callback(store.close)
        carrier, backup = PlanningConnector("carrier"), PlanningConnector("backup")
        dispatch = IdleDispatch(store, (carrier, backup))
        gateway = Gateway(
            store=store,
            dispatch=dispatch,
            router=Router(rules, dispatch.connectors),
            clock=clock,
            max_queued=max_queued,
            webhook_hosts=webhook_hosts,
            webhook_key=b"secret",
        )
        metrics = Metrics(routes=server.ROUTES)
        config = Http(listen=(Endpoint("127.0.0.1", 0),), clients=clients, **http)
        unix = UnixSocket(self._path / "http.sock")
        sockets = self._stack.enter_context(listening([*config.listen, unix], {}))
        service = HttpService(sockets)
        self._stack.push_async_callback(service.close, 1.0)
        app = server.build(gateway, config, metrics, clock, service.traffic)
        address, _ = await service.start(app)
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return Rig(
            store=store,
            carrier=carrier,
            backup=backup,
            dispatch=dispatch,
            gateway=gateway,
            clock=clock,
            metrics=metrics,
            session=session,
            url=f"http://{address}",
            unix=str(unix.path),
        )

    async def close(self) -> None:
        await self._stack.aclose()
