"""The forms in which an SMSC writes the same message id. Pure.

The field's commonest trouble: hex in submit_sm_resp and decimal in the receipt, or the
reverse, other letter cases, other leading zeros.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final
from uuid import UUID

IdWriter = Callable[[int], bytes]

_SCATTER: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Odd, so multiplying modulo 2**128 keeps numbers apart: 2**128 by the golden ratio."""


class IdForm(StrEnum):
    """How message ids are written in the response and in the receipt.

    `upper`: hex, in capitals in the receipt; `padded`: decimal, with leading zeros in
    the receipt.
    """

    DECIMAL = "decimal"
    HEX = "hex"
    HEX_IN_RESPONSE = "hex-in-response"
    HEX_IN_RECEIPT = "hex-in-receipt"
    UPPER = "upper"
    PADDED = "padded"
    UUID = "uuid"


def _decimal(number: int) -> bytes:
    return b"%d" % number


def _hex(number: int) -> bytes:
    return b"%x" % number


def _upper(number: int) -> bytes:
    return b"%X" % number


def _padded(number: int) -> bytes:
    return b"%020d" % number


def _uuid(number: int) -> bytes:
    return str(UUID(int=number * _SCATTER % (1 << 128), version=4)).encode()


_WRITERS: Final[dict[IdForm, tuple[IdWriter, IdWriter]]] = {
    IdForm.DECIMAL: (_decimal, _decimal),
    IdForm.HEX: (_hex, _hex),
    IdForm.HEX_IN_RESPONSE: (_hex, _decimal),
    IdForm.HEX_IN_RECEIPT: (_decimal, _hex),
    IdForm.UPPER: (_hex, _upper),
    IdForm.PADDED: (_decimal, _padded),
    IdForm.UUID: (_uuid, _uuid),
}


def writers(form: IdForm) -> tuple[IdWriter, IdWriter]:
    """How a number becomes the id of submit_sm_resp, and that of the receipt."""
    return _WRITERS[form]
