"""What providers tell us, by push or when asked: to the store, and then an answer."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import Final

from esmed import log
from esmed.bridge.answers import Answers
from esmed.bridge.base import (
    CallbackReply,
    CallbackRequest,
    Mo,
    News,
    Provider,
    Reply,
)
from esmed.bridge.config import ProviderConfig
from esmed.bridge.line import Line
from esmed.clock import Clock
from esmed.connector import Received, Sink
from esmed.models import Fault, InboundIn, Millis, ReceiptIn
from pdu.receipt import canonical_id

STORED_WITHIN: Final = 20.0
"""Seconds that a provider waits for its answer at most; then it is to come again."""
PULL_BACK: Final = 2 * 86_400.0
PULL_OVERLAP: Final = 600.0
"""Seconds before now, and before the last pull, from which messages are asked for."""
NOT_NOW: Final = CallbackReply(status=503, body=b"not now\n")

_log: Final = log.get("bridge.intake")


class Intake:
    """Takes what one provider tells."""

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        *,
        provider: Provider,
        line: Line,
        sink: Sink,
        clock: Clock,
    ) -> None:
        self._name = name
        self._line = line
        self._sink = sink
        self._clock = clock
        self._provider = provider
        self._answers = Answers(name, sink=sink, clock=clock)
        self._secret = config.push_secret
        self._task: asyncio.Task[None] | None = None

    def configure(self, config: ProviderConfig, provider: Provider) -> None:
        """Read by these settings from now on."""
        self._provider = provider
        self._secret = config.push_secret

    @property
    def alive(self) -> bool:
        """Whether messages are still asked for, if they are to be."""
        return self._task is None or not self._task.done()

    def start(self) -> None:
        """Begin to ask for messages, where they do not come by themselves."""
        if self._provider.traits.pulls and self._provider.pull_every is not None:
            self._task = asyncio.get_running_loop().create_task(self._pull())

    async def stop(self) -> None:
        """Ask no more, and answer no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._answers.stop()

    def expects(self, secret: str, kind: str) -> bool:
        """Tell whether there is such a path; the time it takes tells nothing."""
        return (
            self._secret is not None
            and hmac.compare_digest(_octets(self._secret.reveal()), _octets(secret))
            and kind in self._provider.traits.pushes
        )

    async def callback(self, kind: str, request: CallbackRequest) -> CallbackReply:
        """Take a push to an expected path, and return its answer once all of it is on
        disk."""
        pushed = self._provider.parse_push(kind, request, self._clock.now_ms())
        if pushed.broken:
            _log.warning(
                "provider.push_broken",
                connector=self._name,
                path=kind,
                entries=pushed.broken,
            )
        elif pushed.reply.status >= 400:
            _log.warning(
                "provider.push_refused",
                connector=self._name,
                path=kind,
                status=pushed.reply.status,
            )
        now = self._clock.now_ms()
        items = [self._received(one, "callback", now) for one in pushed.items]
        match items:
            case [InboundIn() as message] if pushed.auto is not None:
                return await self._answers.give(pushed.auto, message)
            case [_, *_] if pushed.reply.status < 400 and not await self._store(items):
                return NOT_NOW
            case _:
                return pushed.reply

    def receipt(self, news: News, host: str, now: Millis) -> ReceiptIn:
        """Return news as a receipt."""
        return ReceiptIn(
            connector=self._name,
            host=host,
            smsc_id=news.ids[0],
            keys=tuple(canonical_id(one) for one in news.ids),
            state=news.state,
            stat=news.stat,
            err=news.err,
            at=now,
            source=news.recipient,
            reason=news.reason,
            done_at=news.done_at,
            text=news.text,
        )

    def _received(self, item: News | Mo, host: str, now: Millis) -> Received:
        if isinstance(item, News):
            return self.receipt(item, host, now)
        return InboundIn(
            connector=self._name,
            host=host,
            source=item.source,
            destination=item.destination,
            data_coding=0,
            encoding=item.encoding,
            text=item.text,
            data=item.data,
            udh=None,
            received_at=now,
            remote_id=item.id,
        )

    async def _store(self, items: Sequence[Received]) -> bool:
        """Wait until they are on disk; False if that takes too long, or cannot be."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def stored(results: Sequence[bool]) -> None:
            if not done.done():
                done.set_result(all(results))

        self._sink.received(items, stored)
        try:
            async with asyncio.timeout(STORED_WITHIN):
                return await done
        except TimeoutError:
            self._sink.refused(items)
            return False

    async def _pull(self) -> None:
        since = self._clock.now_ms() - round(PULL_BACK * 1000)
        while True:
            try:
                since = await self._pull_once(since)
            except Exception as error:  # noqa: BLE001 - the next one may go well
                _log.error("provider.bug", connector=self._name, exc=error)
            await self._clock.sleep(self._provider.pull_every or 60.0)

    async def _pull_once(self, since: Millis) -> Millis:
        """Ask for messages since then; return since when to ask next."""
        now = self._clock.now_ms()
        reply = await self._line.ask(self._provider.build_pull(since, now))
        if not isinstance(reply, Reply):
            return since
        found = self._provider.parse_pull(reply)
        if isinstance(found, Fault):
            _log.warning(
                "provider.pull_refused", connector=self._name, reason=found.detail
            )
            return since
        items = [self._received(one, reply.node, now) for one in found]
        if items and not await self._store(items):
            return since
        return now - round(PULL_OVERLAP * 1000)


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
