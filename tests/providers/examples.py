"""The example of a kind's configuration, from its vectors."""

from pathlib import Path
from typing import Final

import yaml

from esmed.config import loads
from esmed.connectorconfig import ConnectorConfig
from esmed.secret import Surroundings

VECTORS: Final = Path(__file__).parent / "vectors"


def configured(kind: str, **changes: object) -> ConnectorConfig:
    """The example with changes, of which None takes a key away; ConfigError."""
    text = (VECTORS / kind / "config.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    assert list(raw) == ["connectors"]
    assert list(raw["connectors"]) == [kind]
    section = raw["connectors"][kind] | changes
    kept = {key: value for key, value in section.items() if value is not None}
    whole = yaml.safe_dump({"connectors": {kind: kept}})
    where = Surroundings(environ={}, directory=VECTORS / kind)
    return loads(whole, where).connectors[kind]
