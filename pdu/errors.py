"""What can go wrong between octets and PDUs, by what the caller must do about it.

``FramingError``: the stream can no longer be cut into PDUs, so close the link.
``DecodeError``: this one PDU is bad, refuse it with ``status`` and go on.
``EncodeError``: the value is ours and it is wrong, nothing was written.

No message of these errors ever contains the offending value, which may be a
password, a phone number or a text.
"""

from collections.abc import Sequence


class PduError(Exception):
    """Root of everything that ``pdu`` raises on purpose."""


class FramingError(PduError):
    """A ``command_length`` outside the bounds: nothing behind it can be trusted.

    ``frames`` are the whole PDUs that came before it in the same read.
    """

    def __init__(
        self, message: str, *, command_length: int = 0, frames: Sequence[bytes] = ()
    ) -> None:
        super().__init__(message)
        self.command_length = command_length
        self.frames = tuple(frames)


class DecodeError(PduError):
    """One PDU cannot be read; the stream behind it still can.

    ``command_id`` and ``sequence`` are 0 where not even the header was whole;
    ``status`` is the ``command_status`` suggested for the refusal.
    """

    def __init__(
        self, message: str, *, command_id: int = 0, sequence: int = 0, status: int = 0
    ) -> None:
        super().__init__(message)
        self.command_id = command_id
        self.sequence = sequence
        self.status = status


class EncodeError(PduError):
    """A value of ours does not fit the wire; ``field`` names it, if it is a field."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
