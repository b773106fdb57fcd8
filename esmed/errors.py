"""The error tree of the daemon.

    EsmedError
    ├── ConfigError      the configuration cannot be used; carries every fault found
    ├── StoreError       the store cannot do what was asked
    │   └── StoreUnavailableError   not now; it comes back by itself
    ├── TransportError   a connection could not be made, or broke
    ├── SessionError     a method was called in a state that forbids it
    └── ProviderError    a provider cannot be talked to at all

A refusal by the next hop is an outcome (a value), not an error. The errors of the
wire format are `pdu.errors`. Exceptions of other packages are translated where they
arise, always `from exc`.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class EsmedError(Exception):
    """Root of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFault:
    """One thing wrong with the configuration.

    `path` is the YAML path (`connectors.carrier.window`, `routes[0].via[1]`), or empty
    when the fault concerns the file as a whole. `rests_on` is a key beside it: if that
    cannot be used itself, what this says of it may be untrue and is not told.
    """

    path: str
    message: str
    rests_on: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(EsmedError):
    """The configuration cannot be used: `faults`, never empty; `str()` lists all."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


class StoreError(EsmedError):
    """The store cannot do what was asked; nothing was acknowledged on its behalf."""


class StoreUnavailableError(StoreError):
    """The store cannot commit now (disk full, locked, I/O error); it will try again."""


class TransportError(EsmedError):
    """A connection could not be made, or it broke."""


class SessionError(EsmedError):
    """A session's method was called in a state that does not allow it."""


class ProviderError(EsmedError):
    """A provider cannot be talked to at all: set-up, not one message's fate."""
