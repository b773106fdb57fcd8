"""What a provider is asked beside sending: states, cancellations, its operations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import structs

from esmed import log
from esmed.bridge.base import (
    Ambiguous,
    News,
    NoReply,
    NotSent,
    Procedure,
    Provider,
    Reply,
    Wait,
)
from esmed.bridge.intake import Intake
from esmed.bridge.line import Line
from esmed.clock import Clock
from esmed.connector import Operation, Sent
from esmed.models import Fault, FaultClass, ReceiptIn
from esmed.refusals import BusyError, ConflictError, FieldError, InvalidError

ASK_AGAIN: Final = 5
"""Seconds, for somebody whose question could not be put."""

_log: Final = log.get("bridge.inquiries")


class Inquiries:
    """Asks one provider."""

    def __init__(
        self,
        name: str,
        *,
        provider: Provider,
        line: Line,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._name = name
        self._provider = provider
        self._line = line
        self._intake = intake
        self._clock = clock

    def configure(self, provider: Provider) -> None:
        """Ask by these settings from now on."""
        self._provider = provider

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        """Ask what has become of messages, those who took them if they work, in as few
        calls as can be."""
        traits = self._provider.traits
        groups: dict[object, list[int]] = {}
        for index, one in enumerate(sent):
            group = one.host, self._provider.ask_group(one)
            groups.setdefault(group, []).append(index)
        calls = [
            indexes[start : start + traits.asks]
            for indexes in groups.values()
            for start in range(0, len(indexes), traits.asks)
        ]
        found: list[ReceiptIn | Fault | None] = [None] * len(sent)
        for number, indexes in enumerate(calls):
            if number:
                await self._clock.sleep(traits.asks_every)
            told = await self._ask([sent[index] for index in indexes])
            for index, answer in zip(indexes, told, strict=True):
                found[index] = answer
        return found

    async def _ask(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        """Put one question; an error of ours costs its answers, not all later ones."""
        try:
            return await self._answers(sent)
        except Exception as error:  # noqa: BLE001 - others wait to be asked for
            _log.error("provider.bug", connector=self._name, exc=error)
            fault = Fault(FaultClass.PROTOCOL, None, "an error of ours: see the log")
            return [fault] * len(sent)

    async def _answers(
        self, sent: Sequence[Sent]
    ) -> Sequence[ReceiptIn | Fault | None]:
        # Another node may know nothing of them, or not yet.
        reply = await self._line.ask(self._provider.build_ask(sent), sent[0].host)
        if not isinstance(reply, Reply):
            return [Fault(FaultClass.TEMPORARY, None, reply.reason)] * len(sent)
        now = self._clock.now_ms()
        told = self._provider.parse_ask(sent, reply)
        return [
            self._intake.receipt(_about(about, one), reply.node, now)
            if isinstance(one, News)
            else one
            for about, one in zip(sent, told, strict=True)
        ]

    async def cancel(self, sent: Sent) -> Fault | None:
        """Have a message dropped; None: it is."""
        reply = await self._line.ask(self._provider.build_cancel(sent), sent.host)
        if isinstance(reply, Reply):
            return self._provider.parse_cancel(sent, reply)
        return Fault(FaultClass.TEMPORARY, None, reply.reason)

    def operations(self) -> Sequence[Operation]:
        """Return the provider's procedures as operations."""
        return [
            Operation(
                name=one.name,
                summary=one.summary,
                arguments=one.arguments,
                run=partial(self._run, one),
            )
            for one in self._provider.procedures()
        ]

    async def _run(self, procedure: Procedure, arguments: Any) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(procedure.seconds):
                result = await self._walk(procedure, arguments)
        except TimeoutError:
            message = f"it took longer than {procedure.seconds:g} s"
            raise BusyError(message, ASK_AGAIN) from None
        except NoReply as error:
            raise BusyError(str(error), ASK_AGAIN) from None
        if not isinstance(result, Fault):
            return result
        if result.code in procedure.arguments.__struct_encode_fields__:
            raise InvalidError([FieldError(str(result.code), result.detail)])
        told = f"{result.code}: {result.detail}" if result.code else result.detail
        if result.cls is FaultClass.TEMPORARY:
            raise BusyError(told, ASK_AGAIN)
        raise ConflictError(told)

    async def _walk(
        self, procedure: Procedure, arguments: Any
    ) -> Mapping[str, Any] | Fault:
        """Go through its steps."""
        steps = procedure.run(arguments, self._clock.now_ms())
        try:
            step = next(steps)
            while True:
                if isinstance(step, Wait):
                    await self._clock.sleep(step.seconds)
                    step = steps.send(Reply(status=0))
                    continue
                reply = await self._line.ask(step)
                match reply:
                    case Reply():
                        step = steps.send(reply)
                    case NotSent(reason) | Ambiguous(reason):
                        step = steps.throw(NoReply(reason))
        except StopIteration as end:
            result: Mapping[str, Any] | Fault = end.value
            return result
        finally:
            steps.close()


def _about(sent: Sent, news: News) -> News:
    """Return news as what they are: about the message that was asked for, whatever
    else it is known by."""
    others = (one for one in news.ids if one != sent.smsc_id)
    return structs.replace(news, ids=(sent.smsc_id, *others), recipient=sent.request.to)
