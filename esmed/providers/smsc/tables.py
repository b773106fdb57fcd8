"""What smsc's numbers mean: errors, statuses, and errors in statuses. Pure.

`ERRORS` are those of the document ("Відповідь сервера і коди помилок"); `STATUSES` and
`CAUSES` those of the platform's pages "Status codes" and "Error codes in the status".
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from esmed.models import Fault, FaultClass, MessageState

_MESSAGE: Final = FaultClass.MESSAGE
_ACCOUNT: Final = FaultClass.ACCOUNT
_TEMPORARY: Final = FaultClass.TEMPORARY
_PROTOCOL: Final = FaultClass.PROTOCOL


class Meaning(Struct, frozen=True):
    """What a number says, and whose fault it is."""

    cls: FaultClass
    text: str

    def fault(self, code: int) -> Fault:
        return Fault(self.cls, code, self.text)


ERRORS: Final = {
    1: Meaning(_PROTOCOL, "error in the parameters"),
    2: Meaning(_ACCOUNT, "wrong login or password, or a forbidden IP address"),
    3: Meaning(_ACCOUNT, "not enough money"),
    4: Meaning(_TEMPORARY, "our IP address is blocked because of frequent errors"),
    5: Meaning(_PROTOCOL, "wrong date format"),
    6: Meaning(_MESSAGE, "forbidden because of its text or sender, or no contract"),
    7: Meaning(_MESSAGE, "wrong format of the number"),
    8: Meaning(_MESSAGE, "cannot be delivered to this number"),
    9: Meaning(_TEMPORARY, "the same request too often, or too many at once"),
}
FORBIDDEN: Final = 2
NO_MONEY: Final = 3
BLOCKED: Final = 4
NOT_DELETED: Final = 5
"""Of status.php; of send.php it is the date's format."""
REPEATED: Final = 9

OF_ONE: Final = frozenset({1, 6, 7, 8})
"""Errors that one message of several may have caused."""


class Standing(Struct, frozen=True):
    """What a status says has become of a message."""

    state: MessageState | None
    """None: it is still on its way."""
    text: str


NOT_FOUND: Final = -3
STATUSES: Final[Mapping[int | None, Standing]] = {
    NOT_FOUND: Standing(None, "no message for this number and id"),
    -2: Standing(None, "stopped"),
    -1: Standing(None, "waiting to be sent"),
    0: Standing(None, "handed to the operator"),
    1: Standing(MessageState.DELIVERED, "delivered"),
    2: Standing(MessageState.DELIVERED, "read"),
    3: Standing(MessageState.EXPIRED, "expired"),
    4: Standing(MessageState.DELIVERED, "delivered, and its link was followed"),
    6: Standing(MessageState.DELIVERED, "delivered, and marked as spam"),
    20: Standing(MessageState.UNDELIVERABLE, "cannot be delivered"),
    22: Standing(MessageState.REJECTED, "wrong number"),
    23: Standing(MessageState.REJECTED, "prohibited"),
    24: Standing(MessageState.REJECTED, "not enough money"),
    25: Standing(MessageState.UNDELIVERABLE, "unavailable number"),
}
STATUS_FAULTS: Final[Mapping[int | None, FaultClass]] = {24: _ACCOUNT}
"""Failures that are not the message's fault."""

CAUSES: Final = {
    0: Meaning(_MESSAGE, ""),
    1: Meaning(_MESSAGE, "subscriber does not exist"),
    6: Meaning(_TEMPORARY, "subscriber is offline"),
    11: Meaning(_MESSAGE, "subscriber has no SMS service"),
    12: Meaning(_MESSAGE, "error in the phone or SIM card"),
    13: Meaning(_MESSAGE, "subscriber is blocked"),
    21: Meaning(_MESSAGE, "not supported by the phone"),
    200: Meaning(_MESSAGE, "virtual sending: test mode"),
    219: Meaning(_TEMPORARY, "SIM card replaced lately"),
    220: Meaning(_TEMPORARY, "operator's queue is full"),
    237: Meaning(_MESSAGE, "no answer to the call"),
    238: Meaning(_ACCOUNT, "no such template"),
    239: Meaning(_ACCOUNT, "forbidden IP address"),
    240: Meaning(_MESSAGE, "busy"),
    241: Meaning(_MESSAGE, "conversion error, or not all parts were handed over"),
    242: Meaning(_MESSAGE, "answering machine"),
    243: Meaning(_ACCOUNT, "no contract"),
    244: Meaning(_ACCOUNT, "mailings are prohibited"),
    245: Meaning(_TEMPORARY, "status was not received"),
    246: Meaning(_TEMPORARY, "not at this time of the day"),
    247: Meaning(_TEMPORARY, "limit of messages exceeded"),
    248: Meaning(_MESSAGE, "no route"),
    249: Meaning(_MESSAGE, "wrong format of the number"),
    250: Meaning(_MESSAGE, "number forbidden by the account's settings"),
    251: Meaning(_MESSAGE, "limit of messages to one number exceeded"),
    252: Meaning(_MESSAGE, "number forbidden"),
    253: Meaning(_MESSAGE, "stopped by the spam filter"),
    254: Meaning(_ACCOUNT, "sender is not registered"),
    255: Meaning(_MESSAGE, "rejected by the operator"),
}
HARMLESS: Final = frozenset({0, 200})
STILL_TRYING: Final = frozenset({6, 220})
"""Causes for which the operator keeps trying while the status is 0."""


def error(code: int) -> Meaning:
    """Return what an error means; one that nobody knows is class ``protocol``."""
    return ERRORS.get(code, Meaning(_PROTOCOL, "an error that is not documented"))


def cause(code: int | None) -> str:
    """Return what an error in a status means; "" if there is none or nobody knows."""
    known = CAUSES.get(code) if code is not None else None
    return known.text if known else ""
