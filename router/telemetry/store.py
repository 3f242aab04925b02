"""Counters, histograms and gauges of one process, and the page that adds several processes' up.

prometheus_client writes the page, but does not count: with several processes its numbers lie in memory-mapped files,
where an update costs 1.3 µs (a counter) or 2.8 µs (a histogram). Plain lists take 0.4 and 0.3 µs, and all that a
request counts takes 4 to 7 µs (`python -m bench.metrics`, on a machine that was not idle).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

__all__ = ["Cells", "Counter", "Family", "Gauge", "Histogram", "Snapshot", "merged", "page", "snapshot"]

Labels = tuple[str, ...]
Cells = dict[Labels, list[float]]
Snapshot = Mapping[str, Sequence[tuple[Sequence[str], Sequence[float]]]]
"""By a family's name: labels and numbers of each series."""

MOST_SERIES = 10_000
"""Of one family; those beyond are counted as `other` in every label. Whoever counts keeps below it."""


class Family(Protocol):
    """What stands under one name."""

    name: str
    labels: Labels

    def cells(self) -> Cells:
        """This process's numbers."""

    def added(self, mine: list[float], other: Sequence[float]) -> None:
        """Put another process's numbers into `mine`."""

    def shown(self, cells: Cells) -> Metric:
        """For the page."""


class _Summed:
    """Numbers that only grow; of several processes they are added, unless all see the same: then the most counts."""

    seen_by_all = False

    def __init__(self, name: str, told: str, labels: Labels, empty: list[float]):
        self.name, self.told, self.labels = name, told, labels
        self._empty = empty
        self._cells: Cells = {}

    def cell(self, *labels: str) -> list[float]:
        """The numbers of one series, to be added to: looked up once by whoever counts often."""
        found = self._cells.get(labels)
        if found is None:
            if len(self._cells) >= MOST_SERIES:
                labels = ("other",) * len(self.labels)
            found = self._cells.setdefault(labels, self._empty.copy())
        return found

    def cells(self) -> Cells:
        """As they are, not copied."""
        return self._cells

    def added(self, mine: list[float], other: Sequence[float]) -> None:
        """Sum by sum."""
        for at, number in enumerate(other):
            mine[at] = max(mine[at], number) if self.seen_by_all else mine[at] + number


class Counter(_Summed):
    """One number a series. `name` without `_total`, which the page adds."""

    def __init__(self, name: str, told: str, labels: Labels = (), *, seen_by_all: bool = False):
        super().__init__(name, told, labels, [0.0])
        self.seen_by_all = seen_by_all

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count once."""
        self.cell(*labels)[0] += by

    def shown(self, cells: Cells) -> Metric:
        """For the page."""
        family = CounterMetricFamily(self.name, self.told, labels=self.labels)
        for labels, numbers in cells.items():
            family.add_metric(labels, numbers[0])
        return family


class Histogram(_Summed):
    """A number for each bucket, one for what is beyond the last, and the sum.

    Classic: prometheus_client 0.26 knows no native ones.
    """

    def __init__(self, name: str, told: str, labels: Labels, bounds: Sequence[float]):
        super().__init__(name, told, labels, [0.0] * (len(bounds) + 2))
        self.bounds = tuple(bounds)

    def observe(self, cell: list[float], value: float) -> None:
        """Count a value in a series of this family."""
        cell[bisect_left(self.bounds, value)] += 1
        cell[-1] += value

    def shown(self, cells: Cells) -> Metric:
        """For the page: buckets are cumulative there."""
        family = HistogramMetricFamily(self.name, self.told, labels=self.labels)
        for labels, numbers in cells.items():
            buckets: list[tuple[str, float]] = []
            total = 0.0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), numbers, strict=False):
                total += count
                buckets.append((bound, total))
            family.add_metric(labels, buckets, numbers[-1])
        return family


class Gauge:
    """Read when the page is asked for. Of several processes, the living ones count: as a sum, the least or the most."""

    def __init__(
        self,
        name: str,
        told: str,
        labels: Labels,
        read: Callable[[], Iterable[tuple[Labels, float]]],
        several: Literal["sum", "least", "most"] = "sum",
    ):
        self.name, self.told, self.labels = name, told, labels
        self._read = read
        self._several = several

    def cells(self) -> Cells:
        """Read now."""
        return {labels: [value] for labels, value in self._read()}

    def added(self, mine: list[float], other: Sequence[float]) -> None:
        """Another living process's."""
        one, more = mine[0], other[0]
        mine[0] = one + more if self._several == "sum" else (min if self._several == "least" else max)(one, more)

    def shown(self, cells: Cells) -> Metric:
        """For the page."""
        family = GaugeMetricFamily(self.name, self.told, labels=self.labels)
        for labels, numbers in cells.items():
            family.add_metric(labels, numbers[0])
        return family


def snapshot(families: Iterable[Family], *, gauges: bool) -> dict[str, list[tuple[Labels, list[float]]]]:
    """This process's numbers, as another process's `page` takes them; with `gauges` only of a living one."""
    return {family.name: list(family.cells().items()) for family in families if gauges or not isinstance(family, Gauge)}


def merged(families: Sequence[Family], others: Iterable[Snapshot] = ()) -> list[Metric]:
    """This process's numbers with those of the others, as prometheus_client writes them. A copy: what is counted
    meanwhile changes nothing of it."""
    sums = {family.name: {labels: cell.copy() for labels, cell in family.cells().items()} for family in families}
    for other in others:
        for family in families:
            cells = sums[family.name]
            for labels, numbers in other.get(family.name, ()):
                mine = cells.get(tuple(labels))
                if mine is None:
                    cells[tuple(labels)] = list(numbers)
                elif len(mine) == len(numbers):
                    family.added(mine, numbers)
    return [family.shown(sums[family.name]) for family in families]


def page(metrics: Sequence[Metric], accept: str = "") -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics where the `Accept` header prefers it, else Prometheus' own text."""
    registry = CollectorRegistry()
    registry.register(_Once(metrics))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


class _Once:
    """A collector of metrics that are there already."""

    def __init__(self, metrics: Sequence[Metric]):
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        """What it was given."""
        return iter(self._metrics)
