"""Cutting the octet stream into PDUs by their ``command_length``, SMPP 3.4 §3.2.1."""

import struct
from typing import Final

from pdu.errors import FramingError

MIN_LENGTH: Final = 16
"""Octets of the header, and so of the shortest PDU."""

MAX_LENGTH: Final = 65536
"""Octets; above it a length is taken for noise. A message_payload of 64,000 fits."""

_length_at = struct.Struct(">I").unpack_from


class Framer:
    """Takes what the socket gives, in any pieces, and answers with whole frames.

    Only the start of the PDU that is still on its way is kept, at most ``max_length``
    octets.
    After a ``FramingError`` the stream is lost: each further ``feed`` raises it again,
    without frames.
    """

    def __init__(self, max_length: int = MAX_LENGTH) -> None:
        if max_length < MIN_LENGTH:
            raise ValueError(f"max_length is below {MIN_LENGTH}")
        self._max_length = max_length
        self._rest = bytearray()
        self._wanted = 4
        self._lost: int | None = None

    @property
    def pending(self) -> int:
        """Octets of a PDU that has not come whole."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by ``data``, in order.

        Raises ``FramingError``, with the frames before it, on a ``command_length``
        below 16 or above ``max_length``, as soon as its four octets are there.
        """
        if self._lost is not None:
            raise _fault(self._lost, [])
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._wanted:
                return []
            data = bytes(rest)
            rest.clear()
        frames: list[bytes] = []
        start, size = 0, len(data)
        wanted = 4
        while size - start >= 4:
            (wanted,) = _length_at(data, start)
            if not MIN_LENGTH <= wanted <= self._max_length:
                self._lost = wanted
                raise _fault(wanted, frames)
            end = start + wanted
            if end > size:
                break
            frames.append(data[start:end])
            start, wanted = end, 4
        if start < size:
            rest += data[start:] if start else data
            self._wanted = wanted
        return frames


def _fault(length: int, frames: list[bytes]) -> FramingError:
    return FramingError(
        f"command_length {length} is no length of a PDU",
        command_length=length,
        frames=frames,
    )
