"""Every metric of the daemon; names and labels are part of the public contract.

Label values come from closed sets: the configuration, the SMPP vocabulary, and the
constants below. What is not in its set is counted under one common value, so that no
peer and no caller can make a series. Meters are made at start and kept in attributes:
the hot path is `metrics.connector("carrier").pdus_out[command_id].inc()`.

Values that are cheap to ask for are set when somebody reads them: see `on_collect`.
All is used from the event loop's thread, but for the `store_*` meters, which belong to
the store's writer.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Generic, Literal, Protocol, TypeVar, get_args

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from esmed import __version__
from esmed.connector import HealthState
from esmed.meters import Counter, Family, Gauge, Histogram, M
from esmed.models import MessageState
from pdu.vocabulary import CommandId, CommandStatus, command_name, status_name

BindResult = Literal["bound", "refused", "credentials", "timeout", "connect", "tls"]
"""`credentials`: refused for what only the operator can change."""
BindState = Literal["closed", "connecting", "binding", "bound", "unbinding"]
Limit = Literal["rate", "window", "throttle", "link"]
Match = Literal["matched", "early", "unmatched", "duplicate"]
WebhookOutcome = Literal["delivered", "failed", "dead"]
ProviderOutcome = Literal["answered", "refused", "not_sent", "unanswered"]
"""`refused`: by its HTTP status."""

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OTHER: Final = "other"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

SUBMIT_SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
)  # fmt: skip
DELIVERY_SECONDS: Final = (
    1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400, 259_200,
)  # fmt: skip
COMMIT_SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30,
)  # fmt: skip
BATCH_OPERATIONS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

K = TypeVar("K")


class _AnyFamily(Protocol):
    def collect(self) -> Metric: ...
    def forget(self, **labels: str) -> None: ...


class Closed(dict[K, M], Generic[K, M]):
    """Meters by key; keys that are not in the set share `other`."""

    def __init__(self, meters: Iterable[tuple[K, M]], other: M) -> None:
        super().__init__(meters)
        self.other = other

    def __missing__(self, key: K) -> M:
        return self.other


class HostMetrics:
    """Meters of one host of a connector."""

    def __init__(self, metrics: "Metrics", connector: str, host: str) -> None:
        self.binds: Final = {
            result: metrics.binds.labels(connector, host, result)
            for result in get_args(BindResult)
        }
        self.last_in: Final = metrics.last_pdu.labels(connector, host, "in")
        self.last_out: Final = metrics.last_pdu.labels(connector, host, "out")
        """Seconds since the epoch of the latest PDU."""
        self.certificate_expiry: Final = metrics.certificate_expiry.labels(
            connector, host
        )
        """Seconds since the epoch."""
        self._states = partial(metrics.bind_state.labels, connector, host)

    def bind_state(self, bind: str, state: BindState) -> None:
        """Say in which one state that bind is; the configuration names it."""
        for each in get_args(BindState):
            self._states(bind, each).set(float(each == state))


class ProviderMetrics:
    """Meters of one operation of a provider."""

    def __init__(self, metrics: "Metrics", connector: str, operation: str) -> None:
        self.requests: Final = {
            outcome: metrics.provider_requests.labels(connector, operation, outcome)
            for outcome in get_args(ProviderOutcome)
        }
        self.seconds: Final = metrics.provider_request_seconds.labels(
            connector, operation
        )


class ConnectorMetrics:
    """Meters of one connector."""

    def __init__(self, metrics: "Metrics", name: str, hosts: Iterable[str]) -> None:
        self.hosts: Final = {host: HostMetrics(metrics, name, host) for host in hosts}
        self.messages: Final = {
            state: metrics.messages.labels(name, state.value) for state in MessageState
        }
        self._states: Final = {
            state: metrics.connector_state.labels(name, state.value)
            for state in HealthState
        }
        self.queue_messages: Final = metrics.queue_messages.labels(name)
        self.queue_oldest: Final = metrics.queue_oldest.labels(name)
        self.held: Final = metrics.held.labels(name)
        self.pdus_in: Final = _by_command(metrics, name, "in")
        self.pdus_out: Final = _by_command(metrics, name, "out")
        """By command_id."""
        self.submit_status: Final = Closed(
            (
                (int(status), metrics.submit_status.labels(name, status_name(status)))
                for status in CommandStatus
            ),
            metrics.submit_status.labels(name, "vendor"),
        )
        """By command_status."""
        self.submit_seconds: Final = metrics.submit_seconds.labels(name)
        self.delivery_seconds: Final = metrics.delivery_seconds.labels(name)
        self.window_used: Final = metrics.window_used.labels(name)
        self.window_size: Final = metrics.window_size.labels(name)
        self.rate_limit: Final = metrics.rate_limit.labels(name)
        self.limited_seconds: Final = {
            limit: metrics.limited_seconds.labels(name, limit)
            for limit in get_args(Limit)
        }
        self.receipts: Final = {
            match: metrics.receipts.labels(name, match) for match in get_args(Match)
        }
        self.inbound: Final = {
            complete: metrics.inbound.labels(name, str(complete).lower())
            for complete in (True, False)
        }
        self.unknown_outcomes: Final = metrics.unknown_outcomes.labels(name)
        self.enquire_link_seconds: Final = metrics.enquire_link_seconds.labels(name)
        self._providers: Final[dict[str, ProviderMetrics]] = {}
        self._provider: Final = partial(ProviderMetrics, metrics, name)

    def provider(self, operation: str) -> ProviderMetrics:
        """The meters of an operation, from the closed set of its provider."""
        known = self._providers.get(operation)
        if known is None:
            known = self._providers[operation] = self._provider(operation)
        return known

    def state(self, state: HealthState) -> None:
        """Say in which one state the connector is."""
        for each, meter in self._states.items():
            meter.set(float(each is state))


class Metrics(Collector):
    """All meters, on one registry."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        routes: Iterable[str] = (),
    ) -> None:
        """`routes` are the path templates of the HTTP interface."""
        self.registry = registry or CollectorRegistry()
        self._families: list[_AnyFamily] = []
        self._callbacks: list[Callable[[], None]] = []
        self._connectors: dict[str, ConnectorMetrics] = {}
        self._routes = frozenset(routes)
        self._make_connector_families()
        self._make_common_meters()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def _make_connector_families(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.messages = counter(
            "messages", "Messages that came to a state.", "connector", "state"
        )
        self.queue_messages = gauge(
            "queue_messages", "Messages waiting, by first choice.", "connector"
        )
        self.queue_oldest = gauge(
            "queue_oldest_seconds", "Age of the one waiting longest.", "connector"
        )
        self.held = gauge(
            "held_messages", "Messages held: outcome unknown.", "connector"
        )
        self.connector_state = gauge(
            "connector_state", "1 for the state of the connector.", "connector", "state"
        )
        self.bind_state = gauge(
            "bind_state", "1 for the state of the bind.",
            "connector", "host", "bind", "state",
        )  # fmt: skip
        self.binds = counter(
            "binds", "Attempts to bind.", "connector", "host", "result"
        )
        self.pdus = counter("pdus", "PDUs.", "connector", "direction", "command")
        self.submit_status = counter(
            "submit_status", "Answers to submit_sm.", "connector", "status"
        )
        self.submit_seconds = self._histogram(
            "submit_seconds", "From write to response.", SUBMIT_SECONDS, "connector"
        )
        self.delivery_seconds = self._histogram(
            "delivery_seconds", "From submit to final receipt.",
            DELIVERY_SECONDS, "connector",
        )  # fmt: skip
        self.window_used = gauge("window_used", "Slots in use.", "connector")
        self.window_size = gauge("window_size", "Slots there are.", "connector")
        self.rate_limit = gauge("rate_limit", "PDU/s now allowed.", "connector")
        self.limited_seconds = counter(
            "limited_seconds", "Time messages waited, by what for.", "connector", "by"
        )
        self.receipts = counter(
            "receipts", "Receipts, by how they met their part.", "connector", "match"
        )
        self.inbound = counter("inbound", "Messages received.", "connector", "complete")
        self.unknown_outcomes = counter(
            "unknown_outcomes", "Parts written and never answered.", "connector"
        )
        self.enquire_link_seconds = gauge(
            "enquire_link_seconds", "Latest round trip.", "connector"
        )
        self.last_pdu = gauge(
            "last_pdu_timestamp_seconds", "When the latest PDU went.",
            "connector", "host", "direction",
        )  # fmt: skip
        self.certificate_expiry = gauge(
            "certificate_expiry_timestamp_seconds", "End of the SMSC's certificate.",
            "connector", "host",
        )  # fmt: skip

        self.provider_requests = counter(
            "provider_requests", "Requests to a provider.",
            "connector", "operation", "outcome",
        )  # fmt: skip
        self.provider_request_seconds = self._histogram(
            "provider_request_seconds", "From request to answer.",
            SUBMIT_SECONDS, "connector", "operation",
        )  # fmt: skip

    def _make_common_meters(self) -> None:
        self._gauge("build_info", "Version.", "version").labels(__version__).set(1)
        webhooks = self._counter("webhooks", "Attempts and ends.", "outcome")
        self.webhooks = {
            outcome: webhooks.labels(outcome) for outcome in get_args(WebhookOutcome)
        }
        self.webhook_backlog = self._gauge(
            "webhook_backlog", "Events not yet delivered."
        ).labels()
        self.webhook_oldest = self._gauge(
            "webhook_oldest_seconds", "Age of the event waiting longest."
        ).labels()
        self._http_requests = self._counter(
            "http_requests", "Requests answered.", "method", "route", "code"
        )
        self.store_commit_seconds = self._histogram(
            "store_commit_seconds", "Duration of a transaction.", COMMIT_SECONDS
        ).labels()
        self.store_batch_operations = self._histogram(
            "store_batch_operations", "Operations in a transaction.", BATCH_OPERATIONS
        ).labels()
        self.store_errors = self._counter(
            "store_errors", "Transactions that failed."
        ).labels()
        self.store_free_bytes = self._gauge(
            "store_free_bytes", "Room left on the store's file system."
        ).labels()
        self.loop_lag_seconds = self._gauge(
            "loop_lag_seconds", "Worst delay of the event loop in the last minute."
        ).labels()
        self.config_reload_success = self._gauge(
            "config_reload_success", "1 if the configuration file was usable."
        ).labels()

    def connector(
        self, name: str, hosts: Iterable[str] | None = None
    ) -> ConnectorMetrics:
        """The meters of that connector.

        With `hosts` it begins anew: it counts on, but has these hosts and no other, and
        nothing is known of their binds.
        """
        known = self._connectors.get(name)
        if known is None:
            known = self._connectors[name] = ConnectorMetrics(self, name, hosts or ())
        elif hosts is not None:
            self._change_hosts(name, known.hosts, tuple(hosts))
        return known

    def forget_connector(self, name: str) -> None:
        """Show nothing of a connector that is gone; asked for again it begins at 0."""
        if self._connectors.pop(name, None) is not None:
            self._forget(connector=name)

    def _change_hosts(
        self, name: str, known: dict[str, HostMetrics], hosts: tuple[str, ...]
    ) -> None:
        self.bind_state.forget(connector=name)
        for host in known.keys() - set(hosts):
            del known[host]
            self._forget(connector=name, host=host)
        for host in hosts:
            known.setdefault(host, HostMetrics(self, name, host))

    def _forget(self, **labels: str) -> None:
        for family in self._families:
            family.forget(**labels)

    def http_request(self, method: str, route: str | None, code: int) -> None:
        """Count a request; `route` is None if no template matched."""
        self._http_requests.labels(
            method if method in METHODS else OTHER,
            route if route in self._routes and route else OTHER,
            str(code),
        ).inc()

    def on_collect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` set its gauges each time before they are read.

        Returns what ends that.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def render(self) -> bytes:
        """The answer to `GET /metrics`, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: spares the registry from collecting to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for callback in self._callbacks:
            callback()
        for family in self._families:
            yield family.collect()

    def _counter(self, name: str, text: str, *labels: str) -> Family[Counter]:
        family = Family(f"esmed_{name}", text, labels, Counter)
        self._families.append(family)
        return family

    def _gauge(self, name: str, text: str, *labels: str) -> Family[Gauge]:
        family = Family(f"esmed_{name}", text, labels, Gauge)
        self._families.append(family)
        return family

    def _histogram(
        self, name: str, text: str, bounds: tuple[float, ...], *labels: str
    ) -> Family[Histogram]:
        make = partial(Histogram, bounds)
        family = Family(f"esmed_{name}", text, labels, make)
        self._families.append(family)
        return family


def _by_command(
    metrics: Metrics, connector: str, direction: Literal["in", "out"]
) -> Closed[int, Counter]:
    known = (
        (int(command), metrics.pdus.labels(connector, direction, command_name(command)))
        for command in CommandId
    )
    return Closed(known, metrics.pdus.labels(connector, direction, OTHER))
