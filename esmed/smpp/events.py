"""What a session tells its shell. Values, in the order in which they happened."""

from enum import Enum
from typing import Any

from msgspec import Struct

from esmed.smpp.states import State
from pdu import DataSm, DeliverSm, Pdu


class Cause(Enum):
    """Why a session closed: the first thing that went wrong, not the last."""

    REFUSED = "bind refused"
    BIND_TIMEOUT = "no answer to bind"
    SILENT = "no answer to enquire_link"
    INACTIVE = "nothing to do"
    UNBOUND = "left"
    UNBOUND_BY_PEER = "unbound by the SMSC"
    GARBLED = "not SMPP"
    DISCONNECTED = "connection lost"


class StateChanged(Struct, frozen=True):
    """The session's state is another one."""

    old: State
    new: State


class Responded(Struct, frozen=True, gc=False):
    """A request was answered: by its response, a generic_nack, or (if its response
    could not be decoded) a RawPdu. ``context`` is what came with the request."""

    sequence: int
    pdu: Pdu
    context: Any
    sent_at: float


class TimedOut(Struct, frozen=True):
    """A request was not answered in time. Its answer may still come, as `Late`."""

    sequence: int
    context: Any
    sent_at: float


class Late(Struct, frozen=True):
    """A request that had timed out was answered after all."""

    sequence: int
    pdu: Pdu
    context: Any
    sent_at: float


class Unexpected(Struct, frozen=True):
    """A response to nothing; ``duplicate``: its request was answered before."""

    command_id: int
    sequence: int
    duplicate: bool


class Received(Struct, frozen=True, gc=False):
    """A message or receipt, to be answered by ``accept`` or ``refuse``."""

    pdu: DeliverSm | DataSm


class Alive(Struct, frozen=True):
    """Our enquire_link was answered after so many seconds."""

    seconds: float


class Odd(Struct, frozen=True):
    """The peer did what it should not, and how it was answered; never its content."""

    detail: str


class Closed(Struct, frozen=True):
    """The session is over. ``status``: the command_status of a refused bind."""

    cause: Cause
    detail: str
    status: int = 0

    @property
    def reason(self) -> str:
        """The cause in words."""
        return f"{self.cause.value}: {self.detail}" if self.detail else self.cause.value


Event = (
    StateChanged
    | Responded
    | TimedOut
    | Late
    | Unexpected
    | Received
    | Alive
    | Odd
    | Closed
)
