"""A request that is repeated with its Idempotency-Key has the first answer."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from esmed.caller import Caller
from esmed.models import Millis
from esmed.refusals import KeyReusedError
from esmed.store.base import IdempotencyKey, Store


class Answer(Struct, frozen=True):
    """What a request was answered, as it is kept with its Idempotency-Key."""

    status: int
    body: bytes


class Claim(Struct, frozen=True):
    """An Idempotency-Key and the digest of the request it came with."""

    key: str
    digest: bytes


class Idempotency:
    """The keys of all clients, each with keys of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._claims: dict[tuple[str, str], asyncio.Event] = {}

    async def once(
        self, caller: Caller, claim: Claim, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return the first answer given to this key, doing ``work`` if there is none.

        ``work`` commits its answer with the key (``key_for``); what it raises is not
        kept. A concurrent repeat waits. KeyReusedError for another request.
        """
        scope = (caller.name or "", claim.key)
        while (running := self._claims.get(scope)) is not None:
            await running.wait()
        done = self._claims[scope] = asyncio.Event()
        try:
            known = await self._store.answer(*scope)
            if known is None:
                return await work()
            if known.digest != claim.digest:
                raise KeyReusedError
            return Answer(known.status, known.answer)
        finally:
            del self._claims[scope]
            done.set()


def key_for(
    caller: Caller, claim: Claim | None, answer: Answer, now: Millis
) -> IdempotencyKey | None:
    """Return what is to be committed with the messages of a claimed request."""
    if claim is None:
        return None
    return IdempotencyKey(
        client=caller.name or "",
        key=claim.key,
        digest=claim.digest,
        status=answer.status,
        answer=answer.body,
        at=now,
    )
