"""What the configuration of every provider has, whatever its kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from esmed.connectorconfig import ConnectorConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import Duration, Integer, PeerAddress, Text, Url
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
                message = (
                    "texts and credentials travel unencrypted; use https if it works"
                )
                yield ConfigFault(path=f"base_urls[{index}]", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTls(Tls):
    """How mails are encrypted on their way to the server, in detail."""

    mode: Literal["starttls", "tls"] = "starttls"
    """Begun by the command STARTTLS (RFC 3207), without which nothing is sent; or
    before the first octet (RFC 8314 §3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProviderConfig(ProviderConfig):
    """Base of those that are spoken to by mail."""

    server: PeerAddress
    tls: Literal["starttls", "tls", "none"] | MailTls = "starttls"
    response_timeout: Duration = 300.0
    """For each answer. RFC 5321 §4.5.3.2: an impatient client sends mails twice."""

    @property
    def nodes(self) -> tuple[str, ...]:
        return (str(self.server),)

    @property
    def encryption(self) -> MailTls | None:
        """What ``tls`` stands for; None: none."""
        if isinstance(self.tls, MailTls):
            return self.tls
        return None if self.tls == "none" else MailTls(mode=self.tls)

    def advice(self) -> Iterator[ConfigFault]:
        if self.encryption is None and not self.server.is_local:
            message = "texts and passwords travel unencrypted; use starttls if it works"
            yield ConfigFault(path="tls", message=message)
