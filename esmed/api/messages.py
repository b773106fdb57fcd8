"""The endpoints about messages: read, ask the gateway, render."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from esmed import estimates, views
from esmed.api import bodies, problems, reading, schema
from esmed.api.access import Rates
from esmed.api.schema import Submit
from esmed.api.table import (
    BatchAnswer,
    BatchItem,
    InboundPage,
    MessageList,
    MessagePage,
)
from esmed.caller import Caller
from esmed.gateway import Gateway
from esmed.idempotency import Answer, Claim, key_for
from esmed.models import MessageState, Millis, Record, Request
from esmed.refusals import FieldError, ForbiddenError, InvalidError

_TURN: Final = 100
"""Messages prepared before others get their turn in the event loop: a few ms."""

_FOUND_BY: Final = ("state", "to", "reference", "after", "limit")


Batch = tuple[Sequence[Submit | InvalidError], Callable[[int], str]]
"""Messages, and how the place of each in the body is called."""


class _RawAnswer(msgspec.Struct):
    messages: list[msgspec.Raw]


_decode_batch_answer: Final = msgspec.json.Decoder(_RawAnswer).decode


class MessagesApi:
    """``submit``, ``find`` and so on are the handlers of the operations so named."""

    def __init__(self, gateway: Gateway, rates: Rates, max_body: int) -> None:
        self._gateway = gateway
        self._rates = rates
        self._max_body = max_body

    # --- submitting ------------------------------------------------------------------

    async def submit(self, request: web.Request, caller: Caller) -> web.Response:
        """``POST /v1/messages``."""
        self._rates.check(caller)
        body = await reading.json_body(request, self._max_body)
        claim = reading.claim(request, body)
        if claim is None:
            answer = await self._submit(body, caller, None)
        else:
            answer = await self._gateway.idempotency.once(
                caller, claim, lambda: self._submit(body, caller, claim)
            )
        return problems.json(answer.body, answer.status)

    async def batch(self, request: web.Request, caller: Caller) -> web.Response:
        """``POST /v1/messages/batch``."""
        self._rates.check(caller)
        body, in_lines = await reading.batch_body(request, self._max_body)
        claim = reading.claim(request, body)
        read = _in_lines if in_lines else _in_list
        if claim is None:
            answer = await self._batch(body, read, caller, None)
        else:
            answer = await self._gateway.idempotency.once(
                caller, claim, lambda: self._batch(body, read, caller, claim)
            )
        if reading.wants_ndjson(request):
            return problems.ndjson(_decode_batch_answer(answer.body).messages)
        return problems.json(answer.body, answer.status)

    async def _submit(self, body: bytes, caller: Caller, claim: Claim | None) -> Answer:
        gateway = self._gateway
        gateway.admit(1)
        now = gateway.now()
        parsed = bodies.submit(body, now)
        requests = schema.requests(parsed, now)
        self._rates.take(caller, len(requests))
        if isinstance(parsed.to, list):
            records = await self._drafts(requests, caller, now)
            shown = [views.message(record, now) for record in records]
            rendered = views.encode(MessageList(shown))
        else:
            records = [gateway.drafts.draft(requests[0], caller, now)]
            rendered = views.encode(views.message(records[0], now))
        answer = Answer(202, rendered)
        await gateway.commit(records, key_for(caller, claim, answer, now))
        return answer

    async def _drafts(
        self, requests: Sequence[Request], caller: Caller, now: Millis
    ) -> list[Record]:
        """Prepare all destinations of a list, or none."""
        records: list[Record] = []
        errors: dict[FieldError, None] = {}
        for index, request in enumerate(requests):
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            try:
                records.append(self._gateway.drafts.draft(request, caller, now))
            except InvalidError as exc:
                # What is wrong with the text is wrong with it for everyone: once.
                for error in exc.errors:
                    errors[_of_destination(error, index)] = None
        if errors:
            raise InvalidError(list(errors))
        return records

    async def _batch(
        self,
        body: bytes,
        read: Callable[[bytes], Batch],
        caller: Caller,
        claim: Claim | None,
    ) -> Answer:
        gateway = self._gateway
        gateway.admit(1)
        now = gateway.now()
        messages, place = read(body)
        self._rates.take(caller, len(messages))
        records: list[Record] = []
        items: list[BatchItem] = []
        for index, message in enumerate(messages):
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            made = self._batched(message, partial(place, index), caller, now)
            if isinstance(made, Record):
                records.append(made)
                items.append(BatchItem(id=made.id))
            else:
                items.append(made)
        accepted = len(records)
        shown = BatchAnswer(accepted, len(items) - accepted, items)
        answer = Answer(200, views.encode(shown))
        if records:
            await gateway.commit(records, key_for(caller, claim, answer, now))
        return answer

    def _batched(
        self,
        message: Submit | InvalidError,
        place: Callable[[], str],
        caller: Caller,
        now: Millis,
    ) -> Record | BatchItem:
        try:
            if isinstance(message, InvalidError):
                raise message
            return self._gateway.drafts.draft(schema.request(message, now), caller, now)
        except InvalidError as exc:
            errors = bodies.prefixed(place(), exc.errors)
            return BatchItem(error=problems.describe(InvalidError(errors)))
        except ForbiddenError as exc:
            errors = bodies.prefixed(place(), exc.errors)
            return BatchItem(error=problems.describe(ForbiddenError(str(exc), errors)))

    async def estimate(self, request: web.Request, caller: Caller) -> web.Response:
        """``POST /v1/estimate``."""
        body = await reading.json_body(request, self._max_body)
        now = self._gateway.now()
        wanted = schema.estimated(bodies.estimated(body, now), now)
        plan = self._gateway.drafts.estimate(wanted, caller)
        return problems.json(views.encode(estimates.estimate(plan)))

    # --- asking ----------------------------------------------------------------------

    async def get(self, request: web.Request, caller: Caller) -> web.Response:
        """``GET /v1/messages/{id}``."""
        return self._shown(await self._gateway.get(_id(request), caller))

    async def find(self, request: web.Request, caller: Caller) -> web.Response:
        """``GET /v1/messages``."""
        parameters = reading.query(request, _FOUND_BY)
        after: int | None = None
        if (text := parameters.get("after")) is not None:
            after = reading.position(text)
            if after is None:
                after = await self._gateway.position(text.lower(), caller)
        to = parameters.get("to")
        found = await self._gateway.find(
            caller,
            state=_state(parameters),
            to=None if to is None else schema.number(to),
            reference=parameters.get("reference"),
            after=after,
            limit=reading.limit(parameters),
        )
        page = MessagePage(
            [self._gateway.show(record) for record in found.records], _next(found.next)
        )
        return problems.json(views.encode(page))

    async def trace(self, request: web.Request, caller: Caller) -> web.Response:
        """``GET /v1/messages/{id}/trace``."""
        found = await self._gateway.trace(_id(request), caller)
        return problems.json(views.encode(found))

    async def inbound(self, request: web.Request, _: Caller) -> web.Response:
        """``GET /v1/inbound``."""
        parameters = reading.query(request, ("after", "limit"))
        after: int | None = None
        if (text := parameters.get("after")) is not None:
            after = reading.position(text)
            if after is None:
                raise InvalidError([FieldError("after", "expected a `next`")])
        limit = reading.limit(parameters)
        found = await self._gateway.inbound(after=after, limit=limit + 1)
        shown = [views.inbound(item) for item in found[:limit]]
        more = found[limit - 1].seq if len(found) > limit else None
        return problems.json(views.encode(InboundPage(shown, _next(more))))

    # --- deciding --------------------------------------------------------------------

    async def cancel(self, request: web.Request, caller: Caller) -> web.Response:
        """``DELETE /v1/messages/{id}``."""
        return self._shown(await self._gateway.cancel(_id(request), caller))

    async def resolve(self, request: web.Request, caller: Caller) -> web.Response:
        """``POST /v1/messages/{id}/resolve``."""
        body = await reading.json_body(request, self._max_body)
        resend = bodies.resolve(body)
        record = await self._gateway.resolve(_id(request), caller, resend=resend)
        return self._shown(record)

    def _shown(self, record: Record) -> web.Response:
        return problems.json(views.encode(self._gateway.show(record)))


def _in_list(body: bytes) -> Batch:
    return bodies.batch(body), "messages[{}]".format


def _in_lines(body: bytes) -> Batch:
    lines = bodies.batch_lines(body)
    return [one.message for one in lines], lambda index: f"line {lines[index].number}"


def _id(request: web.Request) -> str:
    return request.match_info["id"].lower()


def _of_destination(error: FieldError, index: int) -> FieldError:
    if error.field == "to":
        return FieldError(f"to[{index}]", error.message)
    return error


def _state(parameters: dict[str, str]) -> MessageState | None:
    text = parameters.get("state")
    if text is None:
        return None
    try:
        return MessageState(text)
    except ValueError:
        known = ", ".join(MessageState)
        raise InvalidError([FieldError("state", f"expected one of {known}")]) from None


def _next(position: int | None) -> str | None:
    return None if position is None else str(position)
