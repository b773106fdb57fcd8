"""What a provider tells by itself: statuses and messages, posted to its client's URL.

What a message has to say goes out in order; it is repeated until it is answered with
2xx, a bounded number of times.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import aiohttp
from msgspec import Struct

log = logging.getLogger("esmed.simulator")

_WORKERS: Final = 32
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_KEPT: Final = 10_000


class Push(Struct, frozen=True, kw_only=True):
    """A request to the client."""

    body: bytes = b""
    content_type: str = "text/xml; charset=utf-8"
    method: str = "POST"
    query: str = ""
    headers: Mapping[str, str] = {}


class PushAnswer(Struct, frozen=True, kw_only=True):
    """What the client said to it; status 0: nothing at all."""

    status: int
    body: bytes = b""

    @property
    def taken(self) -> bool:
        """Whether it need not be repeated."""
        return 200 <= self.status < 300


class Pusher:
    """`start`, `push` what is to be told, `stop`."""

    def __init__(self, attempts: int, pause: float) -> None:
        self._attempts = attempts
        self._pause = pause
        self._queues: list[asyncio.Queue[tuple[str, Push]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession
        self.answers: deque[PushAnswer] = deque(maxlen=_KEPT)
        """The newest answers, in the order in which they came."""
        self.lost = 0
        """Pushes that were given up."""

    async def start(self) -> None:
        """Begin to push."""
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        for _ in range(_WORKERS):
            queue: asyncio.Queue[tuple[str, Push]] = asyncio.Queue()
            self._queues.append(queue)
            self._tasks.append(asyncio.create_task(self._work(queue)))

    async def stop(self) -> None:
        """Push nothing more."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        await self._session.close()

    def push(self, url: str, push: Push, key: str) -> None:
        """Tell it soon; what has one `key` goes in order."""
        self._queues[hash(key) % len(self._queues)].put_nowait((url, push))

    async def post(self, url: str, push: Push) -> PushAnswer:
        """Tell it now, once."""
        target = f"{url}{'&' if '?' in url else '?'}{push.query}" if push.query else url
        headers = {"Content-Type": push.content_type, **push.headers}
        try:
            async with self._session.request(
                push.method, target, data=push.body, headers=headers
            ) as response:
                return PushAnswer(status=response.status, body=await response.read())
        except (aiohttp.ClientError, TimeoutError) as exc:
            log.info("push unanswered: %s", type(exc).__name__)
            return PushAnswer(status=0)

    async def _work(self, queue: asyncio.Queue[tuple[str, Push]]) -> None:
        while True:
            url, push = await queue.get()
            for attempt in range(1, self._attempts + 1):
                answer = await self.post(url, push)
                self.answers.append(answer)
                if answer.taken:
                    break
                if attempt == self._attempts:
                    self.lost += 1
                    break
                await asyncio.sleep(self._pause)
