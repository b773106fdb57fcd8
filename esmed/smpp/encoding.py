"""A message as the PDUs of one SMSC: addresses, alphabet, parts, flags. Pure.

`Encoder.plan` decides once how a message is split; what it refuses can never go this
way. `Encoder.submit_sm` makes the PDU of one part, at the moment when it is written,
because what is left of the validity is only known then.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, assert_never

from esmed.models import Fault, FaultClass, Millis, Plan, Request
from esmed.smpp.config import Config, Numbering
from pdu import (
    DataCoding,
    EncodeError,
    EsmClass,
    Npi,
    PduError,
    SubmitSm,
    Tag,
    Ton,
    gsm0338,
    segment,
    smpptime,
    tlv,
    udh,
)
from pdu.datacoding import wire_payload
from pdu.vocabulary import RegisteredDelivery

MAX_ADDRESS: Final = 20
"""Octets of an address, SMPP 3.4 §5.2.8 and §5.2.9, without the NUL."""
MAX_ALPHANUMERIC: Final = 11
"""Septets of an alphanumeric sender: 10 octets on the air, 3GPP TS 23.040 §9.1.2.5."""
SHORT_CODE: Final = 6
"""Digits up to which a sender is a short code: no international number is shorter
than seven."""
MAX_OCTETS: Final = 140
"""Of the user data of one short message, 3GPP TS 23.040 §9.2.3.24."""
_SINGLE: Final = {"gsm7": 160}
"""Units of ``short_message`` that need no message_payload; 140 octets of all else."""

_DATA_CODING: Final = {
    "ucs2": int(DataCoding.UCS2),
    "latin1": int(DataCoding.LATIN1),
    "binary": int(DataCoding.BINARY),
}
_FLASH: Final = {
    # Message class 0 in the general group, 3GPP TS 23.038 §4. None for Latin-1.
    "gsm7": 0x10,
    "ucs2": 0x18,
    "binary": 0x14,
}
_UDHI: Final = int(EsmClass.UDHI)
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_RECEIPT: Final = int(RegisteredDelivery.RECEIPT)
_RECEIPT_AND_PROGRESS: Final = _RECEIPT | int(RegisteredDelivery.INTERMEDIATE)
_SOURCES_KEPT: Final = 10_000

Address = tuple[int, int, str]
"""TON, NPI and the address itself."""


class Encoder:
    """How one connector writes its messages."""

    def __init__(self, name: str, config: Config) -> None:
        self._name = name
        self._config = config
        destination = config.destination
        self._dest_ton, self._dest_npi = (
            (int(Ton.INTERNATIONAL), int(Npi.ISDN))
            if destination == "auto"
            else (destination.ton, destination.npi)
        )
        self._sources: dict[str | None, Address | Fault] = {}

    def plan(self, request: Request, reference: int) -> Plan | Fault:
        """Split a message; ``reference`` is used up if the plan has one.

        The fault of a message that cannot go has the class ``message`` and as its code
        the field at fault.
        """
        source = self._source(request.from_)
        if isinstance(source, Fault):
            return source
        if not _is_number(request.to):
            return _fault("to", f"is not a number of 1 to {MAX_ADDRESS} digits")
        if request.data is not None:
            return self._plan_binary(request, request.data, reference)
        if request.udh is not None:
            return _fault("udh", "goes with data, not with text")
        return self._plan_text(request, request.text or "", reference)

    def submit_sm(
        self, request: Request, plan: Plan, part: int, expires_at: Millis, now: Millis
    ) -> SubmitSm | Fault:
        """Make the PDU of one part, counted from 1, without its sequence number.

        A fault where the plan is older than the configuration and no longer fits it.
        """
        source = self._source(request.from_)
        if isinstance(source, Fault):
            return source
        payload = plan.parts[part - 1]
        total = len(plan.parts)
        tlvs: tuple[tuple[int, bytes], ...] = ()
        if plan.concatenation == "payload":
            if len(payload) > _SINGLE.get(plan.encoding, MAX_OCTETS):
                tlvs, payload = ((_PAYLOAD, payload),), b""
        elif plan.concatenation == "sar" and total > 1:
            tlvs = (
                tlv.build(Tag.SAR_MSG_REF_NUM, plan.reference or 0),
                tlv.build(Tag.SAR_TOTAL_SEGMENTS, total),
                tlv.build(Tag.SAR_SEGMENT_SEQNUM, part),
            )
        return SubmitSm(
            source_addr_ton=source[0],
            source_addr_npi=source[1],
            source_addr=source[2],
            dest_addr_ton=self._dest_ton,
            dest_addr_npi=self._dest_npi,
            destination_addr=request.to,
            esm_class=_UDHI if plan.udhi else 0,
            validity_period=self._validity(expires_at, now),
            registered_delivery=self._registered_delivery(request, part, total),
            data_coding=plan.data_coding,
            short_message=payload,
            tlvs=tlvs,
        )

    # --- addresses -------------------------------------------------------------------

    def _source(self, sender: str | None) -> Address | Fault:
        found = self._sources.get(sender)
        if found is None:
            if len(self._sources) >= _SOURCES_KEPT:
                self._sources.clear()
            found = _source(sender or self._config.default_from, self._config.source)
            self._sources[sender] = found
        return found

    # --- splitting -------------------------------------------------------------------

    def _plan_text(self, request: Request, text: str, reference: int) -> Plan | Fault:
        config = self._config
        try:
            # For sar_* and message_payload the SMSC makes headers, which need room too.
            split = segment.split(
                text,
                encoding=request.encoding,
                alphabet=config.alphabet,
                extension=config.extension,
                reference_octets=2 if config.concatenation == "udh16" else 1,
            )
        except EncodeError as error:
            return _fault("text", str(error))
        return self._assemble(request, split.encoding, split.parts, reference, ())

    def _plan_binary(
        self, request: Request, data: bytes, reference: int
    ) -> Plan | Fault:
        try:
            header = udh.parse(request.udh) if request.udh else udh.UserDataHeader()
        except PduError as error:
            return _fault("udh", str(error))
        elements = header.elements
        if request.udh and header.length != len(request.udh):
            return _fault("udh", "is longer than its first octet says")
        single = MAX_OCTETS - (header.length if elements else 0)
        if len(data) <= single:
            return self._assemble(request, "binary", (data,), reference, elements)
        if header.concatenation is not None:
            return _fault("data", f"too long for one part: at most {single} octets fit")
        wide = self._config.concatenation == "udh16"
        room = MAX_OCTETS - len(_header(elements, (reference, 1, 1), wide=wide))
        if room < 1:
            return _fault("udh", "leaves no room for data")
        chunks = tuple(data[at : at + room] for at in range(0, len(data), room))
        return self._assemble(request, "binary", chunks, reference, elements)

    def _assemble(
        self,
        request: Request,
        encoding: str,
        chunks: tuple[bytes, ...],
        reference: int,
        elements: tuple[udh.Element, ...],
    ) -> Plan | Fault:
        """Put headers before the chunks as the connector's concatenation wants it."""
        config = self._config
        total = len(chunks)
        most = min(request.max_parts or segment.MAX_PARTS, segment.MAX_PARTS)
        if total > most:
            return _fault("max_parts", f"takes {total} parts, at most {most} may go")
        if request.flash and encoding not in _FLASH:
            return _fault("flash", f"there is no flash message in {encoding}")
        if total > 1 and config.concatenation == "payload":
            chunks = (b"".join(chunks),)
        headers = [_header(elements)] * len(chunks)
        if total > 1 and config.concatenation in {"udh8", "udh16"}:
            wide = config.concatenation == "udh16"
            headers = [
                _header(elements, (reference, total, part), wide=wide)
                for part in range(1, total + 1)
            ]
        parts = tuple(
            header + wire_payload(chunk, encoding, config.alphabet, len(header))
            for header, chunk in zip(headers, chunks, strict=True)
        )
        return Plan(
            connector=self._name,
            encoding=encoding,
            data_coding=self._data_coding(encoding, flash=request.flash),
            udhi=bool(headers[0]),
            parts=parts,
            reference=reference if len(parts) > 1 else None,
            concatenation=config.concatenation,
        )

    def _data_coding(self, encoding: str, *, flash: bool) -> int:
        if flash:
            return _FLASH[encoding]
        return _DATA_CODING.get(encoding, self._config.gsm7_data_coding)

    # --- flags -----------------------------------------------------------------------

    def _registered_delivery(self, request: Request, part: int, total: int) -> int:
        wish = request.receipt
        if wish == "none" or not self._config.receipt_asked(part, total):
            return 0
        return _RECEIPT_AND_PROGRESS if wish == "all" else _RECEIPT

    def _validity(self, expires_at: Millis, now: Millis) -> str:
        match self._config.validity_format:
            case "relative":
                return _relative(max((expires_at - now) // 1000, 1))
            case "absolute":
                return _absolute(expires_at // 1000)
            case "none":
                return ""
            case _:
                assert_never(self._config.validity_format)


def _source(
    sender: str | None, numbering: Literal["auto"] | Numbering
) -> Address | Fault:
    """The address of a sender; none at all leaves it to the SMSC."""
    if not sender:
        return 0, 0, ""
    digits = sender.removeprefix("+")
    if _is_number(digits):
        auto = (
            (Ton.NETWORK_SPECIFIC, Npi.UNKNOWN)
            if len(digits) <= SHORT_CODE and digits == sender
            else (Ton.INTERNATIONAL, Npi.ISDN)
        )
        address = digits
    else:
        if not gsm0338.is_encodable(sender) or not _is_latin1(sender):
            return _fault("from", "has characters that no sender can have")
        if gsm0338.septets(sender) > MAX_ALPHANUMERIC:
            return _fault("from", f"is longer than {MAX_ALPHANUMERIC} characters")
        auto, address = (Ton.ALPHANUMERIC, Npi.UNKNOWN), sender
    if numbering == "auto":
        return int(auto[0]), int(auto[1]), address
    return numbering.ton, numbering.npi, address


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_ADDRESS


def _is_latin1(text: str) -> bool:
    return all(char <= "\xff" and char >= " " for char in text)


def _header(
    elements: tuple[udh.Element, ...],
    place: tuple[int, int, int] | None = None,
    *,
    wide: bool = False,
) -> bytes:
    """A user data header; ``place``: reference, total and part. Nothing makes none."""
    if place is not None:
        reference, total, part = place
        reference &= 0xFFFF if wide else 0xFF
        first = udh.concatenation_element(reference, total, part, wide=wide)
        elements = (first, *elements)
    return udh.build(elements) if elements else b""


def _fault(code: str, detail: str) -> Fault:
    return Fault(FaultClass.MESSAGE, code, detail)


# Most messages leave within seconds of their acceptance, with the same validity.
_relative = lru_cache(maxsize=4096)(smpptime.relative)


@lru_cache(maxsize=4096)
def _absolute(seconds: int) -> str:
    return smpptime.absolute(datetime.fromtimestamp(seconds, UTC))
