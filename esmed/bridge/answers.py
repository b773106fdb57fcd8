"""What subscribers are answered: a text, or what somebody says who is asked for it.

A message that comes again is answered octet by octet as before. So the answer is on
disk, in one commit with the message, before it is given; and who comes again meanwhile
waits for the same one.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from esmed import __version__, log, views
from esmed.bridge.base import AutoReply, CallbackReply
from esmed.bridge.httpanswer import read, why
from esmed.clock import Clock
from esmed.connector import Sink
from esmed.errors import StoreError
from esmed.models import InboundIn, MoAnswer

STORED_WITHIN: Final = 20.0
"""Seconds, beside those of the question, after which a message is to come again."""
LONGEST: Final = 64 * 1024
"""Octets of an answer."""
_NOT_NOW: Final = CallbackReply(status=503)
"""Whatever stood in it could be sent to the subscriber."""

_log: Final = log.get("bridge.answers")


class Answers:
    """Answers the messages of one connector."""

    def __init__(self, name: str, *, sink: Sink, clock: Clock) -> None:
        self._name = name
        self._sink = sink
        self._clock = clock
        self._session: ClientSession | None = None
        self._under_way: dict[str, asyncio.Task[MoAnswer | None]] = {}
        """By the provider's id of the message, or a number of ours without one."""

    async def give(self, auto: AutoReply, message: InboundIn) -> CallbackReply:
        """Return what its sender is answered, once that is on disk."""
        key = message.remote_id or f"\0{id(message)}"
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._answer(auto, message))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        await asyncio.wait([task], timeout=auto.timeout + STORED_WITHIN)
        if not task.done() or task.cancelled():
            return _NOT_NOW
        answer = task.result()
        if answer is None:
            return _NOT_NOW
        return CallbackReply(content_type=answer.content_type, body=answer.body)

    async def stop(self) -> None:
        """Answer no more; who is not answered comes again."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _answer(self, auto: AutoReply, message: InboundIn) -> MoAnswer | None:
        """Find out the answer, and store it with its message; None: it cannot be."""
        if message.remote_id:
            try:
                known = await self._sink.answer_on_record(self._name, message.remote_id)
            except StoreError as error:
                _log.warning("answer.failed", connector=self._name, reason=str(error))
                return None
            if known is not None:
                return known
        text = await self._text(auto, message)
        answer = MoAnswer(
            content_type=f"text/plain; charset={auto.charset}",
            body=text.encode(auto.charset, "replace"),
        )
        stored: asyncio.Future[MoAnswer | None] = asyncio.Future()

        def done(found: MoAnswer | None) -> None:
            if not stored.done():
                stored.set_result(found)

        self._sink.answered(message, answer, done)
        return await stored

    async def _text(self, auto: AutoReply, message: InboundIn) -> str:
        if auto.url is None:
            return auto.text
        try:
            said = await self._ask(auto.url, auto.timeout, message)
        except (ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
            said, reason = None, why(error)
        else:
            reason = "no text in its answer"
        if said is not None:
            return said
        _log.warning("answer.failed", connector=self._name, reason=reason)
        return auto.text

    async def _ask(self, url: str, seconds: float, message: InboundIn) -> str | None:
        """Ask; None: what was answered is no text."""
        async with self._opened().post(
            url,
            data=self._event(message),
            headers={"Content-Type": "application/json"},
            timeout=ClientTimeout(total=seconds),
            allow_redirects=False,
        ) as response:
            body = await read(response, LONGEST)
            if body is None or not 200 <= response.status < 300:
                return None
            return body.decode(response.charset or "utf-8", "replace")

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                cookie_jar=DummyCookieJar(),
                headers={"User-Agent": f"esmed/{__version__}"},
            )
        return self._session

    def _event(self, message: InboundIn) -> bytes:
        """The message as the webhook has it, but for its id: that is the provider's,
        the same each time."""
        view = views.InboundView(
            id=message.remote_id,
            connector=message.connector,
            from_=message.source,
            to=message.destination,
            text=message.text,
            data=None if message.text is not None else message.data.hex(),
            encoding=message.encoding,
            parts=1,
            complete=True,
            received_at=views.timestamp(message.received_at),
        )
        return views.event("inbound.received", self._clock.now_ms(), view)
