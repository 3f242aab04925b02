"""Each query of each panel and alert, asked of a real Prometheus that scraped a real Signalbox under mixed traffic."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from grafana.queries import LABELS, counted, share
from tests.grafana.asked import Asked, alerts, queries, records, selectors
from tests.prometheus import Prometheus, prometheus
from tests.real.mixed import mixed

ROUNDS = 7
VARIABLES = {
    "$__rate_interval": "8s",
    "$__interval": "4s",
    "$__range": "5m",
    **{f'=~"${name}"': '=~".*"' for name in ("route", "backend", "model", "key", "harness")},
}
OWN = {"__name__", "instance", "job", "le"}
"""Labels that Prometheus and the text format bring along."""


@dataclass(frozen=True, slots=True)
class Seen:
    prometheus: Prometheus
    since: float


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    with mixed() as traffic, prometheus(traffic.proxy, key="sk-metrics") as server:
        since = time.time()
        traffic.change_the_rules("# changed\n")
        for number in range(ROUNDS):
            traffic.round(number)
            if number == ROUNDS - 3:
                traffic.change_the_rules("routes: twice\n")
                traffic.redis.kill()
            time.sleep(1)
        server.wait("min(signalbox_config_valid)", 0)
        server.wait("sum(signalbox_requests_in_flight)", 0)
        time.sleep(8)  # until the recorded minute has passed, and with it the end of the traffic
        yield Seen(server, since)


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
def test_each_panel_is_answered(seen: Seen, asked: Asked) -> None:
    expr = chosen(without_default(asked.expr))
    if asked.instant:
        values = [float(series["value"][1]) for series in seen.prometheus.query(expr)]
    else:
        found = seen.prometheus.over(expr, seen.since)
        values = [float(value) for series in found for _, value in series["values"]]
    assert any(math.isfinite(value) for value in values), f"{expr} is answered with {values or 'nothing'}"


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
def test_each_series_that_a_panel_reads_is_there(seen: Seen, asked: Asked) -> None:
    for selector in selectors(chosen(asked.expr)):
        assert seen.prometheus.query(f"last_over_time({selector}[5m])"), selector


@pytest.mark.parametrize("name", alerts())
def test_each_series_that_an_alert_reads_is_there(seen: Seen, name: str) -> None:
    read = selectors(alerts()[name])
    assert read
    for selector in read:
        assert seen.prometheus.query(f"last_over_time({selector}[5m])"), selector


@pytest.mark.parametrize("name", records())
def test_each_recorded_counter_has_grown_by_what_was_counted(seen: Seen, name: str) -> None:
    metric = f"signalbox_{name.split(':')[1]}_total"
    counted = seen.prometheus.value(f"sum({metric})")
    assert seen.prometheus.value(f"sum(sum_over_time({name}[10m]))") == pytest.approx(counted, rel=1e-9)
    assert counted > 0


def test_alerts_sound_where_they_should(seen: Seen) -> None:
    told = seen.prometheus.query("ALERTS")
    sounding = {(alert["metric"]["alertname"], alert["metric"].get("backend", "")) for alert in told}
    assert ("BackendDown", "gone") in sounding and ("UnpricedRequests", "mystery") in sounding
    assert ("RulesRejected", "") in sounding and ("RedisDown", "") in sounding and ("StreamsBroken", "paid") in sounding
    assert not {name for name, _ in sounding} & {"SignalboxDown", "DailyBudgetSpent", "SlowFirstToken"}


@pytest.mark.parametrize("metric", sorted(LABELS))
def test_each_metric_has_the_labels_that_panels_choose_by(seen: Seen, metric: str) -> None:
    found = seen.prometheus.query(f'{{__name__=~"{metric}(_bucket)?"}}')
    labels = {label for series in found for label in series["metric"]} - OWN
    assert found and labels == set(LABELS[metric])


def test_a_reader_who_chooses_a_key_sees_only_that_key(seen: Seen) -> None:
    (asked,) = [asked for asked in queries() if asked.name == "signalbox: How many requests?"]
    one, two, both = (
        seen.prometheus.value(chosen(asked.expr.replace('key=~"$key"', f'key=~"{key}"')))
        for key in ("one", "two", "(one|two)")
    )
    assert 0 < one < both and one + two == both


def test_a_backend_that_never_answers_is_not_one_to_rely_on(seen: Seen) -> None:
    (asked, *_) = [asked for asked in queries() if asked.name == "signalbox-failures: Whom can I rely on?"]
    found = seen.prometheus.query(chosen(asked.expr))
    failed = {series["metric"]["backend"]: float(series["value"][1]) for series in found}
    assert failed["shaky"] == 1 and failed["home"] == failed["mystery"] == 0


def test_a_share_of_nothing_is_0_and_not_missing(seen: Seen) -> None:
    failed = counted("signalbox_requests_total", "route", status="5xx")
    found = seen.prometheus.query(chosen(share(failed, counted("signalbox_requests_total", "route"))))
    shares = {series["metric"]["route"]: float(series["value"][1]) for series in found}
    assert shares["nowhere"] == 1 and shares["riddles"] == 0


def test_two_replicas_add_up() -> None:
    """Each has a ledger of its own; Prometheus has the sum, as the panels ask for it."""
    (asked,) = [asked for asked in queries() if asked.name == "signalbox-money: What did it cost?"]
    with mixed() as one, mixed() as other, prometheus(one.proxy, other.proxy, key="sk-metrics") as server:
        for traffic in (one, other, other):
            traffic.round(0)
        sums = "sum by (instance) (signalbox_spend_usd_total)"
        until = time.monotonic() + 20
        while True:
            each = sorted(float(series["value"][1]) for series in server.query(sums))
            shown = server.value(chosen(asked.expr))
            if len(each) == 2 and each[0] > 0 and shown == pytest.approx(sum(each), rel=1e-9):
                break
            assert time.monotonic() < until, (each, shown)
            time.sleep(0.3)
    assert each[1] > 1.5 * each[0]


def chosen(expr: str) -> str:
    """With all that Grafana puts in, everything chosen."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr
    return expr


def without_default(expr: str) -> str:
    """What stands for nothing would hide that nothing came."""
    return re.sub(r" or vector\(0\)", "", expr)
