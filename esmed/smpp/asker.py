"""Requests that are not about sending a part, and whoever waits for their answers."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from esmed.clock import Clock
from esmed.connector import Capabilities, Sent
from esmed.models import Fault, FaultClass, ReceiptIn
from esmed.smpp.ancillary import Ancillary, asking
from esmed.smpp.config import Config
from esmed.smpp.hostbinds import HostBinds
from esmed.smpp.link import Link
from esmed.smpp.sender import Sender
from pdu import CancelSm, EncodeError, Pdu, QuerySm, command_name

MOST: Final = 10.0
"""Seconds that somebody waits for an answer, if ``response_timeout`` is not less."""

Answer: TypeAlias = "asyncio.Future[Pdu | Fault]"
"""What a session carries for us beside such a request."""


class Asker:
    """Asks over any bind of a connector: beside its window, but within its rate.

    The connector passes on what links tell of a request whose context is an answer.
    """

    def __init__(
        self,
        name: str,
        config: Config,
        hosts: Sequence[HostBinds],
        sender: Sender,
        clock: Clock,
    ) -> None:
        self._name = name
        self._hosts = hosts
        self._sender = sender
        self._clock = clock
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take the settings."""
        self._ancillary = Ancillary(self._name, config)
        self._limit = min(config.response_timeout, MOST)
        self.capabilities = Capabilities(cancel=config.cancel_sm, asking=asking(config))

    async def cancel(self, sent: Sent) -> Fault | None:
        """Ask by cancel_sm, over the host that has it or else another one."""
        answer = await self._ask(self._ancillary.cancel_sm(sent), sent.host)
        if isinstance(answer, Fault):
            return answer
        return self._ancillary.cancelled(answer)

    async def query(self, sent: Sent) -> ReceiptIn | Fault:
        """Ask by query_sm, likewise."""
        answer = await self._ask(self._ancillary.query_sm(sent), sent.host)
        if isinstance(answer, Fault):
            return answer
        return self._ancillary.found(answer, sent, self._clock.now_ms())

    async def _ask(self, request: CancelSm | QuerySm | Fault, host: str) -> Pdu | Fault:
        """Have a request answered: by this host, or else by another one.

        A request that could not be made comes back as it is.
        """
        loop = asyncio.get_running_loop()
        if isinstance(request, Fault):
            return request
        link = self._link(host)
        if link is None or link.transport is None:
            return _not_now("no bind that may send")
        answer: Answer = loop.create_future()
        try:
            link.transport.session.submit(request, loop.time(), answer)
        except EncodeError as error:
            return Fault(FaultClass.MESSAGE, error.field or None, str(error))
        self._sender.pace.take(1, loop.time())
        link.transport.touch()
        try:
            async with asyncio.timeout(self._limit):
                return await answer
        except TimeoutError:
            name = command_name(request.command_id)
            return _not_now(f"no answer to {name} within {self._limit:g} s")

    def _link(self, host: str) -> Link | None:
        links = [
            link for each in self._hosts for link in each.writable() if link.bind.sends
        ]
        return min(links, key=lambda link: link.address != host, default=None)


def is_answer(context: Any) -> bool:
    """Tell whether a request is one of ours."""
    return isinstance(context, asyncio.Future)


def answered(answer: Answer, pdu: Pdu) -> None:
    """Pass on an answer, unless whoever asked has gone."""
    if not answer.done():
        answer.set_result(pdu)


def lost(answer: Answer, reason: str) -> None:
    """Tell that there will be none."""
    if not answer.done():
        answer.set_result(_not_now(reason))


def _not_now(detail: str) -> Fault:
    return Fault(FaultClass.TEMPORARY, None, detail)
