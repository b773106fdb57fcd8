"""The configuration file: config.yaml to one frozen `Config`.

Attribute names are the YAML keys (`from` is `from_`), times are seconds, rates are per
second, sizes are octets. `load` reports every fault of a file at once, each with its
YAML path; `render` shows what is in effect, secrets redacted.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from esmed import settings, yamlfile
from esmed.bridge.registry import Kinds
from esmed.connectorconfig import ConnectorConfig, Retry
from esmed.errors import ConfigError, ConfigFault
from esmed.fieldtypes import (
    Choice,
    Duration,
    DurationOrZero,
    DurationType,
    Endpoint,
    ExistingFile,
    HostName,
    Integer,
    ListenAddress,
    Name,
    Network,
    Prefix,
    Rate,
    SecretField,
    Size,
    Url,
    unexpected,
)
from esmed.models import MessageState, Priority
from esmed.secret import Surroundings, webhook_key
from esmed.settings import DERIVED, NAME, Reader, Section, Variants

KINDS: Mapping[str, type[ConnectorConfig]] = Kinds()
"""`kind` in the file to the class that reads the connector."""

DEFAULT_STORE = "sqlite:///var/esmed.db"

EVENTS = (
    "message.final",
    "message.*",
    *(f"message.{state}" for state in MessageState),
    "message.amended",
    "inbound.received",
)


@dataclass(frozen=True, slots=True)
class StoreUrlType:
    """`sqlite:///relative` or `sqlite:////absolute` → always the absolute form."""

    def read(self, raw: object, surroundings: Surroundings) -> str:
        prefix = "sqlite:///"
        if not isinstance(raw, str) or not raw.startswith(prefix):
            raise unexpected("sqlite:///PATH", raw)
        path = raw.removeprefix(prefix)
        if not path or path.endswith("/") or ":memory:" in path:
            raise unexpected("the path of a file after sqlite:///", raw)
        return f"{prefix}{surroundings.path(path)}"

    def show(self, value: object) -> object:
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Section):
    url: Annotated[str, StoreUrlType()]
    durability: Literal["full", "normal"] = "full"
    retention: Duration = 2_592_000.0
    erase_text: Literal["never", "final"] = "never"

    @property
    def path(self) -> Path:
        """The database file."""
        return Path(self.url.removeprefix("sqlite:///"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(Section):
    """A program that may use the HTTP interface."""

    name: Name
    token: SecretField
    rate: Rate | None = None
    senders: tuple[Name, ...] = ()
    """Those it may send from; none: any."""
    admin: bool = False

    def faults(self) -> Iterator[ConfigFault]:
        if not NAME.fullmatch(self.name):
            message = "a name has up to 64 letters, digits, '.', '_', '-'"
            yield ConfigFault(path="name", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Http(Section):
    listen: tuple[ListenAddress, ...] = (Endpoint("127.0.0.1", 8775),)
    max_queued: Annotated[int, Integer(1)] = 1_000_000
    max_body: Size = 8 * 2**20
    clients: tuple[Client, ...] = ()

    def faults(self) -> Iterator[ConfigFault]:
        if not self.listen:
            yield ConfigFault(path="listen", message="at least one address is needed")
        for index, client in enumerate(self.clients):
            before = self.clients[:index]
            if client.name in {other.name for other in before}:
                message = f'"{client.name}" is taken by another client'
                yield ConfigFault(path=f"clients[{index}].name", message=message)
            if client.token in {other.token for other in before}:
                message = "another client has the same token"
                yield ConfigFault(path=f"clients[{index}].token", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbacksTls(Section):
    """What the listener for the providers' pushes shows them."""

    certificate: ExistingFile
    """PEM, with the chain behind it."""
    key: ExistingFile | None = None
    """None: it is in the certificate's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks(Section):
    """The listener for the providers' pushes."""

    listen: tuple[ListenAddress, ...]
    tls: CallbacksTls | None = None
    allow: tuple[Network, ...] = ()
    """Who may come; none: everyone who knows a secret path."""
    max_body: Size = 2**20

    def faults(self) -> Iterator[ConfigFault]:
        if not self.listen:
            yield ConfigFault(path="listen", message="at least one address is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks(Section):
    url: Url | None = None
    """None: only messages that name their own are told about."""
    secret: SecretField | None = None
    events: tuple[Annotated[str, Choice(EVENTS)], ...] = (
        "message.final",
        "inbound.received",
    )
    allow: tuple[HostName, ...] = ()
    """Hosts a message's own `webhook_url` may name; none: it is refused."""
    timeout: Duration = 10.0
    concurrency: Annotated[int, Integer(1, 1000)] = 8

    def faults(self) -> Iterator[ConfigFault]:
        if (self.url or self.allow) and not self.secret:
            yield ConfigFault(path="secret", message="is needed: webhooks are signed")
        if self.secret:
            try:
                webhook_key(self.secret.reveal())
            except ValueError as error:
                yield ConfigFault(path="secret", message=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Section):
    """Matches when each of its conditions does; one without values always does."""

    to: tuple[Prefix, ...] = ()
    from_: tuple[Name, ...] = ()
    client: tuple[Name, ...] = ()
    priority: tuple[Priority, ...] = ()
    via: tuple[str, ...]
    failover_after: DurationOrZero = 10.0
    spill: bool = False
    weights: Mapping[str, Annotated[int, Integer(0, 1_000_000)]] = field(
        default_factory=dict
    )
    """How often a connector of `via` is the first choice; those left out never are."""

    def faults(self) -> Iterator[ConfigFault]:
        if not self.via:
            yield ConfigFault(path="via", message="at least one connector is needed")
        for name in self.weights:
            if name not in self.via:
                yield ConfigFault(path=f"weights.{name}", message="is not in via")
        if self.weights and not any(self.weights.values()):
            yield ConfigFault(path="weights", message="one at least must be above 0")
        for index, name in enumerate(self.via):
            if name in self.via[:index]:
                message = f'"{name}" is in the list already'
                yield ConfigFault(path=f"via[{index}]", message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Section):
    """What the log tells. Its form is an option of the command line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    numbers: Literal["masked", "full"] = "masked"
    texts: Literal["masked", "full"] = "masked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Section):
    """Everything the daemon is told, complete and checked."""

    node: Name = field(default_factory=lambda: os.uname().nodename)
    store: Store
    http: Http = Http()
    callbacks: Callbacks | None = None
    """None: providers cannot push anything to us."""
    log: Log = Log()
    webhooks: Webhooks = Webhooks()
    connectors: Mapping[str, ConnectorConfig]
    routes: tuple[Route, ...] = ()
    retry: Retry = field(default_factory=Retry)
    shutdown_timeout: Duration = 30.0
    warnings: tuple[ConfigFault, ...] = field(default=(), metadata=DERIVED)
    """What works but is probably not meant."""


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in the file `path`. Raises ConfigError with all its faults."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        message = f"cannot read {path}: {exc.strerror}"
        raise ConfigError([ConfigFault(path="", message=message)]) from exc
    except UnicodeDecodeError:
        # Its cause would carry the file's content, passwords too, into tracebacks.
        message = f"{path} is not UTF-8 text"
        raise ConfigError([ConfigFault(path="", message=message)]) from None
    return loads(text, Surroundings.of_process(environ))


def loads(text: str, surroundings: Surroundings) -> Config:
    """The configuration in `text`. Raises ConfigError with all its faults."""
    raw = yamlfile.parse(text)
    if raw is None:
        raw = {}
    if isinstance(raw, dict):
        raw = _with_store(_with_common_retry(_with_prepared(raw), surroundings))
    reader = Reader(
        surroundings, {ConnectorConfig: Variants(key="kind", classes=KINDS)}
    )
    config = reader.read(Config, raw)
    if config is not None:
        _check_across(config, raw, reader)
    if config is None or reader.faults:
        raise ConfigError(reader.faults)
    return replace(config, warnings=(*reader.warnings, *_advice(config)))


def render(config: Config) -> str:
    """The configuration in effect as YAML, defaults included, secrets redacted."""
    return settings.render(config)


def _with_store(raw: dict[object, object]) -> dict[object, object]:
    """`raw` with the store's place filled in: its default depends on where we are."""
    store = raw.get("store")
    if store is None:
        store = {}
    if isinstance(store, dict):
        store = {"url": DEFAULT_STORE, **store}
    return {**raw, "store": store}


def _with_prepared(raw: dict[object, object]) -> dict[object, object]:
    """`raw` with each connector's keys as its kind completes them."""
    connectors = raw.get("connectors")
    if not isinstance(connectors, dict):
        return raw
    prepared = {name: _prepared(one) for name, one in connectors.items()}
    return {**raw, "connectors": prepared}


def _prepared(connector: object) -> object:
    if not isinstance(connector, dict):
        return connector
    kind = connector.get("kind")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    return connector if cls is None else cls.prepared(connector)


def _with_common_retry(
    raw: dict[object, object], surroundings: Surroundings
) -> dict[object, object]:
    """`raw` with what connectors leave out of `retry` taken from the top level's.

    Anything of the wrong shape is left for the reader to report, once.
    """
    common, connectors = raw.get("retry"), raw.get("connectors")
    if not isinstance(common, dict) or not isinstance(connectors, dict):
        return raw
    trial = Reader(surroundings)
    trial.read(Retry, common)
    if trial.faults:
        return raw
    merged = {name: _merge_retry(common, one) for name, one in connectors.items()}
    return {**raw, "connectors": merged}


def _merge_retry(common: dict[object, object], connector: object) -> object:
    if not isinstance(connector, dict):
        return connector
    own = connector.get("retry", {})
    if not isinstance(own, dict):
        return connector
    return {**connector, "retry": {**common, **own}}


def _check_across(config: Config, raw: object, reader: Reader) -> None:
    if not config.connectors:
        reader.add_fault("connectors", "at least one connector is needed")
    _check_routes(config, raw, reader)
    if not config.http.clients and not reader.is_faulty("http"):
        for index, address in enumerate(config.http.listen):
            if not address.is_local:
                message = f"{address} is open to others: http.clients are needed"
                reader.add_fault(f"http.listen[{index}]", message)


def _check_routes(config: Config, raw: object, reader: Reader) -> None:
    # One that is there but faulty has been reported; its routes are not wrong.
    named = raw.get("connectors") if isinstance(raw, dict) else None
    connectors = set(named) if isinstance(named, dict) else set()
    clients = {client.name for client in config.http.clients}
    for number, route in enumerate(config.routes):
        path = f"routes[{number}]"
        for index, name in enumerate(route.via):
            if name not in connectors:
                reader.add_fault(f"{path}.via[{index}]", f'no connector "{name}"')
        for index, name in enumerate(route.client):
            if name not in clients and not reader.is_faulty("http"):
                reader.add_fault(f"{path}.client[{index}]", f'no client "{name}"')


def _advice(config: Config) -> Iterator[ConfigFault]:
    if not config.routes:
        message = "none: only messages that name their connector can go"
        yield ConfigFault(path="routes", message=message)
    for number, route in enumerate(config.routes[:-1]):
        if not (route.to or route.from_ or route.client or route.priority):
            message = "matches every message: the routes after it are never reached"
            yield ConfigFault(path=f"routes[{number}]", message=message)
    retention, show = config.store.retention, DurationType().show
    slow = {n: c for n, c in config.connectors.items() if c.receipt_timeout > retention}
    for name, connector in slow.items():
        message = (
            f"a receipt may come later, within receipt_timeout"
            f" ({show(connector.receipt_timeout)}) of connectors.{name}, and would find"
            f" no message after {show(retention)}"
        )
        yield ConfigFault(path="store.retention", message=message)
