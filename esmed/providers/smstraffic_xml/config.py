"""The keys of `kind: smstraffic-xml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from esmed.bridge.config import HttpProviderConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import Duration, DurationOrZero, SecretField, Text, Url
from esmed.settings import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortReply(Section):
    """What the sender of a message to the short number is answered."""

    url: Url | None = None
    """Whom to ask for the text."""
    text: Annotated[str, Text(most=1000)] = ""
    """The text; beside a ``url`` what is answered if that gives none."""
    timeout: Duration = 5.0
    charset: Literal["utf-8", "windows-1251"] = "utf-8"
    password: SecretField | None = None
    """What the provider has to send along as ``password``."""

    def faults(self) -> Iterator[ConfigFault]:
        if self.url is None and not self.text:
            yield ConfigFault(path="", message="url or text is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """SMS Traffic, HTTP API v1: forms in, XML out."""

    in_place: ClassVar[frozenset[str]] = HttpProviderConfig.in_place | {"short_reply"}

    kind: str = "smstraffic-xml"
    login: Annotated[str, Text(least=1, most=64)]
    password: SecretField
    callback_secret: SecretField | None = None
    short_reply: ShortReply | None = None
    pull_every: DurationOrZero = 60.0
    """Seconds between two looks for messages from subscribers; 0: never."""

    def faults(self) -> Iterator[ConfigFault]:
        yield from HttpProviderConfig.faults(self)
        if self.short_reply is not None and self.callback_secret is None:
            message = "the short number calls back: callback_secret is needed"
            yield ConfigFault(path="short_reply", message=message)
