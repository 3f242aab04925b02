"""Numbers of several processes become one page."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from router.telemetry.store import MOST_SERIES, Counter, Family, Gauge, Histogram, Snapshot, merged, page, snapshot


def read(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a page."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def shown(families: list[Family], others: list[Snapshot]) -> bytes:
    return page(merged(families, others))[0]


def told(*families: object, gauges: bool = True) -> dict:
    """As it comes from another process."""
    found: dict = orjson.loads(orjson.dumps(snapshot(families, gauges=gauges)))  # type: ignore[arg-type]
    return found


def counter() -> Counter:
    return Counter("trains", "Trains.", ("track",))


def test_counters_of_two_processes_are_added():
    mine, other = counter(), counter()
    mine.add("1")
    other.add("1", by=2.5)
    other.add("2")
    found = read(shown([mine], [told(other)]))
    assert found == {("trains_total", (("track", "1"),)): 3.5, ("trains_total", (("track", "2"),)): 1.0}
    assert mine.cells() == {("1",): [1.0]}, "a page changes nothing"


@given(st.lists(st.floats(0, 20)), st.lists(st.floats(0, 20)))
def test_a_histogram_of_two_processes_is_that_of_all_values(some: list[float], more: list[float]):
    bounds = (1.0, 2.5, 10.0)
    families = [Histogram("wait_seconds", "Waits.", (), bounds) for _ in range(2)]
    for family, values in zip(families, (some, more), strict=True):
        for value in values:
            family.observe(family.cell(), value)
        family.cell()
    found = read(shown(families[:1], [told(families[1])]))
    values = some + more
    for bound in bounds:
        assert found["wait_seconds_bucket", (("le", str(bound)),)] == sum(value <= bound for value in values)
    assert found["wait_seconds_bucket", (("le", "+Inf"),)] == found["wait_seconds_count", ()] == len(values)
    assert abs(found["wait_seconds_sum", ()] - sum(values)) < 1e-6


def test_gauges_of_the_living_are_added_or_the_least_counts_and_the_dead_have_none():
    def gauge(value: float, several: str) -> Gauge:
        return Gauge(several, "A gauge.", (), lambda: [((), value)], several)  # type: ignore[arg-type]

    mine = [gauge(2, "sum"), gauge(1, "least"), gauge(1, "most")]
    living = told(gauge(3, "sum"), gauge(0, "least"), gauge(4, "most"))
    dead = told(gauge(9, "sum"), gauges=False)
    assert read(shown(mine, [living, dead])) == {("sum", ()): 5.0, ("least", ()): 0.0, ("most", ()): 4.0}


def test_what_all_processes_see_is_not_added():
    mine, other = (Counter("changes", "Changes.", seen_by_all=True) for _ in range(2))
    mine.add(by=2)
    other.add(by=3)
    assert read(shown([mine], [told(other)])) == {("changes_total", ()): 3.0}


def test_who_asks_for_openmetrics_gets_it():
    mine, wait = counter(), Histogram("wait_seconds", "Waits.", (), (1.0,))
    mine.add("1")
    wait.observe(wait.cell(), 0.5)
    text, kind = page(merged([mine, wait]), "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name: family.type for family in openmetrics.text_string_to_metric_families(text.decode())}
    assert names == {"trains": "counter", "wait_seconds": "histogram"}
    assert page(merged([mine]), "*/*")[1] == "text/plain; version=0.0.4; charset=utf-8"


def test_series_beyond_the_limit_are_counted_as_other():
    family = counter()
    for number in range(MOST_SERIES + 10):
        family.add(str(number))
    assert len(family.cells()) == MOST_SERIES + 1
    assert family.cells()["other",] == [10.0]


def test_what_another_version_counts_otherwise_is_left_out():
    mine = Histogram("wait_seconds", "Waits.", (), (1.0,))
    mine.observe(mine.cell(), 0.5)
    other = Histogram("wait_seconds", "Waits.", (), (1.0, 2.0))
    other.observe(other.cell(), 0.5)
    assert read(shown([mine], [told(other)]))["wait_seconds_count", ()] == 1
