"""Requests about a message that the SMSC has: cancel_sm and query_sm. Pure.

SMPP 3.4 §4.8 and §4.9. Both name it by the id of its submit_sm_resp, so what was never
answered cannot be asked for. Addresses are those of its submit_sm, as both want. SMSCs
that can do neither say generic_nack, or an error, or nothing at all.
"""

from typing import Final

from esmed.connector import Asking, Sent
from esmed.models import Fault, FaultClass, MessageState, Millis, ReceiptIn
from esmed.smpp.addresses import Addresses
from esmed.smpp.config import Config
from esmed.smpp.receipts import keys
from esmed.smpp.status import describe
from pdu import (
    CancelSm,
    CancelSmResp,
    CommandStatus,
    GenericNack,
    Pdu,
    QuerySm,
    QuerySmResp,
)
from pdu.receiptstate import BY_MESSAGE_STATE, STAT_OF

EVERY: Final = 1.0
"""Seconds between two query_sm: they are for what is late anyway, and must not be in
the way of what is not."""
AGAIN: Final = (60.0, 240.0, 960.0, 3840.0, 15_360.0)
"""Seconds after each."""

_UNSUPPORTED: Final = int(CommandStatus.ESME_RINVCMDID)


def asking(config: Config) -> Asking | None:
    """Return when an SMSC is asked what has become of parts; None: never."""
    if not config.query_sm or config.bind == "receiver":
        return None
    return Asking(first=config.receipt_timeout, again=AGAIN, batch=1, every=EVERY)


class Ancillary:
    """How one connector asks about what it has sent, and reads what it is told."""

    def __init__(self, name: str, config: Config) -> None:
        self._name = name
        self._addresses = Addresses(config)
        self._id_form = config.id_form

    def cancel_sm(self, sent: Sent) -> CancelSm | Fault:
        """Ask to drop a part. By its id alone, so service_type stays empty."""
        source = self._addresses.source(sent.request.from_)
        if isinstance(source, Fault):
            return source
        destination = self._addresses.destination(sent.request.to)
        if isinstance(destination, Fault):
            return destination
        return CancelSm(
            message_id=sent.smsc_id,
            source_addr_ton=source[0],
            source_addr_npi=source[1],
            source_addr=source[2],
            dest_addr_ton=self._addresses.destination_ton,
            dest_addr_npi=self._addresses.destination_npi,
            destination_addr=destination,
        )

    def query_sm(self, sent: Sent) -> QuerySm | Fault:
        """Ask what has become of a part."""
        source = self._addresses.source(sent.request.from_)
        if isinstance(source, Fault):
            return source
        return QuerySm(
            message_id=sent.smsc_id,
            source_addr_ton=source[0],
            source_addr_npi=source[1],
            source_addr=source[2],
        )

    def cancelled(self, pdu: Pdu) -> Fault | None:
        """Read the answer to a cancel_sm; None: the SMSC has dropped it."""
        if isinstance(pdu, CancelSmResp) and not pdu.status:
            return None
        return _refusal(pdu)

    def found(self, pdu: Pdu, sent: Sent, now: Millis) -> ReceiptIn | Fault:
        """Read the answer to a query_sm, as if it were a receipt."""
        if not isinstance(pdu, QuerySmResp) or pdu.status:
            return _refusal(pdu)
        state = BY_MESSAGE_STATE.get(pdu.message_state)
        if state is None:
            detail = f"message_state {pdu.message_state} means nothing"
            return Fault(FaultClass.PROTOCOL, None, detail)
        return ReceiptIn(
            connector=self._name,
            host=sent.host,
            smsc_id=sent.smsc_id,
            keys=keys("same", sent.smsc_id),
            state=MessageState(state),
            stat=STAT_OF[pdu.message_state],
            err=str(pdu.error_code) if pdu.error_code else "",
            at=now,
            source=sent.request.to,
            text="query_sm",
        )


def _refusal(pdu: Pdu) -> Fault:
    if isinstance(pdu, GenericNack) or pdu.status == _UNSUPPORTED:
        said = describe(pdu.status) if pdu.status else "generic_nack"
        detail = f"not supported by the SMSC: {said}"
        return Fault(FaultClass.PROTOCOL, pdu.status or None, detail)
    if not pdu.status:
        return Fault(FaultClass.PROTOCOL, None, "an answer that cannot be read")
    return Fault(FaultClass.MESSAGE, pdu.status, describe(pdu.status))
