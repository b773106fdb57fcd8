"""What the tests of `kind: smstraffic` share: its example, and bodies of answers."""

import json
from typing import Final

from providers import examples

from esmed.bridge.base import Provider, Reply
from esmed.bridge.registry import create

VECTORS: Final = examples.VECTORS / "smstraffic"
NOW: Final = 1_735_712_400_000  # 2025-01-01T06:20:00Z


def vector(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def provider(**changes: object) -> Provider:
    """The example of the vectors, with changes."""
    return create(examples.configured("smstraffic", **changes))


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=raw, node="https://api")
