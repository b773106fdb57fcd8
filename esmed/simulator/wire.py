"""The octets of the PDUs that come by the thousand, cut and built without a PDU object.

Everything else goes through `pdu.codec`; tests hold both equal. Layouts: SMPP 3.4 §4.4
(submit_sm), §4.6 (deliver_sm), §4.7 (data_sm), Appendix B (the text of a receipt).
"""

import struct
import time
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from esmed.simulator.outcomes import Report
from pdu import DataCoding, EsmClass, Tag, tlv

HEADER: Final = struct.Struct(">IIII")
"""command_length, command_id, command_status, sequence_number."""

_TLV: Final = struct.Struct(">HH")
# Plain integers: the arithmetic of an enumeration takes longer than building the PDU.
_UDHI: Final = int(EsmClass.UDHI)
_RECEIPT: Final = int(EsmClass.DELIVERY_RECEIPT)
_NOTIFICATION: Final = int(EsmClass.INTERMEDIATE_NOTIFICATION)
_PRINTABLE: Final = frozenset(
    (int(DataCoding.DEFAULT), int(DataCoding.ASCII), int(DataCoding.LATIN1))
)


class Submission(msgspec.Struct, frozen=True, gc=False):
    """A submit_sm or data_sm: its frame, where things are in it, what counts of it.

    The addresses are octets of `frame`: type of number, plan, address, NUL. The
    source's are from `source_at`, the destination's from `destination_at` to
    `addresses_end`.
    `payload` is short_message, or the message_payload TLV if that is empty.
    """

    frame: bytes
    source_at: int
    destination_at: int
    addresses_end: int
    esm_class: int
    registered_delivery: int
    data_coding: int
    tlvs_at: int
    payload: bytes

    @property
    def source(self) -> bytes:
        """The source address."""
        return self.frame[self.source_at + 2 : self.destination_at - 1]

    @property
    def destination(self) -> bytes:
        """The destination address."""
        return self.frame[self.destination_at + 2 : self.addresses_end - 1]

    @property
    def key(self) -> bytes:
        """What makes two submissions the same: addresses and payload, UDH included."""
        return self.frame[self.source_at : self.addresses_end] + self.payload

    @property
    def tlvs(self) -> tuple[tuple[int, bytes], ...]:
        """The optional parameters."""
        return tlv.read(self.frame, self.tlvs_at)


def scan_submit(frame: bytes) -> Submission:
    """Cut a submit_sm; `ValueError` or `IndexError` if its fields do not fit in it."""
    find = frame.index
    source = find(0, 16) + 1
    destination = find(0, source + 2) + 1
    end = find(0, destination + 2) + 1
    # esm_class, protocol_id, priority_flag, schedule_delivery_time, validity_period
    rest = find(0, find(0, end + 3) + 1) + 1
    text = rest + 5
    tlvs = text + frame[rest + 4]
    if tlvs > len(frame):
        raise ValueError("sm_length is longer than the PDU")
    payload = frame[text:tlvs]
    if not payload and tlvs < len(frame):
        payload = tlv.get_bytes(tlv.read(frame, tlvs), Tag.MESSAGE_PAYLOAD) or b""
    return Submission(
        frame,
        source,
        destination,
        end,
        frame[end],
        frame[rest],
        frame[rest + 2],
        tlvs,
        payload,
    )


def scan_data(frame: bytes) -> Submission:
    """Cut a data_sm; `ValueError` or `IndexError` if its fields do not fit in it."""
    find = frame.index
    source = find(0, 16) + 1
    destination = find(0, source + 2) + 1
    end = find(0, destination + 2) + 1
    tlvs = end + 3
    coding = frame[end + 2]
    payload = tlv.get_bytes(tlv.read(frame, tlvs), Tag.MESSAGE_PAYLOAD) or b""
    return Submission(
        frame,
        source,
        destination,
        end,
        frame[end],
        frame[end + 1],
        coding,
        tlvs,
        payload,
    )


def header_only(command_id: int, status: int, sequence: int) -> bytes:
    """A PDU without a body: refusals, enquire_link, unbind."""
    return HEADER.pack(16, command_id, status, sequence)


def accepted(command_id: int, sequence: int, message_id: bytes) -> bytes:
    """submit_sm_resp or data_sm_resp with an id."""
    length = 17 + len(message_id)
    return HEADER.pack(length, command_id, 0, sequence) + message_id + b"\0"


def request(command_id: int, sequence: int, body: bytes) -> bytes:
    """deliver_sm or data_sm with this body."""
    return HEADER.pack(16 + len(body), command_id, 0, sequence) + body


class ReceiptForm(StrEnum):
    """Where a receipt says what it says."""

    TEXT = "text"
    TLV = "tlv"
    BOTH = "both"


def receipt(
    form: ReceiptForm,
    submission: Submission,
    message_id: bytes,
    report: Report,
    *,
    submitted: float,
    done: float,
) -> bytes:
    """The body of the deliver_sm with a receipt; wall times, written as UTC."""
    frame = submission.frame
    split, end = submission.destination_at, submission.addresses_end
    text = tlvs = b""
    if form is not ReceiptForm.TLV:
        quoted = b""
        if submission.data_coding in _PRINTABLE and not submission.esm_class & _UDHI:
            quoted = submission.payload[:20]
        text = (
            b"id:%b sub:001 dlvrd:%03d submit date:%b done date:%b "
            b"stat:%b err:%b text:%b"
        ) % (
            message_id,
            report.success,
            _minute(int(submitted) // 60),
            _minute(int(done) // 60),
            report.stat.encode(),
            report.err.encode(),
            quoted,
        )
    if form is not ReceiptForm.TEXT:
        tlvs = b"%b%b\0%b" % (
            _TLV.pack(Tag.RECEIPTED_MESSAGE_ID, len(message_id) + 1),
            message_id,
            _state_tlvs(report),
        )
    esm_class = _RECEIPT
    if not report.final and submission.registered_delivery & 0x10:
        esm_class = _NOTIFICATION
    # Source and destination change places.
    return b"\0%b%b%c\0\0\0\0\0\0\0\0%c%b%b" % (
        frame[split:end],
        frame[submission.source_at : split],
        esm_class,
        len(text),
        text,
        tlvs,
    )


@lru_cache(maxsize=64)
def _minute(minutes: int) -> bytes:
    return time.strftime("%y%m%d%H%M", time.gmtime(minutes * 60)).encode()


@lru_cache(maxsize=64)
def _state_tlvs(report: Report) -> bytes:
    octets = _TLV.pack(Tag.MESSAGE_STATE, 1) + bytes((report.state,))
    if not report.success and report.final and report.err.isdecimal():
        # Network type 3: GSM (SMPP 3.4 §5.3.2.31).
        error = b"\x03" + int(report.err).to_bytes(2, "big")
        octets += _TLV.pack(Tag.NETWORK_ERROR_CODE, len(error)) + error
    return octets
