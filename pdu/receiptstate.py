"""What a receipt says became of a message: message_state and the words of ``stat``."""

from enum import StrEnum
from typing import Final

from pdu.vocabulary import MessageState


class ReceiptState(StrEnum):
    """What a receipt says; all but ``buffered`` are final."""

    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    BUFFERED = "buffered"


BY_MESSAGE_STATE: Final[dict[int | None, ReceiptState]] = {
    0: ReceiptState.BUFFERED,  # SCHEDULED, SMPP 5.0 §4.7.15
    int(MessageState.ENROUTE): ReceiptState.BUFFERED,
    int(MessageState.DELIVERED): ReceiptState.DELIVERED,
    int(MessageState.EXPIRED): ReceiptState.EXPIRED,
    int(MessageState.DELETED): ReceiptState.DELETED,
    int(MessageState.UNDELIVERABLE): ReceiptState.UNDELIVERABLE,
    # Final by the letter of SMPP 3.4 §5.2.28 (read on the subscriber's behalf), but
    # SMSCs mean that they took the message; a final receipt follows.
    int(MessageState.ACCEPTED): ReceiptState.BUFFERED,
    int(MessageState.UNKNOWN): ReceiptState.UNKNOWN,
    int(MessageState.REJECTED): ReceiptState.REJECTED,
    9: ReceiptState.UNDELIVERABLE,  # SKIPPED, SMPP 5.0: accepted, but never sent
}
"""By message_state, SMPP 3.4 §5.2.28; others are vendors' own."""

STAT_OF: Final = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
"""Appendix B's abbreviations, for receipts that only have message_state."""

BY_STAT: Final = {
    "DELIVRD": ReceiptState.DELIVERED,
    "DELIVERED": ReceiptState.DELIVERED,
    "DELIVERD": ReceiptState.DELIVERED,
    "UNDELIV": ReceiptState.UNDELIVERABLE,
    "UNDELIVERABLE": ReceiptState.UNDELIVERABLE,
    "UNDELIVERED": ReceiptState.UNDELIVERABLE,
    "UNDELIVRD": ReceiptState.UNDELIVERABLE,
    "FAILED": ReceiptState.UNDELIVERABLE,
    "SKIPPED": ReceiptState.UNDELIVERABLE,
    "EXPIRED": ReceiptState.EXPIRED,
    "DELETED": ReceiptState.DELETED,
    "CANCELED": ReceiptState.DELETED,
    "CANCELLED": ReceiptState.DELETED,
    "UNKNOWN": ReceiptState.UNKNOWN,
    "REJECTD": ReceiptState.REJECTED,
    "REJECTED": ReceiptState.REJECTED,
    "ENROUTE": ReceiptState.BUFFERED,
    "ACCEPTD": ReceiptState.BUFFERED,
    "ACCEPTED": ReceiptState.BUFFERED,
    "ACKED": ReceiptState.BUFFERED,
    "BUFFRED": ReceiptState.BUFFERED,
    "BUFFERD": ReceiptState.BUFFERED,
    "BUFFERED": ReceiptState.BUFFERED,
    "SCHEDULED": ReceiptState.BUFFERED,
}
"""By ``stat`` in capitals: Appendix B's abbreviations, and what is seen besides."""
