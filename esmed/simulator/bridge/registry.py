"""The kinds of stand-ins there are: each module of `esmed.simulator.providers`."""

from importlib import import_module
from pkgutil import iter_modules

from esmed.simulator import providers
from esmed.simulator.bridge.frame import ProviderSimulator


def kinds() -> list[str]:
    """Return them, in alphabetical order."""
    names = (module.name for module in iter_modules(providers.__path__))
    return sorted(name.replace("_", "-") for name in names if name[0] != "_")


def simulator(kind: str) -> type[ProviderSimulator]:
    """Return the class of a kind. KeyError if there is none such."""
    if kind not in kinds():
        raise KeyError(kind)
    module = import_module(f"{providers.__name__}.{kind.replace('-', '_')}")
    found: type[ProviderSimulator] = module.Simulator
    return found
