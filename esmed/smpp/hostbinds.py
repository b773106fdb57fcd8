"""All binds at one host, seen as one: can it send, is it whole, how is it."""

from typing import Final

from esmed.certificate import Watch
from esmed.clock import Clock
from esmed.connector import BindView, HostView
from esmed.metrics import ConnectorMetrics
from esmed.smpp.config import Config, Host
from esmed.smpp.link import Link, LinkState, Owner

_FURTHEST: Final[tuple[LinkState, ...]] = (
    "bound",
    "unbinding",
    "binding",
    "connecting",
    "closed",
)


class HostBinds:
    """The links to one host, in the order of their binds."""

    def __init__(
        self,
        host: Host,
        config: Config,
        *,
        connector: str,
        owner: Owner,
        clock: Clock,
        metrics: ConnectorMetrics,
    ) -> None:
        self.address: Final = str(host.address)
        self._clock = clock
        self._certificates = Watch()
        self.links: Final = tuple(
            Link(
                host,
                config,
                bind,
                connector=connector,
                owner=owner,
                clock=clock,
                metrics=metrics,
                certificates=self._certificates,
            )
            for bind in config.binds
        )
        sending = tuple(link for link in self.links if link.bind.sends)
        self._main = sending or self.links
        """The links that make the host usable: those that send, if there are any."""

    @property
    def usable(self) -> bool:
        """Whether a message can leave (or, at a mere receiver, come) over it."""
        return any(link.bound for link in self._main)

    @property
    def whole(self) -> bool:
        """Whether every bind is there."""
        return all(link.bound for link in self.links)

    def writable(self) -> list[Link]:
        """Return the links that a message can be written to now."""
        return [link for link in self._main if link.bound and link.writable]

    def want(self, *, wanted: bool) -> None:
        """Have the host bound from now on, or left and let alone."""
        for link in self.links:
            link.want(wanted=wanted)

    @property
    def reason(self) -> str:
        """Why it is not whole: the first bind that is not there."""
        link = next((link for link in self.links if not link.bound), None)
        if link is None:
            return ""
        if len(self.links) == 1:
            return link.reason
        return f"{link.bind.label}: {link.reason}"

    @property
    def notice(self) -> str:
        """What is to be known of it though it is bound."""
        return self._certificates.notice(self._clock.now())

    def view(self, *, backup: bool) -> HostView:
        """Show it: in the state of that usable bind which has come furthest."""
        main = min(self._main, key=lambda link: _FURTHEST.index(link.state))
        return HostView(
            address=self.address,
            role="backup" if backup else "primary",
            state=main.state,
            reason=self.reason or self.notice,
            since=main.since,
            binds=[
                BindView(link.bind.label, link.state, link.reason, link.since)
                for link in self.links
            ],
        )
