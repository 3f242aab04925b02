"""What the committed dashboards and rules ask of Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grafana.dashboards import DASHBOARDS

__all__ = ["Asked", "alerts", "boards", "metrics", "panels", "queries", "records", "selectors"]

ROOT = Path(__file__).parents[2]
RECORDED = re.compile(r"\bsignalbox:(\w+):increase1m\b")
METRIC = re.compile(r"\bsignalbox_\w+")
SELECTOR = re.compile(r"\b(?:signalbox[_:][\w:]+|up)\b(?:\{[^}]*\})?")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right) \([^)]*\)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel."""

    board: str
    panel: str
    expr: str
    instant: bool

    @property
    def name(self) -> str:
        """For a test's name."""
        return f"{self.board}: {self.panel}"


def boards() -> dict[str, Any]:
    """The committed JSON by uid."""
    return {board.uid: json.loads(board.file.read_text()) for board in DASHBOARDS}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """(uid of the dashboard, panel)."""
    for uid, board in boards().items():
        for panel in board["panels"]:
            yield uid, panel


def queries() -> list[Asked]:
    """Of all panels."""
    return [
        Asked(uid, panel["title"], target["expr"], target.get("instant", False))
        for uid, panel in panels()
        for target in panel["targets"]
    ]


def alerts() -> dict[str, str]:
    """Name and expression of each alert."""
    return {rule["alert"]: rule["expr"] for rule in _rules("alerts.yaml")}


def records() -> dict[str, str]:
    """Name and expression of each recorded series."""
    return {rule["record"]: rule["expr"] for rule in _rules("recorded.yaml")}


def metrics(expr: str) -> set[str]:
    """Names of Signalbox's own metrics in a query, as /metrics has them after `# TYPE`."""
    found = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRIC.findall(GROUPED.sub("", expr))}
    return found | {f"signalbox_{name}_total" for name in RECORDED.findall(expr)}


def selectors(expr: str) -> set[str]:
    """The series that a query reads, one by one."""
    return set(SELECTOR.findall(GROUPED.sub("", expr)))


def _rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
