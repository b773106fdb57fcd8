"""Meters against prometheus-client's own, and their edges."""

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from esmed.meters import Counter, Family, Gauge, Histogram, M


def exposed(family: Family[M]) -> list[str]:
    registry = CollectorRegistry()

    class Once(Collector):
        def collect(self) -> list[prometheus_client.Metric]:
            return [family.collect()]

    registry.register(Once())
    return generate_latest(registry).decode().splitlines()


def test_counter() -> None:
    family = Family("esmed_things", "Things.", ("kind",), Counter)
    family.labels("a").inc()
    family.labels("a").inc(2.5)
    family.labels("b")
    assert exposed(family) == [
        "# HELP esmed_things_total Things.",
        "# TYPE esmed_things_total counter",
        'esmed_things_total{kind="a"} 3.5',
        'esmed_things_total{kind="b"} 0.0',
    ]


def test_gauge_is_not_shown_before_it_is_known() -> None:
    family = Family("esmed_level", "Level.", (), Gauge)
    head = ["# HELP esmed_level Level.", "# TYPE esmed_level gauge"]
    gauge = family.labels()
    assert exposed(family) == head
    gauge.set(0)
    assert exposed(family) == [*head, "esmed_level 0.0"]
    gauge.set(None)
    assert exposed(family) == head


def test_what_is_forgotten_is_not_shown() -> None:
    family = Family("esmed_things", "Things.", ("kind", "of"), Counter)
    for values in (("a", "x"), ("a", "y"), ("b", "x")):
        family.labels(*values).inc()
    family.forget(other="a")
    family.forget(kind="a", of="x")
    assert exposed(family)[2:] == [
        'esmed_things_total{kind="a",of="y"} 1.0',
        'esmed_things_total{kind="b",of="x"} 1.0',
    ]
    family.forget(kind="a")
    family.forget(of="z")
    assert exposed(family)[2:] == ['esmed_things_total{kind="b",of="x"} 1.0']
    # It begins anew.
    assert family.labels("a", "x").value == 0


def test_histogram() -> None:
    family = Family("esmed_s", "S.", ("c",), lambda: Histogram((0.5, 1)))
    for value in (0.1, 0.5, 0.6, 7):
        family.labels("x").observe(value)
    assert exposed(family) == [
        "# HELP esmed_s S.",
        "# TYPE esmed_s histogram",
        'esmed_s_bucket{c="x",le="0.5"} 2.0',
        'esmed_s_bucket{c="x",le="1.0"} 3.0',
        'esmed_s_bucket{c="x",le="+Inf"} 4.0',
        'esmed_s_count{c="x"} 4.0',
        'esmed_s_sum{c="x"} 8.2',
    ]


@given(st.lists(st.floats(0, 100)))
def test_histogram_as_prometheus_client_has_it(values: list[float]) -> None:
    bounds = (0.25, 1, 5, 50)
    registry = CollectorRegistry()
    theirs = prometheus_client.Histogram(
        "esmed_s", "S.", buckets=bounds, registry=registry
    )
    ours = Family("esmed_s", "S.", (), lambda: Histogram(bounds))
    meter = ours.labels()
    for value in values:
        theirs.observe(value)
        meter.observe(value)
    expected = generate_latest(registry).decode().splitlines()
    assert exposed(ours) == [line for line in expected if "_created" not in line]


def test_values_are_those_of_the_labels() -> None:
    family = Family("esmed_things", "Things.", ("kind",), Counter)
    assert family.labels("a") is family.labels("a")
    assert family.labels("a") is not family.labels("b")
    with pytest.raises(ValueError, match="kind"):
        family.labels("a", "b")
    with pytest.raises(ValueError, match="kind"):
        family.labels()
