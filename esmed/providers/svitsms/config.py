"""The keys of `kind: svitsms`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from esmed.bridge.config import HttpProviderConfig
from esmed.bridge.xmldoc import illegal
from esmed.errors import ConfigFault
from esmed.fieldtypes import Integer, SecretField, Text, TimeZone


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """svitsms ("SMS-HTTP"): XML over HTTP POST; ``base_urls`` has the whole URL."""

    kind: str = "svitsms"
    login: Annotated[str, Text(least=1, most=64)]
    password: SecretField
    callback_secret: SecretField | None = None
    timezone: TimeZone | None = None
    """In which the provider writes and reads its dates; the document names none. None:
    messages with a ``send_at`` wait here."""
    campaign_rate: Annotated[int, Integer(1, 120)] = 120
    """Messages a minute in which the provider sends what one request holds."""
    description: Annotated[str, Text(most=100)] = ""
    """What its web interface shows for a campaign."""

    def faults(self) -> Iterator[ConfigFault]:
        yield from HttpProviderConfig.faults(self)
        if ":" in self.login:
            message = "HTTP Basic cannot carry a login with a colon"
            yield ConfigFault(path="login", message=message)
        if illegal(self.description):
            yield ConfigFault(path="description", message="has control characters")
