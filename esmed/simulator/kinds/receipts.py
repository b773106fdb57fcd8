"""Faults of receipts: when, where, how often they come, and what they look like."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from esmed.simulator import wire
from esmed.simulator.kinds.traffic import OfMessages
from pdu import CommandId, DataSm, DeliverSm, Tag, decode, encode

if TYPE_CHECKING:
    from esmed.simulator.hooks import Plan

_FIELD: Final = re.compile(r"(id|submit date|done date|stat|err):(\S*)")
_PLACE: Final = re.compile(r"\{(.+?)\}")


class ReceiptBeforeResponse(OfMessages, frozen=True, kw_only=True):
    """The receipt is sent at once, before the response."""

    kind = "receipt_before_response"

    def submit(self, plan: Plan) -> None:
        plan.receipt_first = True


class ReceiptTwice(OfMessages, frozen=True, kw_only=True):
    """Each receipt is sent twice, as two messages."""

    kind = "receipt_twice"

    def submit(self, plan: Plan) -> None:
        plan.receipts = 2


class ReceiptOnOtherBind(OfMessages, frozen=True, kw_only=True):
    """The receipt goes to another session of the system_id, if there is one."""

    kind = "receipt_on_other_bind"

    def submit(self, plan: Plan) -> None:
        plan.other_bind = True


class ReceiptLost(OfMessages, frozen=True, kw_only=True):
    """No receipt comes of the messages that this strikes."""

    kind = "receipt_lost"

    def submit(self, plan: Plan) -> None:
        plan.receipts = 0


class ReceiptUnasked(OfMessages, frozen=True, kw_only=True):
    """A receipt comes although registered_delivery does not ask for one."""

    kind = "receipt_unasked"

    def submit(self, plan: Plan) -> None:
        plan.unasked = True


class ReceiptOdd(OfMessages, frozen=True, kw_only=True):
    """Receipts look as this SMSC likes them.

    `text` replaces theirs; `{id}`, `{stat}`, `{err}`, `{submit date}`, `{done date}` in
    it are those of the usual text. `tlvs=false` leaves out the TLVs, `esm_class=0` does
    not say that it is one, `swapped=false` leaves the addresses in their places,
    `data_sm=true` makes it a data_sm.
    """

    kind = "receipt_odd"

    text: str | None = None
    tlvs: bool = True
    esm_class: int | None = None
    swapped: bool = True
    data_sm: bool = False

    def submit(self, plan: Plan) -> None:
        plan.dress = partial(_dressed, self)


def _dressed(odd: ReceiptOdd, body: bytes) -> tuple[int, bytes]:
    usual = decode(wire.request(CommandId.DELIVER_SM, 1, body))
    assert isinstance(usual, DeliverSm)  # noqa: S101 - we have just built it
    text = usual.short_message
    if odd.text is not None:
        text = _filled(odd.text, text.decode("latin-1")).encode("latin-1", "replace")
    source = (usual.source_addr_ton, usual.source_addr_npi, usual.source_addr)
    other = (usual.dest_addr_ton, usual.dest_addr_npi, usual.destination_addr)
    if not odd.swapped:
        source, other = other, source
    fields: dict[str, Any] = {
        "sequence": 1,
        "source_addr_ton": source[0],
        "source_addr_npi": source[1],
        "source_addr": source[2],
        "dest_addr_ton": other[0],
        "dest_addr_npi": other[1],
        "destination_addr": other[2],
        "esm_class": usual.esm_class if odd.esm_class is None else odd.esm_class,
        "tlvs": usual.tlvs if odd.tlvs else (),
    }
    if odd.data_sm:
        payload = (int(Tag.MESSAGE_PAYLOAD), text)
        pdu: DataSm | DeliverSm = DataSm(
            **fields | {"tlvs": (payload, *fields["tlvs"])}
        )
    else:
        pdu = DeliverSm(**fields, short_message=text)
    return pdu.command_id, encode(pdu)[wire.HEADER.size :]


def _filled(template: str, usual: str) -> str:
    """The template with the fields of the usual text in it."""
    known = dict(_FIELD.findall(usual))
    return _PLACE.sub(lambda place: known.get(place[1], ""), template)
