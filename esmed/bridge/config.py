"""What the configuration of every provider has, whatever its kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from esmed.connectorconfig import ConnectorConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import (
    Duration,
    Integer,
    Text,
    Url,
)
from esmed.secret import Secret
from esmed.tlsconfig import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig(ConnectorConfig):
    """Base of each provider's `Config`. Times are seconds, `rate` is messages/s."""

    in_place: ClassVar[frozenset[str]] = ConnectorConfig.in_place | {
        *("rate", "default_from", "concurrency", "batch", "response_timeout"),
    }

    concurrency: Annotated[int, Integer(1, 100)] = 4
    """Requests that are open at a time."""
    batch: Annotated[int, Integer(1, 10_000)] | None = None
    """Messages in a request, at most; None: as the protocol allows."""
    connect_timeout: Duration = 10.0
    response_timeout: Duration = 30.0
    default_from: Annotated[str, Text(least=1, most=20)] | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where requests go: base URLs or ``host:port``, the primary first."""
        raise NotImplementedError

    @property
    def push_secret(self) -> Secret | None:
        """The part of a callback's path that only the provider knows, in those kinds
        that have callbacks."""
        secret: Secret | None = getattr(self, "callback_secret", None)
        return secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProviderConfig(ProviderConfig):
    """Base of those that are spoken to over HTTP."""

    base_urls: tuple[Url, ...]
    tls: Tls = field(default_factory=Tls)

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(url.rstrip("/") for url in self.base_urls)

    def faults(self) -> Iterator[ConfigFault]:
        if not self.base_urls:
            yield ConfigFault(path="base_urls", message="at least one URL is needed")

    def advice(self) -> Iterator[ConfigFault]:
        for index, url in enumerate(self.base_urls):
            if url.startswith("http:"):
                message = "login and password travel unencrypted; use https if it works"
                yield ConfigFault(path=f"base_urls[{index}]", message=message)
