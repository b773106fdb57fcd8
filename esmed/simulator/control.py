"""A small HTTP interface to a running simulator, for tests in another process.

    POST   /mo          a `MoMessage`                                 {"parts": 3}
    POST   /fault       a fault, its clock starting now               {"key": 7}
    DELETE /fault       end every fault; /fault/KEY: that one         {}
    POST   /drop        {"how": "rst"|"fin"|"unbind", "system_id": …} {"dropped": 2}
    GET    /stats       `Stats`
    GET    /messages    ?after=&limit=  {"messages": […], "next": …, "incomplete": 0}

Bodies are JSON; 400 with {"error": …} for what cannot be done. Everybody who reaches
the port may do all this, so bind it to loopback.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS
from esmed.simulator.mo import MoMessage
from esmed.simulator.smsc import How, SmscSimulator
from esmed.simulator.values import read


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /drop."""

    how: How = "rst"
    system_id: str | None = None


class Control:
    """The listener; `start`, then `stop`."""

    def __init__(self, simulator: SmscSimulator) -> None:
        self._simulator = simulator
        application = web.Application(middlewares=[_errors])
        application.add_routes(
            [
                web.post("/mo", self._mo),
                web.post("/fault", self._fault),
                web.delete("/fault", self._clear),
                web.delete("/fault/{key}", self._remove),
                web.post("/drop", self._drop),
                web.get("/stats", self._stats),
                web.get("/messages", self._messages),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port. `OSError` if it cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close it."""
        await self._runner.cleanup()

    async def _mo(self, request: web.Request) -> web.Response:
        mo = read(await _body(request), MoMessage)
        return _json({"parts": self._simulator.inject_mo(mo)})

    async def _fault(self, request: web.Request) -> web.Response:
        fault = parse(await _body(request), KINDS)
        return _json({"key": self._simulator.add_fault(fault)})

    async def _clear(self, _: web.Request) -> web.Response:
        self._simulator.clear_faults()
        return _json({})

    async def _remove(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if not key.isdecimal() or not self._simulator.remove_fault(int(key)):
            raise ValueError(f"there is no fault {key}")
        return _json({})

    async def _drop(self, request: web.Request) -> web.Response:
        drop = read(await _body(request), Drop)
        return _json({"dropped": self._simulator.drop(drop.how, drop.system_id)})

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(self._simulator.stats)

    async def _messages(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        limit = int(request.query.get("limit", "1000"))
        if after < 0 or limit < 1:
            raise ValueError("after is at least 0 and limit at least 1")
        found = self._simulator.messages(after, limit)
        following = found[-1].number if found else after
        incomplete = self._simulator.incomplete
        return _json({"messages": found, "next": following, "incomplete": incomplete})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError as exc:
        return _json({"error": str(exc)}, status=400)


async def _body(request: web.Request) -> dict[str, Any]:
    return msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
