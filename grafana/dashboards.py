"""All dashboards: names, times, variables, panels in their order; and their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana import cache, failures, money, overview, rules, speed, weeks
from grafana.panels import SOURCE, Panel
from grafana.queries import SHOWN

__all__ = ["DASHBOARDS", "FOLDER", "Dashboard", "as_json"]

FOLDER = Path(__file__).parent / "json"
TAG = "signalbox"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of Grafana. `since` is how far it looks back at first."""

    uid: str
    title: str
    told: str
    since: str
    panels: Callable[[], Iterator[Panel]]

    @property
    def file(self) -> Path:
        """Where its JSON lies."""
        return FOLDER / f"{self.uid}.json"


DASHBOARDS = (
    Dashboard("signalbox", "Signalbox", "All of it at a glance.", "now-24h", overview.panels),
    Dashboard(
        "signalbox-money", "Signalbox: where did my money go?", "Spend, savings, prices.", "now-7d", money.panels
    ),
    Dashboard(
        "signalbox-rules", "Signalbox: which rule fired?", "Routes, gates, the rules file.", "now-24h", rules.panels
    ),
    Dashboard(
        "signalbox-speed", "Signalbox: is local fast enough?", "First tokens, speed, queues.", "now-6h", speed.panels
    ),
    Dashboard("signalbox-cache", "Signalbox: what is the cache worth?", "Hits and savings.", "now-24h", cache.panels),
    Dashboard(
        "signalbox-failures",
        "Signalbox: what failed over, and why?",
        "Fallbacks, broken streams, clients that left.",
        "now-24h",
        failures.panels,
    ),
    Dashboard(
        "signalbox-weeks",
        "Signalbox: keys, tools and models over weeks",
        "What each is doing, day by day.",
        "now-28d",
        weeks.panels,
    ),
)


def as_json(dashboard: Dashboard) -> str:
    """What Grafana reads: the same text each time."""
    page = (
        builders.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.told)
        .tags([TAG])
        .time(dashboard.since, "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for name in SHOWN:
        page.with_variable(_variable(name))
    others = builders.DashboardLink("Other questions").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    page.link(others.as_dropdown(True).include_vars(True).keep_time(False))
    for number, panel in enumerate(dashboard.panels(), 1):
        page.with_panel(panel.id(number))
    return json.dumps(page.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _variable(name: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name)
        .datasource(SOURCE)
        .query(f"label_values(signalbox_requests_total, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )
