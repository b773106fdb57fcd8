"""What the tests of `kind: smstraffic` share: its example, and bodies of answers."""

import json
from pathlib import Path
from typing import Final

from esmed.bridge.base import Provider, Reply
from esmed.bridge.registry import create
from esmed.config import loads
from esmed.secret import Surroundings

VECTORS: Final = Path(__file__).parent / "vectors" / "smstraffic"
NOW: Final = 1_735_712_400_000  # 2025-01-01T06:20:00Z
SURROUNDINGS: Final = Surroundings(environ={}, directory=Path())


def vector(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def provider(more: str = "") -> Provider:
    """The example of the vectors, with further lines at its end."""
    text = (VECTORS / "config.yaml").read_text(encoding="utf-8") + more
    config = loads(text, SURROUNDINGS)
    return create(config.connectors["smstraffic"])


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=raw, node="https://api")
