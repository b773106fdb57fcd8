"""A message as the PDUs of one SMSC: addresses, alphabet, parts, flags. Pure.

`Encoder.plan` decides once how a message is split; what it refuses can never go this
way. `Encoder.submit_sm` makes the PDU of one part, at the moment when it is written,
because what is left of the validity is only known then.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Final, assert_never

from msgspec import structs

from esmed.models import Count, Fault, Millis, Plan, Priority, Request
from esmed.smpp.addresses import Addresses, fault
from esmed.smpp.config import Config
from esmed.smpp.tlvs import Parameters
from pdu import (
    DataCoding,
    DataSm,
    EncodeError,
    EsmClass,
    PduError,
    SubmitSm,
    Tag,
    segment,
    smpptime,
    tlv,
    udh,
)
from pdu.datacoding import wire_payload
from pdu.national import Language
from pdu.segment import Split

MAX_OCTETS: Final = 140
"""Of the user data of one short message, 3GPP TS 23.040 §9.2.3.24."""

_FLASH: Final = {
    # Message class 0 in the general group, 3GPP TS 23.038 §4. None for Latin-1.
    "gsm7": 0x10,
    "ucs2": 0x18,
    "binary": 0x14,
}
_UDHI: Final = int(EsmClass.UDHI)
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)


class Encoder:
    """How one connector writes its messages."""

    def __init__(self, name: str, config: Config) -> None:
        self._name = name
        self._config = config
        self._addresses = Addresses(config)
        self._rewrites = config.destination_format != "plain"
        self._data_codings = {
            "gsm7": config.gsm7_data_coding,
            "ucs2": config.ucs2_data_coding,
            "latin1": int(DataCoding.LATIN1),
            "binary": int(DataCoding.BINARY),
        }
        self._parameters = Parameters(config.tlvs)
        self._adds = bool(config.tlvs)
        self._esm_class = config.esm_class
        self._esm_class_udhi = config.esm_class | _UDHI
        self._registered = {
            "final": config.registered_delivery.final,
            "all": config.registered_delivery.all,
            "none": config.registered_delivery.none,
        }
        self._validity = _validity(config)
        self._schedule = _schedule(config)
        self._otherwise = _otherwise(config)
        self._is_payload = config.concatenation == "payload"
        self._as_data_sm = config.submit_with == "data_sm"

    def plan(self, request: Request, reference: int) -> Plan | Fault:
        """Split a message; ``reference`` is used up if the plan has one.

        The fault of a message that cannot go has the class ``message`` and as its code
        the field at fault.
        """
        source = self._addresses.source(request.from_)
        if isinstance(source, Fault):
            return source
        destination = self._addresses.destination(request.to)
        if isinstance(destination, Fault):
            return destination
        tlvs = self._parameters.of(request)
        if isinstance(tlvs, Fault):
            return tlvs
        if request.data is not None:
            return self._plan_binary(request, request.data, reference)
        if request.udh is not None:
            return fault("udh", "goes with data, not with text")
        return self._plan_text(request, request.text or "", reference)

    def submit_sm(
        self, request: Request, plan: Plan, part: int, expires_at: Millis, now: Millis
    ) -> SubmitSm | DataSm | Fault:
        """Make the PDU of one part, counted from 1, without its sequence number.

        A data_sm where the SMSC wants that. A fault where the plan is older than the
        configuration and no longer fits it.
        """
        addresses = self._addresses
        source = addresses.source(request.from_)
        if isinstance(source, Fault):
            return source
        destination = request.to
        if self._rewrites:
            written = addresses.destination(destination)
            if isinstance(written, Fault):
                return written
            destination = written
        payload = plan.parts[part - 1]
        total = len(plan.parts)
        tlvs: tuple[tuple[int, bytes], ...] = ()
        if plan.concatenation == "payload":
            if plan.count.parts > 1:
                tlvs, payload = ((_PAYLOAD, payload),), b""
        elif plan.concatenation == "sar" and total > 1:
            tlvs = (
                tlv.build(Tag.SAR_MSG_REF_NUM, plan.reference or 0),
                tlv.build(Tag.SAR_TOTAL_SEGMENTS, total),
                tlv.build(Tag.SAR_SEGMENT_SEQNUM, part),
            )
        if self._adds or request.tlvs:
            added = self._parameters.of(request)
            if isinstance(added, Fault):
                return added
            tlvs += added
        pdu = SubmitSm(
            source_addr_ton=source[0],
            source_addr_npi=source[1],
            source_addr=source[2],
            dest_addr_ton=addresses.destination_ton,
            dest_addr_npi=addresses.destination_npi,
            destination_addr=destination,
            esm_class=self._esm_class_udhi if plan.udhi else self._esm_class,
            validity_period=self._validity(expires_at, now),
            registered_delivery=self._registered_delivery(request, part, total),
            data_coding=plan.data_coding,
            short_message=payload,
            tlvs=tlvs,
        )
        if self._schedule is not None and request.send_at is not None:
            at = self._schedule(request.send_at, now)
            pdu = structs.replace(pdu, schedule_delivery_time=at)
        if self._otherwise is not None:
            pdu = structs.replace(pdu, **self._otherwise[request.priority])
        if self._as_data_sm:
            return _data_sm(pdu, expires_at, now)
        return pdu

    # --- splitting -------------------------------------------------------------------

    def _plan_text(self, request: Request, text: str, reference: int) -> Plan | Fault:
        languages = self._config.national
        elements: tuple[udh.Element, ...] = ()
        try:
            split = self._split(text, request.encoding, languages)
            if languages:
                elements = udh.shift_elements(split.shift)
                if elements and len(split.parts) > 1 and self._is_payload:
                    # Every part that the SMSC makes would need the header, and not
                    # every SMSC repeats it.
                    elements = ()
                    split = self._split(text, request.encoding, ())
        except EncodeError as error:
            return fault("text", str(error))
        return self._assemble(request, split, reference, elements)

    def _split(
        self, text: str, encoding: str, languages: tuple[Language, ...]
    ) -> Split:
        config = self._config
        # For sar_* and message_payload the SMSC makes headers, which need room too.
        return segment.split(
            text,
            encoding=encoding,
            alphabet=config.alphabet,
            extension=config.extension,
            reference_octets=2 if config.concatenation == "udh16" else 1,
            octets=config.short_message_max,
            languages=languages,
        )

    def _plan_binary(
        self, request: Request, data: bytes, reference: int
    ) -> Plan | Fault:
        try:
            header = udh.parse(request.udh) if request.udh else udh.UserDataHeader()
        except PduError as error:
            return fault("udh", str(error))
        elements = header.elements
        if request.udh and header.length != len(request.udh):
            return fault("udh", "is longer than its first octet says")
        room = MAX_OCTETS - (header.length if elements else 0)
        if len(data) > room:
            if header.concatenation is not None:
                detail = f"too long for one part: at most {room} octets fit"
                return fault("data", detail)
            wide = self._config.concatenation == "udh16"
            room = MAX_OCTETS - len(_header(elements, (reference, 1, 1), wide=wide))
            if room < 1:
                return fault("udh", "leaves no room for data")
        starts = range(0, max(len(data), 1), max(room, 1))
        split = Split(
            encoding="binary",
            parts=tuple(data[at : at + room] for at in starts),
            units=len(data),
            units_per_part=room,
        )
        return self._assemble(request, split, reference, elements)

    def _assemble(
        self,
        request: Request,
        split: Split,
        reference: int,
        elements: tuple[udh.Element, ...],
    ) -> Plan | Fault:
        """Put headers before the chunks as the connector's concatenation wants it."""
        config = self._config
        encoding = split.encoding
        chunks = split.parts
        total = len(chunks)
        most = min(request.max_parts or segment.MAX_PARTS, config.max_parts)
        if total > most:
            return fault("max_parts", f"takes {total} parts, at most {most} may go")
        if request.flash and encoding not in _FLASH:
            return fault("flash", f"there is no flash message in {encoding}")
        if total > 1 and self._is_payload:
            chunks = (b"".join(chunks),)
        headers = [_header(elements)] * len(chunks)
        if total > 1 and config.concatenation in {"udh8", "udh16"}:
            wide = config.concatenation == "udh16"
            headers = [
                _header(elements, (reference, total, part), wide=wide)
                for part in range(1, total + 1)
            ]
        parts = tuple(
            [
                header + wire_payload(chunk, encoding, config.alphabet, len(header))
                for header, chunk in zip(headers, chunks, strict=True)
            ]
        )
        return Plan(
            connector=self._name,
            encoding=encoding,
            data_coding=self._data_coding(encoding, flash=request.flash),
            udhi=bool(headers[0]),
            parts=parts,
            reference=reference if len(parts) > 1 else None,
            concatenation=config.concatenation,
            count=Count(
                total, split.units, split.units_per_part, split.forcing_characters
            ),
        )

    def _data_coding(self, encoding: str, *, flash: bool) -> int:
        if flash:
            return _FLASH[encoding]
        return self._data_codings[encoding]

    # --- flags -----------------------------------------------------------------------

    def _registered_delivery(self, request: Request, part: int, total: int) -> int:
        if not self._config.receipt_asked(part, total):
            return self._registered["none"]
        return self._registered[request.receipt]


