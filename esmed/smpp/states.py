"""The states of an SMPP session, and what each allows. Data, seen as an ESME.

    OPEN ──bind──► BINDING ──accepted──► BOUND_TX / BOUND_RX / BOUND_TRX
                      │                      │ unbind
                      │ refused              ▼
                      │                  UNBINDING ──answered──► CLOSED
                      ▼                      ▲
                   CLOSED ◄──unbind of the peer, loss── any state

`State` is SMPP 3.4 §2.2 with the changes that take time as states of their own.
Bound is what the SMSC says is bound: a bind that was written binds nothing. UNBINDING
still takes what is on its way, answers and messages; CLOSED takes nothing. Between a
bound state and CLOSED lies PEER_UNBINDING when the SMSC unbinds while it owes us
answers, or we owe it some: many an SMSC sends them right behind.
All that changes a state is a `Trigger`; what `TRANSITIONS` does not name is an error of
the caller. `SENDS` and `TAKES` are the requests that may go either way. Besides,
enquire_link and unbind are taken and answered in every state but CLOSED, and the
session itself sends bind when OPEN, enquire_link and unbind when bound.
"""

from enum import Enum, StrEnum, auto
from typing import Final

from pdu import CommandId


class State(StrEnum):
    """Where a session is."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    PEER_UNBINDING = "peer_unbinding"
    CLOSED = "closed"


class Trigger(Enum):
    """What changes a session's state."""

    BIND_SENT = auto()
    TX_ACCEPTED = auto()
    RX_ACCEPTED = auto()
    TRX_ACCEPTED = auto()
    UNBIND_SENT = auto()
    UNBIND_HEARD = auto()
    ENDED = auto()
    """Refused, unbound by either side, lost, or given up."""


BOUND: Final = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})

_BOUND_TRANSITIONS: Final = {
    Trigger.UNBIND_SENT: State.UNBINDING,
    Trigger.UNBIND_HEARD: State.PEER_UNBINDING,
    Trigger.ENDED: State.CLOSED,
}
TRANSITIONS: Final[dict[State, dict[Trigger, State]]] = {
    State.OPEN: {
        Trigger.BIND_SENT: State.BINDING,
        Trigger.ENDED: State.CLOSED,
    },
    State.BINDING: {
        Trigger.TX_ACCEPTED: State.BOUND_TX,
        Trigger.RX_ACCEPTED: State.BOUND_RX,
        Trigger.TRX_ACCEPTED: State.BOUND_TRX,
        Trigger.ENDED: State.CLOSED,
    },
    State.BOUND_TX: _BOUND_TRANSITIONS,
    State.BOUND_RX: _BOUND_TRANSITIONS,
    State.BOUND_TRX: _BOUND_TRANSITIONS,
    State.UNBINDING: {Trigger.ENDED: State.CLOSED},
    State.PEER_UNBINDING: {Trigger.ENDED: State.CLOSED},
    State.CLOSED: {},
}

BIND_ACCEPTED: Final[dict[int, Trigger]] = {
    CommandId.BIND_TRANSMITTER: Trigger.TX_ACCEPTED,
    CommandId.BIND_RECEIVER: Trigger.RX_ACCEPTED,
    CommandId.BIND_TRANSCEIVER: Trigger.TRX_ACCEPTED,
}
"""By the bind that was sent."""

_NOTHING: Final[frozenset[int]] = frozenset()
_SUBMITS: Final[frozenset[int]] = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.DATA_SM,
        CommandId.QUERY_SM,
        CommandId.CANCEL_SM,
        CommandId.REPLACE_SM,
    }
)
_DELIVERIES: Final[frozenset[int]] = frozenset(
    {CommandId.DELIVER_SM, CommandId.DATA_SM}
)

SENDS: Final[dict[State, frozenset[int]]] = {
    # SMPP 3.4 §2.3, table 2-1, what an ESME may send.
    State.OPEN: _NOTHING,
    State.BINDING: _NOTHING,
    State.BOUND_TX: _SUBMITS,
    State.BOUND_RX: _NOTHING,
    State.BOUND_TRX: _SUBMITS,
    State.UNBINDING: _NOTHING,
    State.PEER_UNBINDING: _NOTHING,
    State.CLOSED: _NOTHING,
}

TAKES: Final[dict[State, frozenset[int]]] = {
    # The same table, what an SMSC may send. There deliver_sm needs a receiver, but some
    # SMSCs return receipts over the transmitter, and a receipt taken harms nobody.
    State.OPEN: _NOTHING,
    State.BINDING: _NOTHING,
    State.BOUND_TX: _DELIVERIES,
    State.BOUND_RX: _DELIVERIES,
    State.BOUND_TRX: _DELIVERIES,
    State.UNBINDING: _DELIVERIES,
    State.PEER_UNBINDING: _DELIVERIES,
    State.CLOSED: _NOTHING,
}

WITHOUT_RESPONSE: Final[frozenset[int]] = frozenset(
    {CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}
)
"""Requests that nobody answers, so tolerated in every state (§4.1.7, §4.12)."""
