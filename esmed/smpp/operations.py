"""What an operator can ask of an SMPP connector beside sending."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from esmed import log
from esmed.clock import Clock
from esmed.connector import Operation, Sent
from esmed.models import Fault, FaultClass, ReceiptIn, Request
from esmed.refusals import BusyError, ConflictError, FieldError, InvalidError
from esmed.smpp.link import Link
from esmed.smpp.pdutrace import Direction, describe

MOST_SECONDS: Final = 3600
ASK_AGAIN: Final = 5
"""Seconds, for somebody whose question could not be put."""

_log: Final = log.get(log.ASKED_FOR)


class TracePdus(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``trace_pdus``."""

    seconds: Annotated[
        int, Meta(ge=0, le=MOST_SECONDS, description="for how long; 0: no longer")
    ] = 60
    texts: Annotated[
        bool, Meta(description="show phone numbers and texts as well; never passwords")
    ] = False
    host: Annotated[str | None, Meta(description="host:port; null: of all hosts")] = (
        None
    )


class QuerySm(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``query_sm``."""

    id: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="the SMSC's id of the part"),
    ]
    sender: Annotated[
        str | None,
        Meta(description="it was sent from; null: `default_from`"),
    ] = None


def query_sm(query: Callable[[Sent], Awaitable[ReceiptIn | Fault]]) -> Operation:
    """Ask the SMSC what has become of a part. Nothing follows from the answer."""

    async def run(wanted: QuerySm) -> Mapping[str, Any]:
        about = Request(to="", from_=wanted.sender)
        found = await query(Sent(request=about, host="", smsc_id=wanted.id))
        if isinstance(found, ReceiptIn):
            return {"state": found.state, "stat": found.stat, "err": found.err}
        if found.cls is FaultClass.TEMPORARY:
            raise BusyError(found.detail, ASK_AGAIN)
        raise ConflictError(found.detail)

    return Operation(
        name="query_sm",
        summary="Ask the SMSC what has become of a part",
        arguments=QuerySm,
        run=run,
    )


class PduTrace:
    """Every PDU of a connector's links in the log, for a while."""

    def __init__(self, connector: str, links: Iterable[Link], clock: Clock) -> None:
        self._connector = connector
        self._links = tuple(links)
        self._clock = clock
        self._end: asyncio.TimerHandle | None = None

    @property
    def operation(self) -> Operation:
        """Switches it on and off."""
        return Operation(
            name="trace_pdus",
            summary="Log every PDU for a while, an event `pdu` each",
            arguments=TracePdus,
            run=self._run,
        )

    def stop(self) -> None:
        """End it, if it is on."""
        if self._end is None:
            return
        self._end.cancel()
        self._end = None
        for link in self._links:
            link.trace(None)
        _log.info("pdu.trace_ended", connector=self._connector)

    async def _run(self, wanted: TracePdus) -> Mapping[str, Any]:
        links = self._chosen(wanted.host)
        self.stop()
        until = datetime.fromtimestamp(self._clock.now() + wanted.seconds, UTC)
        hosts = list(dict.fromkeys(link.address for link in links))
        if wanted.seconds:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(wanted.seconds, self.stop)
            _log.info(
                "pdu.trace_began",
                connector=self._connector,
                hosts=",".join(hosts),
                seconds=wanted.seconds,
                texts=wanted.texts,
            )
            for link in links:
                link.trace(partial(self._tell, link, wanted.texts))
        return {"hosts": hosts, "until": until.isoformat(), "texts": wanted.texts}

    def _chosen(self, host: str | None) -> Sequence[Link]:
        links = [link for link in self._links if host in {None, link.address}]
        if not links:
            known = ", ".join(dict.fromkeys(link.address for link in self._links))
            message = f"no host of this connector; there is {known}"
            raise InvalidError([FieldError("host", message)])
        return links

    def _tell(
        self, link: Link, texts: bool, direction: Direction, frame: bytes
    ) -> None:
        _log.info(
            "pdu",
            connector=self._connector,
            host=link.address,
            bind=link.bind.label,
            direction=direction,
            **describe(frame, texts=texts),
        )
