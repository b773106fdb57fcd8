"""What can go wrong at a provider, whatever it speaks.

When a fault strikes (`at`, `every`, `for`, `after`, `each`, `p`, `times`) is
`esmed.simulator.faults`; what is counted there are requests, and `since=bind` is the
first of them. Those of HTTP are `esmed.simulator.bridge.httpfaults`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from esmed.simulator.faults import Fault

if TYPE_CHECKING:
    from esmed.simulator.bridge.frame import ProviderSimulator


class ProviderFault(Fault, frozen=True, kw_only=True):
    """A fault of a stand-in: what happens when it opens and ends.

    One about `requests` strikes those of the operation `on`, or all.
    """

    requests: ClassVar[bool] = False

    on: str = ""

    def opens(self, simulator: ProviderSimulator) -> None:
        """It opens; an instant fault happens here."""

    def ends(self, simulator: ProviderSimulator) -> None:
        """It is over."""


class RefuseConnect(ProviderFault, frozen=True, kw_only=True):
    """The listener is closed; connections that are open stay."""

    kind = "refuse_connect"

    def opens(self, simulator: ProviderSimulator) -> None:
        simulator.listener.refuse()

    def ends(self, simulator: ProviderSimulator) -> None:
        simulator.listener.accept()


class StallConnect(ProviderFault, frozen=True, kw_only=True):
    """Connections are accepted and nothing is ever said, not even of TLS."""

    kind = "stall_connect"

    def opens(self, simulator: ProviderSimulator) -> None:
        simulator.listener.stall()

    def ends(self, simulator: ProviderSimulator) -> None:
        simulator.listener.serve()


class Refuse(ProviderFault, frozen=True, kw_only=True):
    """Requests are refused with the provider's own code."""

    kind = "refuse"
    requests = True

    code: str


class PushLost(ProviderFault, frozen=True, kw_only=True):
    """Pushes are not made."""

    kind = "push_lost"


class PushTwice(ProviderFault, frozen=True, kw_only=True):
    """Pushes are made twice."""

    kind = "push_twice"


FAULTS: Final[dict[str, type[ProviderFault]]] = {
    kind.kind: kind
    for kind in (RefuseConnect, StallConnect, Refuse, PushLost, PushTwice)
}
