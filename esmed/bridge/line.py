"""How requests get to a provider: its nodes, their health, one exchange at a time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from esmed import log
from esmed.bridge import nodes
from esmed.bridge.base import Ambiguous, Call, MailCall, NotSent, Provider, Reply
from esmed.bridge.nodes import Node
from esmed.clock import Clock
from esmed.connector import HostView
from esmed.metrics import ConnectorMetrics
from esmed.models import Fault, FaultClass

_log: Final = log.get("bridge.line")


class Carrier(Protocol):
    """Sends one request over HTTP, or one mail."""

    async def exchange(self, call: Call, node: str) -> Reply | NotSent | Ambiguous:
        """Send one request to a node, within the configured times."""

    def configure(self, *, response_timeout: float) -> None:
        """Wait so long for answers from now on."""

    async def close(self) -> None:
        """Close the connections; nothing is sent any more."""


class Line:
    """The way to one provider. ``changed`` is told when a node works, or does no
    more."""

    def __init__(
        self,
        connector: str,
        names: Sequence[str],
        *,
        provider: Callable[[], Provider],
        carrier: Carrier,
        clock: Clock,
        metrics: ConnectorMetrics,
        changed: Callable[[], None],
    ) -> None:
        self.nodes = nodes.of(names, clock.now_ms())
        self._connector = connector
        self._provider = provider
        self._carrier = carrier
        self._clock = clock
        self._metrics = metrics
        self._changed = changed
        self._working: Sequence[Node] = ()
        self._lost = {node: asyncio.Event() for node in self.nodes}
        self._hurry = {node: asyncio.Event() for node in self.nodes}
        """Set when a node is to be probed without a pause."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        """Whether every node is still looked after."""
        return not any(task.done() for task in self._tasks)

    def configure(self, *, response_timeout: float) -> None:
        """Wait so long for answers from now on."""
        self._carrier.configure(response_timeout=response_timeout)

    def start(self) -> None:
        """Begin to look after the nodes."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._look_after(node)) for node in self.nodes]

    async def stop(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._carrier.close()

    @property
    def working(self) -> Sequence[Node]:
        """The nodes that can be sent to, best first."""
        return self._working

    def views(self) -> list[HostView]:
        """Return what `GET /v1/connectors` shows of them."""
        return [
            HostView(
                address=node.name,
                role=node.role,
                state="bound" if node.works else "connecting",
                reason=node.reason,
                since=node.since,
            )
            for node in self.nodes
        ]

    def doubt(self, reason: str) -> None:
        """Probe every node anew, now, before anything else is sent."""
        for node in self.nodes:
            self._hurry[node].set()
            self.failed(node, reason)

    def failed(self, node: Node, reason: str) -> None:
        """Send nothing to a node until a probe of it succeeds."""
        if node.failed(reason, self._clock.now_ms()):
            self._news(node)

    def _unanswered(self, node: Node, reason: str) -> None:
        if node.unanswered(reason, self._clock.now_ms()):
            self._news(node)

    def read(self, node: Node, unread: str | None) -> None:
        """Note how an answer about messages was: why it says nothing of any, or None.

        Who says nothing is not asked without pause, since messages may be sent again
        each time.
        """
        if unread is None:
            node.served()
        elif node.unread(unread, self._clock.now_ms()):
            self._news(node)

    async def exchange(self, call: Call, node: Node) -> Reply | NotSent | Ambiguous:
        """Send one request to a node, and learn from that how it is."""
        meters = self._metrics.provider(call.operation)
        begun = self._clock.monotonic()
        reply = await self._carrier.exchange(call, node.name)
        meters.seconds.observe(self._clock.monotonic() - begun)
        match reply:
            case Reply(status=status):
                meters.requests["answered" if status < 400 else "refused"].inc()
                if status < 500 or isinstance(call, MailCall):  # 5yz is a plain no
                    node.answered()
                else:
                    self._unanswered(node, f"HTTP {status}")
            case NotSent(reason):
                meters.requests["not_sent"].inc()
                self.failed(node, reason)
            case Ambiguous(reason):
                meters.requests["unanswered"].inc()
                self._unanswered(node, reason)
        return reply

    async def ask(self, call: Call, first: str = "") -> Reply | NotSent | Ambiguous:
        """Send a request to the node that it names, else to the first that takes it:
        ``first`` before the others, if it works."""
        why = "no such node" if call.node else f"no node works: {self.nodes[0].reason}"
        reply: Reply | NotSent | Ambiguous = NotSent(why)
        order = sorted(self._working, key=lambda node: node.name != first)
        for node in self.nodes if call.node else order:
            if call.node in {None, node.name}:
                reply = await self.exchange(call, node)
                if not isinstance(reply, NotSent):
                    return reply
        return reply

    async def _look_after(self, node: Node) -> None:
        """Probe a node until it works; then wait until it does not."""
        while True:
            fault = await self._probe(node)
            if fault is None:
                self._lost[node].clear()
                if node.worked(self._clock.now_ms()):
                    self._news(node)
                await self._lost[node].wait()
            else:
                self.failed(node, fault.detail)
            account = fault is not None and fault.cls is FaultClass.ACCOUNT
            jitter = random.random()  # noqa: S311 - not for secrets
            await self._rest(node, node.pause(account=account, jitter=jitter))

    async def _rest(self, node: Node, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry[node].wait()
        self._hurry[node].clear()

    async def _probe(self, node: Node) -> Fault | None:
        provider = self._provider()
        try:
            reply = await self.exchange(provider.build_probe(), node)
            if isinstance(reply, Reply):
                return provider.parse_probe(reply)
        except Exception as error:  # noqa: BLE001 - what fails once must not end it
            _log.error("provider.bug", connector=self._connector, exc=error)
            return Fault(FaultClass.PROTOCOL, None, "an error of ours: see the log")
        return Fault(FaultClass.TEMPORARY, None, reply.reason)

    def _news(self, node: Node) -> None:
        self._working = [one for one in self.nodes if one.works]
        if not node.works:
            self._lost[node].set()
        _log.info(
            "provider.node",
            connector=self._connector,
            host=node.name,
            works=node.works,
            reason=node.reason,
        )
        self._changed()
