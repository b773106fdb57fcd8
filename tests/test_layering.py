"""The arrows between modules, as docs/architecture.md draws them.

Each module belongs to the first layer of `LAYERS` with a pattern that fits its name. A
module may import its own layer and those named by `below`, never a module that only the
wiring may name (`WIRED`), and of the rest of the world what its layer allows.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IMPURE = frozenset(
    {"asyncio", "concurrent", "fcntl", "http", "io", "logging", "multiprocessing"}
    | {"os", "pathlib", "queue", "select", "selectors", "shutil", "signal", "smtplib"}
    | {"socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time"}
)
"""What waits, reads a clock, or touches files, sockets or logs."""

WAITING = IMPURE - {"os", "pathlib"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    name: str
    modules: tuple[str, ...]
    below: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    """Of the standard library."""
    third_party: frozenset[str] | None = frozenset()
    """None: any."""
    pure: bool = False


LAYERS = (
    Layer(
        name="pdu",
        modules=("pdu", "pdu.*"),
        forbidden=IMPURE,
        third_party=frozenset({"msgspec", "smpp"}),
        pure=True,
    ),
    Layer(
        name="values and interfaces",
        modules=(
            "esmed",
            "esmed.caller",
            "esmed.connector",
            "esmed.errors",
            "esmed.models",
            "esmed.refusals",
            "esmed.api",
            "esmed.bridge",
            "esmed.bridge.base",
            "esmed.providers",
            "esmed.smpp",
            "esmed.store",
            "esmed.store.base",
        ),
        below=frozenset({"pdu"}),
        forbidden=IMPURE,
        third_party=frozenset({"msgspec"}),
        pure=True,
    ),
    Layer(
        name="configuration",
        modules=(
            "esmed.config",
            "esmed.connectorconfig",
            "esmed.fieldtypes",
            "esmed.secret",
            "esmed.settings",
            "esmed.tlsconfig",
            "esmed.yamlfile",
            "esmed.bridge.config",
            "esmed.bridge.registry",
            "esmed.smpp.binds",
            "esmed.smpp.config",
            "esmed.smpp.profiles",
            "esmed.smpp.quirks",
            "esmed.smpp.tables",
        ),
        below=frozenset({"pdu", "values and interfaces"}),
        forbidden=WAITING,
        third_party=frozenset({"msgspec", "yaml"}),
    ),
    Layer(
        name="decisions",
        modules=(
            "esmed.announce",
            "esmed.certificate",
            "esmed.csvfile",
            "esmed.custody",
            "esmed.destinations",
            "esmed.drafts",
            "esmed.estimates",
            "esmed.hookqueue",
            "esmed.hooks",
            "esmed.ids",
            "esmed.lanes",
            "esmed.lifecycle",
            "esmed.masking",
            "esmed.parts",
            "esmed.progress",
            "esmed.ratelimit",
            "esmed.reassembly",
            "esmed.reload",
            "esmed.retry",
            "esmed.routing",
            "esmed.settlement",
            "esmed.stride",
            "esmed.timeline",
            "esmed.views",
            "esmed.watchdog",
            "esmed.api.bodies",
            "esmed.api.misfits",
            "esmed.api.schema",
            "esmed.bridge.batches",
            "esmed.bridge.content",
            "esmed.bridge.dates",
            "esmed.bridge.forms",
            "esmed.bridge.nodes",
            "esmed.bridge.replies",
            "esmed.bridge.room",
            "esmed.bridge.soap",
            "esmed.bridge.schedule",
            "esmed.bridge.xmldoc",
            "esmed.smpp.addresses",
            "esmed.smpp.ancillary",
            "esmed.smpp.backlog",
            "esmed.smpp.congestion",
            "esmed.certificate",
            "esmed.smpp.encoding",
            "esmed.smpp.events",
            "esmed.smpp.failover",
            "esmed.smpp.mode",
            "esmed.smpp.pace",
            "esmed.smpp.pdutrace",
            "esmed.smpp.receipts",
            "esmed.smpp.session",
            "esmed.smpp.states",
            "esmed.smpp.status",
            "esmed.smpp.throttle",
            "esmed.smpp.timers",
            "esmed.smpp.tlvs",
            "esmed.smpp.window",
            "esmed.store.matching",
        ),
        below=frozenset({"pdu", "values and interfaces", "configuration"}),
        forbidden=IMPURE,
        third_party=frozenset({"msgspec"}),
        pure=True,
    ),
    Layer(
        name="providers",
        modules=("esmed.providers.*",),
        below=frozenset({"pdu", "values and interfaces", "configuration", "decisions"}),
        forbidden=IMPURE,
        third_party=frozenset({"msgspec"}),
        pure=True,
    ),
    Layer(
        name="simulator",
        modules=("esmed.simulator", "esmed.simulator.*"),
        below=frozenset({"pdu", "values and interfaces"}),
        third_party=None,
    ),
    Layer(
        name="wiring",
        modules=(
            "esmed.__main__",
            "esmed.app",
            "esmed.chores",
            "esmed.hub",
            "esmed.cli",
            "esmed.cli.*",
            "esmed.client",
            "esmed.client.*",
            "esmed.remote",
            "esmed.sendfile",
            "esmed.demo",
            "esmed.demo.*",
        ),
        below=frozenset(
            {"pdu", "values and interfaces", "configuration", "decisions"}
            | {"shells", "simulator"}
        ),
        third_party=None,
    ),
    Layer(
        name="shells",
        modules=(
            "esmed.beside",
            "esmed.cases",
            "esmed.clock",
            "esmed.dispatch",
            "esmed.gateway",
            "esmed.hooksender",
            "esmed.idempotency",
            "esmed.inbound",
            "esmed.listeners",
            "esmed.log",
            "esmed.meters",
            "esmed.metrics",
            "esmed.orphans",
            "esmed.queue",
            "esmed.recall",
            "esmed.resolver",
            "esmed.roster",
            "esmed.sdnotify",
            "esmed.supervision",
            "esmed.tls",
            "esmed.webhooks",
            "esmed.api.*",
            "esmed.bridge.*",
            "esmed.smpp.*",
            "esmed.store.*",
        ),
        below=frozenset({"pdu", "values and interfaces", "configuration", "decisions"}),
        third_party=None,
    ),
)

WIRED = (
    "esmed.api.server",
    "esmed.bridge.connector",
    "esmed.bridge.http",
    "esmed.bridge.mail",
    "esmed.smpp.connector",
    "esmed.store.sqlite",
    "esmed.webhooks",
)
"""Concrete shells: only the wiring names them."""


def layer_of(module: str) -> Layer | None:
    return next(
        (
            layer
            for layer in LAYERS
            if any(fnmatchcase(module, pattern) for pattern in layer.modules)
        ),
        None,
    )


def modules() -> dict[str, Path]:
    """Every module of both packages, by name."""
    found = {}
    for package in ("esmed", "pdu"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found[".".join(parts)] = path
    return found


def imports(tree: ast.AST, known: frozenset[str]) -> Iterator[str]:
    """The modules imported, wherever in the file; a name in a package is its module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for alias in names:
                    inner = f"{module}.{alias.name}"
                    yield inner if inner in known else module
            case ast.ImportFrom():
                yield "a relative module"
            case _:
                pass


