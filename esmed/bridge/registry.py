"""The kinds of connectors there are: smpp, and each module of `esmed.providers`.

A kind's name is its module's, with ``-`` for ``_``. A module is imported when a
configuration names its kind, or somebody asks for all.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from esmed import providers
from esmed.bridge.base import Provider
from esmed.connectorconfig import ConnectorConfig
from esmed.smpp.config import Config as SmppConfig


def provider_kinds() -> list[str]:
    """Return those that are not smpp, in alphabetical order."""
    names = (module.name for module in iter_modules(providers.__path__))
    return sorted(name.replace("_", "-") for name in names if name[0] != "_")


def create(config: ConnectorConfig) -> Provider:
    """Make the provider of a configuration that one of `Kinds` has read."""
    make: Callable[[ConnectorConfig], Provider] = _module(config.kind).create
    return make(config)


class Kinds(Mapping[str, type[ConnectorConfig]]):
    """``kind`` in the file to the class that reads the connector."""

    def __getitem__(self, kind: str) -> type[ConnectorConfig]:
        if kind == "smpp":
            return SmppConfig
        if kind not in provider_kinds():
            raise KeyError(kind)
        config: type[ConnectorConfig] = _module(kind).Config
        return config

    def __iter__(self) -> Iterator[str]:
        return iter(("smpp", *provider_kinds()))

    def __len__(self) -> int:
        return 1 + len(provider_kinds())


def _module(kind: str) -> ModuleType:
    return import_module(f"{providers.__name__}.{kind.replace('-', '_')}")