def _validity(config: Config) -> Callable[[Millis, Millis], str]:
    """What is written for a message that expires then, as of now."""
    longest = None if config.validity_max is None else round(config.validity_max * 1000)
    zone = config.timezone

    def relative(expires_at: Millis, now: Millis) -> str:
        return _relative(max((expires_at - now) // 1000, 1))

    def absolute(expires_at: Millis, now: Millis) -> str:
        return _absolute(expires_at // 1000, zone)

    match config.validity_format:
        case "relative":
            written = relative
        case "absolute":
            written = absolute
        case "none":
            return lambda *_: ""
        case _:
            assert_never(config.validity_format)
    if longest is None:
        return written
    return lambda expires_at, now: written(min(expires_at, now + longest), now)


def _schedule(config: Config) -> Callable[[Millis, Millis], str] | None:
    """What is written for a message that is to go then, as of now; None: nothing."""
    zone = config.timezone

    def relative(send_at: Millis, now: Millis) -> str:
        return _relative((send_at - now) // 1000) if send_at >= now + 1000 else ""

    def absolute(send_at: Millis, now: Millis) -> str:
        return _absolute(send_at // 1000, zone) if send_at > now else ""

    match config.schedule_format:
        case "none":
            return None
        case "relative":
            return relative
        case "absolute":
            return absolute
        case _:
            assert_never(config.schedule_format)


def _otherwise(config: Config) -> Mapping[Priority, Mapping[str, Any]] | None:
    """The fields that this SMSC wants otherwise than left alone; None: none."""
    flags = {
        Priority.HIGH: config.priority_flag.high,
        Priority.NORMAL: config.priority_flag.normal,
        Priority.BULK: config.priority_flag.bulk,
    }
    if not (config.service_type or config.protocol_id or any(flags.values())):
        return None
    return {
        priority: {
            "service_type": config.service_type,
            "protocol_id": config.protocol_id,
            "priority_flag": flag,
        }
        for priority, flag in flags.items()
    }


def _data_sm(pdu: SubmitSm, expires_at: Millis, now: Millis) -> DataSm:
    """The same as data_sm: what that has no field for is a TLV, or left out."""
    tlvs = pdu.tlvs
    if pdu.short_message:
        tlvs = ((_PAYLOAD, pdu.short_message), *tlvs)
    if pdu.validity_period:
        left = max((expires_at - now) // 1000, 1)
        tlvs = (*tlvs, tlv.build(Tag.QOS_TIME_TO_LIVE, left))
    return DataSm(
        service_type=pdu.service_type,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        source_addr=pdu.source_addr,
        dest_addr_ton=pdu.dest_addr_ton,
        dest_addr_npi=pdu.dest_addr_npi,
        destination_addr=pdu.destination_addr,
        esm_class=pdu.esm_class,
        registered_delivery=pdu.registered_delivery,
        data_coding=pdu.data_coding,
        tlvs=tlvs,
    )


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


# Most messages leave within seconds of their acceptance, with the same validity.
_relative = lru_cache(maxsize=4096)(smpptime.relative)


@lru_cache(maxsize=4096)
def _absolute(seconds: int, zone: tzinfo) -> str:
    return smpptime.absolute(datetime.fromtimestamp(seconds, zone))
