"""A small HTTP interface to a running simulator, for tests in another process.

    POST   /fault       a fault, its clock starting now               {"key": 7}
    DELETE /fault       end every fault; /fault/KEY: that one         {}
    GET    /stats       the figures since the start
    GET    /messages    ?after=&limit=          {"messages": […], "next": …, …}

Bodies are JSON; 400 with {"error": …} for what cannot be done. Everybody who reaches
the port may do all this, so bind it to loopback.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from aiohttp import web

from esmed.simulator.faults import Fault, parse

F = TypeVar("F", bound=Fault)
F_contra = TypeVar("F_contra", bound=Fault, contravariant=True)


class Numbered(Protocol):
    """A message, by the order in which it came."""

    @property
    def number(self) -> int:
        """From 1."""
        ...


class Controlled(Protocol[F_contra]):
    """What every simulator can."""

    def add_fault(self, fault: F_contra) -> int:
        """Take a fault in; the key is for `remove_fault`."""
        ...

    def remove_fault(self, key: int) -> bool:
        """End a fault; False if there is none with this key."""
        ...

    def clear_faults(self) -> None:
        """End every fault."""

    def messages(self, after: int = 0, limit: int | None = None) -> Sequence[Numbered]:
        """The messages whose `number` is above `after`."""
        ...

    @property
    def stats(self) -> msgspec.Struct:
        """The figures since the start."""
        ...


class Control(Generic[F]):
    """The listener; `start`, then `stop`. What one simulator can beside is `more`."""

    def __init__(self, simulator: Controlled[F], kinds: Mapping[str, type[F]]) -> None:
        self._simulator = simulator
        self._kinds = kinds
        application = web.Application(middlewares=[_errors])
        application.add_routes(
            [
                web.post("/fault", self._fault),
                web.delete("/fault", self._clear),
                web.delete("/fault/{key}", self._remove),
                web.get("/stats", self._stats),
                web.get("/messages", self._messages),
                *self.more(),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    def more(self) -> Sequence[web.RouteDef]:
        """Further paths."""
        return ()

    def about_messages(self) -> Mapping[str, object]:
        """What else there is to say of the messages."""
        return {}

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port. `OSError` if it cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close it."""
        await self._runner.cleanup()

    async def _fault(self, request: web.Request) -> web.Response:
        fault = parse(await body_of(request), self._kinds)
        return answer({"key": self._simulator.add_fault(fault)})

    async def _clear(self, _: web.Request) -> web.Response:
        self._simulator.clear_faults()
        return answer({})

    async def _remove(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if not key.isdecimal() or not self._simulator.remove_fault(int(key)):
            raise ValueError(f"there is no fault {key}")
        return answer({})

    async def _stats(self, _: web.Request) -> web.Response:
        return answer(self._simulator.stats)

    async def _messages(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        limit = int(request.query.get("limit", "1000"))
        if after < 0 or limit < 1:
            raise ValueError("after is at least 0 and limit at least 1")
        found = self._simulator.messages(after, limit)
        following = found[-1].number if found else after
        about = self.about_messages()
        return answer({"messages": found, "next": following, **about})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError as exc:
        return answer({"error": str(exc)}, status=400)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; `ValueError` if it is none."""
    return msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])


def answer(value: object, status: int = 200) -> web.Response:
    """JSON."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
