"""What an SMSC delivers, as the daemon understands it: receipts and MO. Pure."""

import re
from datetime import tzinfo
from functools import lru_cache
from typing import Final, assert_never

from msgspec import structs

from esmed.models import InboundIn, MessageState, Millis, ReceiptIn
from esmed.smpp.addresses import Addresses
from esmed.smpp.config import Config
from esmed.smpp.tables import Coding, error_code
from esmed.smpp.tlvs import Parameters
from pdu import DataCoding, DataSm, DeliverSm, EsmClass, Tag, national, tlv, udh
from pdu.datacoding import decode_text, encoding_of
from pdu.receipt import (
    Receipt,
    ReceiptState,
    as_decimal,
    as_hex,
    canonical_id,
    parse,
    parse_date,
)
from pdu.receiptstate import BY_MESSAGE_STATE, BY_STAT

_STATES: Final = {
    ReceiptState.DELIVERED: MessageState.DELIVERED,
    ReceiptState.UNDELIVERABLE: MessageState.UNDELIVERABLE,
    ReceiptState.EXPIRED: MessageState.EXPIRED,
    ReceiptState.DELETED: MessageState.DELETED,
    ReceiptState.UNKNOWN: MessageState.UNKNOWN,
    ReceiptState.REJECTED: MessageState.REJECTED,
    ReceiptState.BUFFERED: MessageState.BUFFERED,
    # A word that nobody knows ends nothing: the next receipt or the timeout will.
    None: MessageState.BUFFERED,
}
_UDHI: Final = int(EsmClass.UDHI)
_TEXT: Final = re.compile(rb"\btext ?:", re.IGNORECASE)
_WORDS_MOST: Final = 256
"""Octets of a receipt that are kept: longer ones are not of the usual kind."""
_YEAR_10000: Final = 253_402_300_800_000
"""Milliseconds of Unix time."""


def keys(id_form: str, message_id: str) -> tuple[str, ...]:
    """Under which canonical ids the message of a receipt may be on record.

    On record is the id of the response, so it is the receipt's that is converted:
    ``hex_in_response`` reads it as decimal and looks for hex, ``hex_in_receipt`` the
    other way round. Both look for nothing else where that works, since the same digits
    may be another message's id. ``auto`` looks as it stands first, then for both.
    """
    if not message_id:
        return ()
    same = canonical_id(message_id)
    match id_form:
        case "hex_in_response":
            return (as_hex(same) or same,)
        case "hex_in_receipt":
            return (as_decimal(same) or same,)
        case "auto":
            found = (same, as_hex(same), as_decimal(same))
            return tuple(dict.fromkeys([key for key in found if key is not None]))
        case _:
            return (same,)


class Interpreter:
    """Reads what comes over the binds of one connector.

    ``read(pdu, host, session, now)`` gives a receipt, or else an MO message: nothing
    that was delivered is without a meaning.
    """

    def __init__(self, name: str, config: Config) -> None:
        self._name = name
        self._addresses = Addresses(config)
        self._parameters = Parameters(config.tlvs)
        self._zone = config.timezone
        self._id_form = config.id_form
        self._alphabet = config.alphabet
        self._default_coding = config.gsm7_data_coding
        self._states = {
            stat: MessageState(state) for stat, state in config.receipt_states.items()
        }
        self._errors = config.receipt_errors
        self._pattern = config.receipt_pattern
        self._codings = config.mo_data_coding

    def read(
        self, pdu: DeliverSm | DataSm, host: str, session: str, now: Millis
    ) -> ReceiptIn | InboundIn:
        """Understand one PDU; ``host`` and ``session`` tell where it came from."""
        found = parse(pdu)
        if self._pattern is not None:
            found = _by_pattern(self._pattern, pdu, found)
        if found is not None:
            return self._receipt(pdu, found, host, now)
        return self._inbound(pdu, host, session, now)

    def _receipt(
        self, pdu: DeliverSm | DataSm, found: Receipt, host: str, now: Millis
    ) -> ReceiptIn:
        err = _error(found)
        return ReceiptIn(
            connector=self._name,
            host=host,
            smsc_id=found.message_id,
            keys=keys(self._id_form, found.message_id),
            state=self._states.get(found.stat.upper()) or _STATES[found.state],
            stat=found.stat,
            err=err,
            at=now,
            source=pdu.source_addr,
            destination=pdu.destination_addr,
            reason=self._errors.get(error_code(err), "") if self._errors else "",
            done_at=_moment(found.done_date, self._zone),
            text=_own_words(found.raw),
            tlvs=self._parameters.shown(pdu.tlvs) if pdu.tlvs else None,
        )

    def _inbound(
        self, pdu: DeliverSm | DataSm, host: str, session: str, now: Millis
    ) -> InboundIn:
        data = pdu.short_message if isinstance(pdu, DeliverSm) else b""
        data = data or tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
        header = None
        if pdu.esm_class & _UDHI:
            whole = data
            header, data = udh.split(whole)
        head = whole[: header.length] if header is not None else None
        reference, total, part = _place(pdu, header)
        coding = pdu.data_coding
        if (means := self._codings.get(coding)) is not None:
            coding, data = _recoded(data, means)
        shown = coding
        # What our texts are sent as is what theirs mean, where it is not the usual 0.
        if means is None and coding == self._default_coding:
            coding = int(DataCoding.DEFAULT)
        return InboundIn(
            connector=self._name,
            host=host,
            source=self._addresses.originator(pdu.source_addr),
            destination=pdu.destination_addr,
            data_coding=shown,
            encoding=encoding_of(coding),
            text=decode_text(
                data,
                coding,
                self._alphabet,
                0 if head is None else len(head),
                national.DEFAULT if header is None else header.shift,
            ),
            data=data,
            udh=head,
            received_at=now,
            reference=reference,
            total=total,
            part=part,
            session=session,
            tlvs=self._parameters.shown(pdu.tlvs) if pdu.tlvs else None,
        )


