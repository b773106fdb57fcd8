"""What another configuration changes in a running daemon. Pure.

Every key is in one of three groups. Those of `AT_ONCE`, and those that a kind of
connector names in ``in_place``, take effect while everything goes on. Any other key of
a connector has it drained and made anew. All the rest needs a restart: nothing of such
a configuration is applied, so that what runs is always one file and never half of two.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from esmed.config import Config
from esmed.connectorconfig import ConnectorConfig
from esmed.errors import ConfigError, ConfigFault
from esmed.settings import differences

AT_ONCE: Final = frozenset(
    {"node", "store.retention", "store.erase_text", "http.max_queued", "http.clients"}
    | {"log", "webhooks", "connectors", "routes", "retry", "shutdown_timeout"}
)
"""Keys, and sections with all their keys."""

NEEDS_RESTART: Final = "needs a restart; nothing of the file was applied"


class Changes(Struct, frozen=True, kw_only=True):
    """What becomes of each connector, by name, and which other keys have a new value.

    All in the order of the new configuration, ``removed`` in that of the old one.
    """

    kept: tuple[str, ...] = ()
    """Nothing about them is different."""
    adjusted: tuple[str, ...] = ()
    """They keep their binds and get new settings."""
    changed: tuple[str, ...] = ()
    """They leave, and come back as others."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """YAML paths of what else is different."""


def compare(old: Config, new: Config) -> Changes:
    """What changes. Raises ConfigError, naming each key that needs a restart."""
    paths = tuple(differences(old, new))
    faults = [
        ConfigFault(path=path, message=NEEDS_RESTART)
        for path in paths
        if not _takes_effect(path)
    ]
    if faults:
        raise ConfigError(faults)
    fates = dict(_fates(old.connectors, new.connectors))

    def names(fate: str) -> tuple[str, ...]:
        return tuple(name for name, its in fates.items() if its == fate)

    return Changes(
        kept=names("kept"),
        adjusted=names("adjusted"),
        changed=names("changed"),
        added=names("added"),
        removed=tuple(name for name in old.connectors if name not in new.connectors),
        keys=tuple(path for path in paths if path != "connectors"),
    )


def _takes_effect(path: str) -> bool:
    """Whether a key's new value can be used at once."""
    steps = path.split(".")
    return any(".".join(steps[: n + 1]) in AT_ONCE for n in range(len(steps)))


def _fates(
    old: Mapping[str, ConnectorConfig], new: Mapping[str, ConnectorConfig]
) -> Iterator[tuple[str, str]]:
    for name, after in new.items():
        before = old.get(name)
        if before is None:
            yield name, "added"
        elif before == after:
            yield name, "kept"
        elif type(before) is type(after) and _in_place(before, after):
            yield name, "adjusted"
        else:
            yield name, "changed"


def _in_place(before: ConnectorConfig, after: ConnectorConfig) -> bool:
    """Whether a connector can take its new settings as it is."""
    keys = {path.partition(".")[0] for path in differences(before, after)}
    return keys <= after.in_place
