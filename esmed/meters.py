"""Counters, gauges and histograms that cost a fraction of prometheus-client's.

Measured, best of many windows: prometheus-client takes 0.33 µs for `inc` and 1.0 µs for
`observe`, because each value has a lock of its own; a message passes a dozen of them.
These take 0.06 and 0.17 µs: each belongs to the one thread that moves it. They also
leave out the `_created` series.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from prometheus_client import Metric


class Meter(Protocol):
    """One value, or a histogram, with its labels known to its `Family`."""

    kind: ClassVar[str]
    """As prometheus-client names the type."""

    def add_to(self, metric: Metric, labels: dict[str, str]) -> None:
        """Append the samples."""
        ...


class Counter:
    """Only grows."""

    kind: ClassVar[str] = "counter"

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def add_to(self, metric: Metric, labels: dict[str, str]) -> None:
        metric.add_sample(f"{metric.name}_total", labels, self.value)


class Gauge:
    """What is now; not shown before it is known."""

    kind: ClassVar[str] = "gauge"

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def set(self, value: float | None) -> None:
        self.value = value

    def advance(self, value: float) -> None:
        """Set a time, unless a later one is there."""
        self.value = value if self.value is None else max(self.value, value)

    def add_to(self, metric: Metric, labels: dict[str, str]) -> None:
        if self.value is not None:
            metric.add_sample(metric.name, labels, self.value)


class Histogram:
    """Counts by upper bound; `bounds` ascend and leave out infinity."""

    kind: ClassVar[str] = "histogram"

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, metric: Metric, labels: dict[str, str]) -> None:
        total = 0
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        for name, count in zip(names, self._counts, strict=True):
            total += count
            metric.add_sample(f"{metric.name}_bucket", {**labels, "le": name}, total)
        metric.add_sample(f"{metric.name}_count", labels, total)
        metric.add_sample(f"{metric.name}_sum", labels, self._sum)


M = TypeVar("M", bound=Meter)


class Family(Generic[M]):
    """All meters of one name. `name` leaves out the `_total` of counters."""

    def __init__(
        self, name: str, text: str, labels: Iterable[str], make: Callable[[], M]
    ) -> None:
        self._metric = (name, text, make().kind)
        self._labels = tuple(labels)
        self._make = make
        self._meters: dict[tuple[str, ...], M] = {}

    def labels(self, *values: str) -> M:
        """The meter with these label values, made when first asked for."""
        meter = self._meters.get(values)
        if meter is None:
            if len(values) != len(self._labels):
                raise ValueError(f"expected values of {self._labels}")
            meter = self._meters[values] = self._make()
        return meter

    def forget(self, **labels: str) -> None:
        """Show no more the meters with these label values, if it has such labels."""
        if not labels.keys() <= set(self._labels):
            return
        gone = [(self._labels.index(name), value) for name, value in labels.items()]
        self._meters = {
            values: meter
            for values, meter in self._meters.items()
            if not all(values[place] == value for place, value in gone)
        }

    def collect(self) -> Metric:
        """What prometheus-client renders."""
        metric = Metric(*self._metric)
        for values, meter in self._meters.items():
            meter.add_to(metric, dict(zip(self._labels, values, strict=True)))
        return metric
