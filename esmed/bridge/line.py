"""How requests get to a provider: its nodes, their health, one exchange at a time."""

from __future__ import annotations

import asyncio
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

    async def close(self) -> None:
        """Close the connections."""


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
        self._lost = {node: asyncio.Event() for node in self.nodes}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        """Whether every node is still looked after."""
        return not any(task.done() for task in self._tasks)

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

    def working(self) -> list[Node]:
        """Return the nodes that can be sent to, best first."""
        return [node for node in self.nodes if node.works]

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
        """Probe every node anew before anything else is sent."""
        for node in self.nodes:
            self.failed(node, reason)

    def failed(self, node: Node, reason: str) -> None:
        """Send nothing to a node until a probe of it succeeds."""
        if node.failed(reason, self._clock.now_ms()):
            self._news(node)
            self._lost[node].set()

    async def exchange(self, call: Call, node: Node) -> Reply | NotSent | Ambiguous:
        """Send one request to a node, and learn from that how it is."""
        meters = self._metrics.provider(call.operation)
        begun = self._clock.monotonic()
        reply = await self._carrier.exchange(call, node.name)
        meters.seconds.observe(self._clock.monotonic() - begun)
        match reply:
            case NotSent(reason):
                meters.requests["not_sent"].inc()
                self.failed(node, reason)
            case Ambiguous(reason):
                meters.requests["unanswered"].inc()
                if node.unanswered(reason, self._clock.now_ms()):
                    self._news(node)
                    self._lost[node].set()
            case Reply(status=status):
                meters.requests["answered" if status < 400 else "refused"].inc()
                if status < 500 or isinstance(call, MailCall):  # 5yz is a plain no
                    node.answered()
                elif node.unanswered(f"HTTP {status}", self._clock.now_ms()):
                    self._news(node)
                    self._lost[node].set()
        return reply

    async def ask(self, call: Call) -> Reply | NotSent | Ambiguous:
        """Send a request to the node that it names, else to the first that takes it."""
        reply: Reply | NotSent | Ambiguous = NotSent("no node works")
        for node in self.nodes if call.node else self.working():
            if call.node in {None, node.name}:
                reply = await self.exchange(call, node)
                if not isinstance(reply, NotSent):
                    return reply
        return reply

    async def _look_after(self, node: Node) -> None:
        """Probe a node until it works; then wait until it does not."""
        while True:
            fault = await self._probe(node)
            now = self._clock.now_ms()
            if fault is None:
                self._lost[node].clear()
                if node.worked(now):
                    self._news(node)
                await self._lost[node].wait()
            else:
                first = node.reason != fault.detail
                node.failed(fault.detail, now)
                if first:
                    self._news(node)
            account = fault is not None and fault.cls is FaultClass.ACCOUNT
            jitter = random.random()  # noqa: S311 - not for secrets
            await self._clock.sleep(node.pause(account=account, jitter=jitter))

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
        _log.info(
            "provider.node",
            connector=self._connector,
            host=node.name,
            works=node.works,
            reason=node.reason,
        )
        self._changed()
