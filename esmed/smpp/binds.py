"""Which binds a connector holds at each of its hosts. Pure."""

from collections import Counter
from typing import Final, Literal

from msgspec import Struct

from pdu import BindReceiver, BindTransceiver, BindTransmitter

BindKind = Literal["transceiver", "transmitter", "receiver"]
Topology = Literal["transceiver", "transmitter", "receiver", "pair"]

PDUS: Final[dict[BindKind, type[BindTransceiver | BindTransmitter | BindReceiver]]] = {
    "transceiver": BindTransceiver,
    "transmitter": BindTransmitter,
    "receiver": BindReceiver,
}
"""The request for each kind, SMPP 3.4 §4.1."""

_KINDS: Final[dict[Topology, tuple[BindKind, ...]]] = {
    "transceiver": ("transceiver",),
    "transmitter": ("transmitter",),
    "receiver": ("receiver",),
    "pair": ("transmitter", "receiver"),
}


class Bind(Struct, frozen=True):
    """One bind of a host; ``label`` tells it from the others there."""

    kind: BindKind
    label: str

    @property
    def sends(self) -> bool:
        """Whether submit_sm may go over it."""
        return self.kind != "receiver"


def binds_of(
    topology: Topology, sessions: int, further: Literal["same", "transmitter"]
) -> tuple[Bind, ...]:
    """The binds of each host: so many sessions of this kind.

    With ``further`` "transmitter" the second and later sessions are transmitters: an
    SMSC may allow but one receiving bind of an account.
    """
    first = _KINDS[topology]
    others = first if further == "same" else _KINDS["transmitter"]
    counts: Counter[BindKind] = Counter()
    binds = []
    for kind in (*first, *others * (sessions - 1)):
        counts[kind] += 1
        label = kind if counts[kind] == 1 else f"{kind}-{counts[kind]}"
        binds.append(Bind(kind, label))
    return tuple(binds)
