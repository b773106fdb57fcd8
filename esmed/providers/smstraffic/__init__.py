"""SMS Traffic over HTTP, version 2: JSON and an API key. Pure.

Source: technical description 2.3 of 2025-12-18, "HTTP API v2 (JSON + API Key)".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from esmed.bridge.base import Provider
from esmed.bridge.config import HttpProviderConfig
from esmed.errors import ConfigFault
from esmed.fieldtypes import SecretField
from esmed.providers.smstraffic.protocol import Scheduling, SmsTraffic

__all__ = ["Config", "create"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """Keys of ``kind: smstraffic``."""

    kind: str = "smstraffic"
    api_key: SecretField
    """``1837/ptf9…``: the part before the slash is no secret."""
    callback_secret: SecretField | None = None
    send_timeout: bool = True
    """Whether the validity is handed over: only the sample has ``timeout``, the table
    of fields lacks it."""
    schedule_field: Literal["startDateTime", "startTime"] | None = None
    """What the start of a message is called: the table and the sample differ. None: it
    is handed over when it is time."""

    def faults(self) -> Iterator[ConfigFault]:
        yield from HttpProviderConfig.faults(self)
        key = self.api_key.reveal()
        if not (key.isascii() and key.isprintable()) or " " in key:
            message = "expected printable ASCII without blanks"
            yield ConfigFault(path="api_key", message=message)


def create(config: Config) -> Provider:
    """Make the protocol of one account."""
    protocol = Scheduling if config.schedule_field else SmsTraffic
    return protocol(
        config.api_key,
        config.nodes,
        timeouts=config.send_timeout,
        start_field=config.schedule_field or "startDateTime",
    )
