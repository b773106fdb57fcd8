"""Names, labels and closed sets of the contract's metrics."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from esmed import __version__
from esmed.connector import HealthState
from esmed.metrics import CONTENT_TYPE, Metrics
from esmed.models import MessageState
from pdu import CommandId, CommandStatus

# Contract, "Metrics": what the SMPP side, the store, webhooks and HTTP can feed; and
# `esmed_connector_state`, since no other tells that only the backup is bound.
CONTRACT = {
    "esmed_build_info": {"version"},
    "esmed_messages_total": {"connector", "state"},
    "esmed_queue_messages": {"connector"},
    "esmed_queue_oldest_seconds": {"connector"},
    "esmed_held_messages": {"connector"},
    "esmed_connector_state": {"connector", "state"},
    "esmed_bind_state": {"connector", "host", "bind", "state"},
    "esmed_binds_total": {"connector", "host", "result"},
    "esmed_pdus_total": {"connector", "direction", "command"},
    "esmed_submit_status_total": {"connector", "status"},
    "esmed_submit_seconds_count": {"connector"},
    "esmed_delivery_seconds_count": {"connector"},
    "esmed_window_used": {"connector"},
    "esmed_window_size": {"connector"},
    "esmed_rate_limit": {"connector"},
    "esmed_limited_seconds_total": {"connector", "by"},
    "esmed_receipts_total": {"connector", "match"},
    "esmed_inbound_total": {"connector", "complete"},
    "esmed_unknown_outcomes_total": {"connector"},
    "esmed_enquire_link_seconds": {"connector"},
    "esmed_last_pdu_timestamp_seconds": {"connector", "host", "direction"},
    "esmed_certificate_expiry_timestamp_seconds": {"connector", "host"},
    "esmed_webhooks_total": {"outcome"},
    "esmed_webhook_backlog": set(),
    "esmed_webhook_oldest_seconds": set(),
    "esmed_http_requests_total": {"method", "route", "code"},
    "esmed_store_commit_seconds_count": set(),
    "esmed_store_batch_operations_count": set(),
    "esmed_store_errors_total": set(),
    "esmed_store_free_bytes": set(),
    "esmed_loop_lag_seconds": set(),
    "esmed_config_reload_success": set(),
    "process_resident_memory_bytes": set(),
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(routes=["/v1/messages", "/v1/messages/{id}"])


def samples(metrics: Metrics) -> Samples:
    text = metrics.render().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def move_everything(metrics: Metrics) -> None:
    carrier = metrics.connector("carrier", ["smsc:2775"])
    carrier.state(HealthState.UP)
    host = carrier.hosts["smsc:2775"]
    host.bind_state("transceiver", "bound")
    host.last_in.set(1.0)
    host.last_out.set(2.0)
    host.certificate_expiry.set(3.0)
    for gauge in (
        carrier.queue_messages, carrier.queue_oldest, carrier.held,
        carrier.window_used, carrier.window_size, carrier.rate_limit,
        carrier.enquire_link_seconds, metrics.webhook_backlog, metrics.webhook_oldest,
        metrics.store_free_bytes, metrics.loop_lag_seconds,
        metrics.config_reload_success,
    ):  # fmt: skip
        gauge.set(1.0)
    metrics.http_request("GET", "/v1/messages", 200)


def test_every_name_and_its_labels(metrics: Metrics) -> None:
    move_everything(metrics)
    found: dict[str, set[str]] = {}
    for name, labels in samples(metrics):
        found.setdefault(name, set()).update(key for key, _ in labels)
    for name, labels_expected in CONTRACT.items():
        assert found.get(name) == labels_expected, name
    ours = {name for name in found if name.startswith("esmed_")}
    parts = {name for name in ours if name.endswith(("_bucket", "_sum"))}
    assert ours - parts <= set(CONTRACT)


def test_series_are_there_before_their_first_event(metrics: Metrics) -> None:
    metrics.connector("carrier", ["smsc:2775"])
    assert value(metrics, "esmed_build_info", version=__version__) == 1
    for name, labels in (
        ("esmed_messages_total", {"state": "delivered"}),
        ("esmed_submit_status_total", {"status": "ESME_RTHROTTLED"}),
        ("esmed_submit_status_total", {"status": "vendor"}),
        ("esmed_pdus_total", {"direction": "in", "command": "deliver_sm"}),
        ("esmed_pdus_total", {"direction": "out", "command": "other"}),
        ("esmed_binds_total", {"host": "smsc:2775", "result": "credentials"}),
        ("esmed_limited_seconds_total", {"by": "window"}),
        ("esmed_receipts_total", {"match": "early"}),
        ("esmed_inbound_total", {"complete": "false"}),
        ("esmed_unknown_outcomes_total", {}),
        ("esmed_submit_seconds_count", {}),
    ):
        assert value(metrics, name, connector="carrier", **labels) == 0
    assert value(metrics, "esmed_webhooks_total", outcome="dead") == 0


def test_a_connector_counts(metrics: Metrics) -> None:
    carrier = metrics.connector("carrier", ["smsc:2775"])
    assert metrics.connector("carrier") is carrier
    carrier.messages[MessageState.DELIVERED].inc(3)
    carrier.pdus_out[CommandId.SUBMIT_SM].inc()
    carrier.pdus_in[0x80000004].inc(2)
    carrier.submit_status[CommandStatus.ESME_RTHROTTLED].inc()
    carrier.inbound[True].inc()
    carrier.limited_seconds["rate"].inc(0.5)
    carrier.hosts["smsc:2775"].binds["bound"].inc()
    carrier.submit_seconds.observe(0.02)
    for name, labels, expected in (
        ("esmed_messages_total", {"state": "delivered"}, 3),
        ("esmed_pdus_total", {"direction": "out", "command": "submit_sm"}, 1),
        ("esmed_pdus_total", {"direction": "in", "command": "submit_sm_resp"}, 2),
        ("esmed_submit_status_total", {"status": "ESME_RTHROTTLED"}, 1),
        ("esmed_inbound_total", {"complete": "true"}, 1),
        ("esmed_limited_seconds_total", {"by": "rate"}, 0.5),
        ("esmed_binds_total", {"host": "smsc:2775", "result": "bound"}, 1),
        ("esmed_submit_seconds_bucket", {"le": "0.01"}, 0),
        ("esmed_submit_seconds_bucket", {"le": "0.025"}, 1),
    ):
        assert value(metrics, name, connector="carrier", **labels) == expected


def test_peers_cannot_make_series(metrics: Metrics) -> None:
    carrier = metrics.connector("carrier", ["smsc:2775"])
    before = set(samples(metrics))
    for number in range(0x400, 0x500):
        carrier.submit_status[number].inc()
        carrier.pdus_in[number].inc()
    assert set(samples(metrics)) == before
    vendor = value(
        metrics, "esmed_submit_status_total", connector="carrier", status="vendor"
    )
    assert vendor == 256
    other = value(
        metrics,
        "esmed_pdus_total",
        connector="carrier",
        direction="in",
        command="other",
    )
    assert other == 256


def test_callers_cannot_make_series(metrics: Metrics) -> None:
    for path in ("/", "/x", None):
        metrics.http_request("BREW", path, 404)
    metrics.http_request("GET", "/v1/messages/{id}", 200)
    requests = {
        labels: count
        for (name, labels), count in samples(metrics).items()
        if name == "esmed_http_requests_total"
    }
    other = frozenset({("method", "other"), ("route", "other"), ("code", "404")})
    known = {("method", "GET"), ("route", "/v1/messages/{id}"), ("code", "200")}
    assert requests == {other: 3, frozenset(known): 1}


def test_a_bind_is_in_one_state(metrics: Metrics) -> None:
    host = metrics.connector("carrier", ["smsc:2775"]).hosts["smsc:2775"]
    host.bind_state("receiver", "binding")
    host.bind_state("receiver", "bound")
    states = {
        dict(labels)["state"]: count
        for (name, labels), count in samples(metrics).items()
        if name == "esmed_bind_state"
    }
    assert states == {
        "closed": 0, "connecting": 0, "binding": 0, "bound": 1, "unbinding": 0
    }  # fmt: skip


def test_other_hosts(metrics: Metrics) -> None:
    carrier = metrics.connector("carrier", ["a:1", "b:1"])
    other = metrics.connector("other", ["b:1"])
    for meters in (carrier, other):
        meters.hosts["b:1"].bind_state("transceiver", "bound")
        meters.hosts["b:1"].binds["bound"].inc()
    kept = carrier.hosts["b:1"].binds["bound"]
    carrier.messages[MessageState.SENT].inc()
    assert metrics.connector("carrier", ["b:1", "c:1"]) is carrier
    assert set(carrier.hosts) == {"b:1", "c:1"}
    assert carrier.hosts["b:1"].binds["bound"] is kept
    shown = {dict(labels).get("host") for _, labels in samples(metrics)}
    assert shown == {None, "b:1", "c:1"}
    binds = {
        dict(labels)["connector"]
        for name, labels in samples(metrics)
        if name == "esmed_bind_state"
    }
    assert binds == {"other"}
    assert (
        value(metrics, "esmed_messages_total", connector="carrier", state="sent") == 1
    )


def test_a_connector_that_is_gone(metrics: Metrics) -> None:
    metrics.connector("carrier", ["a:1"]).messages[MessageState.SENT].inc()
    metrics.connector("other", ["b:1"])
    metrics.forget_connector("carrier")
    metrics.forget_connector("nobody")
    shown = {dict(labels).get("connector") for _, labels in samples(metrics)}
    assert shown == {None, "other"}
    assert metrics.connector("carrier").messages[MessageState.SENT].value == 0


def test_gauges_are_set_when_they_are_read(metrics: Metrics) -> None:
    depth = metrics.connector("carrier").queue_messages
    metrics.on_collect(lambda: depth.set((depth.value or 0) + 1))
    assert value(metrics, "esmed_queue_messages", connector="carrier") == 1
    assert value(metrics, "esmed_queue_messages", connector="carrier") == 2


def test_until_nobody_sets_them_any_more(metrics: Metrics) -> None:
    depth = metrics.connector("carrier").queue_messages
    other = metrics.connector("other").queue_messages
    metrics.on_collect(lambda: other.set(5))
    end = metrics.on_collect(lambda: depth.set((depth.value or 0) + 1))
    assert value(metrics, "esmed_queue_messages", connector="carrier") == 1
    end()
    assert value(metrics, "esmed_queue_messages", connector="carrier") == 1
    assert value(metrics, "esmed_queue_messages", connector="other") == 5


def test_a_registry_of_the_callers() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    assert metrics.registry is registry
    assert CONTENT_TYPE.startswith("text/plain")