def _place(
    pdu: DeliverSm | DataSm, header: udh.UserDataHeader | None
) -> tuple[int | None, int, int]:
    """Reference, total and part of a message in parts; (None, 1, 1) if it is whole."""
    place = header.concatenation if header is not None else None
    if place is not None:
        return place.reference, place.total, place.part
    reference = tlv.get_int(pdu.tlvs, Tag.SAR_MSG_REF_NUM)
    total = tlv.get_int(pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS)
    part = tlv.get_int(pdu.tlvs, Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or part is None or not 1 <= part <= total:
        return None, 1, 1
    return reference, total, part


def _error(found: Receipt) -> str:
    """The text's ``err``, or where that says nothing network_error_code's number."""
    octets = found.network_error
    if octets is None or len(octets) != 3 or found.err.strip("0"):
        return found.err
    code = int.from_bytes(octets[1:], "big")
    return f"{code:03d}" if code else found.err


def _own_words(raw: bytes) -> str:
    """The text of a receipt up to where it repeats the message, which is private."""
    at = raw.lower().find(b"text")
    found = None if at < 0 else _TEXT.search(raw, at)
    end = len(raw) if found is None else found.start()
    return raw[: min(end, _WORDS_MOST)].decode("latin-1").replace("\0", " ").strip()


@lru_cache(maxsize=1024)
def _moment(date: str, zone: tzinfo) -> Millis | None:
    """A date of a receipt, which has seldom more than minutes and no zone.

    None too for what no UTC date of four digits can show: an SMSC that knows none
    writes the first day of the year 1, which east of Greenwich begins in the year 0.
    """
    found = parse_date(date)
    if found is None:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    at = round(found.timestamp() * 1000)
    return at if 0 <= at < _YEAR_10000 else None


def _by_pattern(
    pattern: re.Pattern[str], pdu: DeliverSm | DataSm, usual: Receipt | None
) -> Receipt | None:
    """A receipt as the operator says that they read; the usual one if it is none such.

    What TLVs say goes before it. Only the first octets are searched: patterns may be
    slow with long texts, and anybody can write a text.
    """
    raw = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    raw = raw or tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    match = pattern.search(raw[:_WORDS_MOST].decode("latin-1").replace("\0", " "))
    if match is None:
        return usual
    said = {key: value or "" for key, value in match.groupdict().items()}
    written, stat = said.pop("id", ""), said.get("stat", "")
    code = tlv.get_int(pdu.tlvs, Tag.MESSAGE_STATE)
    return structs.replace(
        usual or Receipt(raw=raw),
        message_id=tlv.get_str(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID) or written,
        state=BY_MESSAGE_STATE.get(code) or BY_STAT.get(stat.upper()),
        **said,
    )


def _recoded(data: bytes, means: Coding) -> tuple[int, bytes]:
    """What came, as one of the standard's data_codings, and its octets in that."""
    match means:
        case "gsm7":
            return int(DataCoding.DEFAULT), data
        case "latin1":
            return int(DataCoding.LATIN1), data
        case "binary":
            return int(DataCoding.BINARY), data
        case "ucs2":
            return int(DataCoding.UCS2), data
        case "ucs2-le":
            # Swapped, not decoded: a part may end with half of a pair.
            even = data[: len(data) & ~1]
            swapped = bytearray(data)
            swapped[: len(even) : 2], swapped[1 : len(even) : 2] = even[1::2], even[::2]
            return int(DataCoding.UCS2), bytes(swapped)
        case "utf8" | "cp1252" | "cp1251":
            text = data.decode(means, "replace")
        case _:
            assert_never(means)
    return int(DataCoding.UCS2), text.encode("utf-16-be", "replace")
