"""What a stand-in for a provider can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from esmed.simulator.bridge.faults import ProviderFault


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """The defaults: any credentials, every message delivered at once, no faults.

    Durations are seconds. `outcomes` are rules of `esmed.simulator.bridge.outcomes`,
    beside the kind's own unless one is `none`. `deliver_after`: from a message's start
    to the last of its states. `settings` are the kind's own (`Simulator.defaults`).
    `first_id` None starts ids at the microsecond of the start, so that those of two
    runs differ.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    callback_url: str | None = field(default=None, repr=False)
    """Where statuses are pushed to; whoever knows the URL may push, so it is secret."""
    mo_url: str | None = field(default=None, repr=False)
    short_url: str | None = field(default=None, repr=False)
    push_attempts: int = 5
    push_pause: float = 1.0
    deliver_after: float = 0.0
    outcomes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[ProviderFault, ...] = ()
    seed: int = 0
    first_id: int | None = None
    keep: int = 100_000
    journal: Path | None = None
