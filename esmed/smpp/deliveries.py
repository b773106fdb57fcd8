"""What an SMSC delivered is stored, and then answered on the bind that brought it.

Nothing is acknowledged before it is on disk. Where the SMSC does not wait that long
(`deliver_response_timeout`), what is late is refused for now, so that it comes again
and the link is not lost. As long as anything late is not on disk, all that comes is
refused at once, and not stored: the SMSC keeps it, and our memory is bounded. What is
stored although it was refused will be known when it comes again.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from esmed import log
from esmed.connector import Received, Sink
from esmed.models import Millis, ReceiptIn
from esmed.smpp.config import Config
from esmed.smpp.link import Link
from esmed.smpp.receipts import Interpreter
from esmed.smpp.session import Session
from esmed.smpp.transport import Transport
from pdu import DataSm, DeliverSm, EncodeError

_log: Final = log.get("smpp.deliveries")


class Deliveries:
    """The answers of one connector to what is delivered."""

    def __init__(self, name: str, config: Config, sink: Sink) -> None:
        self._name = name
        self._sink = sink
        self._late = 0
        """Batches that were refused for being late, and are not on disk yet."""
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take the settings."""
        self._read = Interpreter(self._name, config).read
        self._timeout = config.deliver_response_timeout
        self._error = config.deliver_response_error
        self._echoes = config.deliver_response_id == "echo"

    def take(
        self,
        link: Link,
        transport: Transport,
        pdus: Sequence[DeliverSm | DataSm],
        wall: Millis,
    ) -> None:
        """Have what the PDUs of one read mean stored, and answer them in time."""
        if self._late:
            self._refuse(transport, pdus)
            return
        read, address, session = self._read, link.address, link.session_name
        items = [read(pdu, address, session, wall) for pdu in pdus]
        timer: asyncio.TimerHandle | None = None
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            self._late += 1
            _log.warning("deliveries.late", connector=self._name, count=len(pdus))
            self._refuse(transport, pdus)
            self._sink.refused(items)

        def done(stored: Sequence[bool]) -> None:
            if late:
                self._late -= 1
                return
            if timer is not None:
                timer.cancel()
            self._answer(transport, pdus, items, stored)

        if self._timeout is not None:
            timer = asyncio.get_running_loop().call_later(self._timeout, give_up)
        self._sink.received(items, done)

    def _answer(
        self,
        transport: Transport,
        pdus: Sequence[DeliverSm | DataSm],
        items: Sequence[Received],
        stored: Sequence[bool],
    ) -> None:
        session = transport.session
        for pdu, item, is_stored in zip(pdus, items, stored, strict=True):
            if not is_stored:
                session.refuse(pdu, self._error)
            elif self._echoes and isinstance(item, ReceiptIn):
                _echo(session, pdu, item.smsc_id)
            else:
                session.accept(pdu)
        transport.touch()

    def _refuse(self, transport: Transport, pdus: Sequence[DeliverSm | DataSm]) -> None:
        for pdu in pdus:
            transport.session.refuse(pdu, self._error)
        transport.touch()


def _echo(session: Session, pdu: DeliverSm | DataSm, smsc_id: str) -> None:
    """Acknowledge with the id, unless no message_id can be like it: a text says
    anything, and without an answer it would come again for ever."""
    try:
        session.accept(pdu, smsc_id)
    except EncodeError:
        session.accept(pdu)