def violations(module: str, source: str, known: frozenset[str]) -> list[str]:
    """What is wrong with the imports of `module`, in words."""
    layer = layer_of(module)
    assert layer is not None, f"{module} is in no layer"
    tree = ast.parse(source)
    wrong = []
    for imported in imports(tree, known):
        root = imported.split(".")[0]
        if root in {"esmed", "pdu"}:
            target = layer_of(imported)
            if target is None:
                wrong.append(f"{imported} is in no layer")
            elif target is not layer and target.name not in layer.below:
                wrong.append(f"{layer.name} must not import {target.name}: {imported}")
            elif imported in WIRED and layer.name != "wiring":
                wrong.append(f"only the wiring may name {imported}")
        elif root in sys.stdlib_module_names:
            if root in layer.forbidden:
                wrong.append(f"{layer.name} must not import {imported}")
        elif layer.third_party is not None and root not in layer.third_party:
            wrong.append(f"{layer.name} must not import {imported}")
    if layer.pure:
        wrong += [f"{layer.name} must not call {name}" for name in impure_calls(tree)]
    return wrong


def impure_calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="open" | "print" | "input" as name)):
                yield name
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date" as owner),
                attr="now" | "utcnow" | "today" as name,
            ):
                yield f"{owner}.{name}"
            case _:
                pass


def test_every_module_has_a_layer() -> None:
    assert [name for name in modules() if layer_of(name) is None] == []


def test_every_named_module_exists() -> None:
    named = {name for layer in LAYERS for name in layer.modules if "*" not in name}
    packages = {name for name in named if (ROOT / name.replace(".", "/")).is_dir()}
    assert (named | set(WIRED)) - set(modules()) - packages == set()


@pytest.mark.parametrize("module", modules())
def test_arrows(module: str) -> None:
    everything = modules()
    source = everything[module].read_text(encoding="utf-8")
    assert violations(module, source, frozenset(everything)) == []


KNOWN = frozenset({"esmed.log", "esmed.store.sqlite", "esmed.store.base"})


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("esmed.routing", "import asyncio", "decisions must not import asyncio"),
        ("esmed.routing", "import os.path", "decisions must not import os.path"),
        ("esmed.retry", "from time import time", "decisions must not import time"),
        (
            "esmed.retry",
            "def f():\n    from esmed import log",
            "decisions must not import shells: esmed.log",
        ),
        (
            "esmed.smpp.session",
            "from aiohttp import web",
            "decisions must not import aiohttp",
        ),
        ("pdu.codec", "import esmed", "pdu must not import values and interfaces"),
        ("pdu.codec", "from . import tlv", "must not import a relative module"),
        ("esmed.config", "import socket", "configuration must not import socket"),
        (
            "esmed.dispatch",
            "from esmed.store.sqlite import Store",
            "only the wiring may name esmed.store.sqlite",
        ),
        (
            "esmed.gateway",
            "from esmed.store import base, sqlite",
            "only the wiring may name esmed.store.sqlite",
        ),
        (
            "esmed.gateway",
            "import esmed.simulator.smsc",
            "shells must not import simulator",
        ),
        ("esmed.gateway", "import esmed.app", "shells must not import wiring"),
        ("esmed.gateway", "import esmed.utils", "esmed.utils is in no layer"),
        (
            "esmed.views",
            "from datetime import datetime\ndatetime.now()",
            "decisions must not call datetime.now",
        ),
        ("esmed.views", "open('x')", "decisions must not call open"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str, complaint: str) -> None:
    (found,) = violations(module, source, KNOWN)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("esmed.app", "from esmed.store.sqlite import Store\nimport asyncio"),
        ("esmed.routing", "from esmed.store import base\nimport msgspec, pdu.codec"),
        ("esmed.secret", "import os\nfrom pathlib import Path"),
        ("esmed.dispatch", "import asyncio\nfrom esmed.log import get"),
        ("esmed.simulator.smsc", "import asyncio, pdu"),
    ],
)
def test_a_right_arrow_passes(module: str, source: str) -> None:
    assert violations(module, source, KNOWN) == []
