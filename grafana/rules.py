"""Which rule fired?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import Panel, bars, lines, number, ranking, rows
from grafana.queries import counted, quantile, series

__all__ = ["panels"]

MATCHES = "signalbox_rule_matches_total"
REJECTED = "signalbox_gate_rejections_total"
SINCE = "signalbox_config_reload_timestamp_seconds"


def panels() -> Iterator[Panel]:
    """In reading order."""
    yield number("How many decisions?", "In the time shown.", counted(MATCHES), "short", width=6)
    yield number(
        "How long does a decision take?",
        "99 of 100 took less, from the request read until the rules had chosen.",
        quantile(0.99, "signalbox_overhead_seconds", "", "$__range", phase="decide"),
        "s",
        limits=[(0.005, "orange")],
        width=6,
    )
    yield number(
        "Since when are these rules in force?",
        "The age of the last change that was taken over.",
        f"time() - min({series(SINCE)})",
        "s",
        width=6,
    )
    yield number(
        "Are the saved rules in force?",
        "1: yes. 0: the file on disk has a fault and the rules before it keep serving; `signalbox check` says which.",
        f"min({series('signalbox_config_valid')})",
        "bool_yes_no",
        width=6,
    )
    yield bars(
        "Which rule fired, and when?",
        "Decisions by route. `direct` is a client that named a backend.",
        counted(MATCHES, "route", "$__interval"),
        "{{route}}",
        "short",
    )
    yield ranking(
        "Which rule fired most?",
        "Share of all decisions of the time shown. A rule that is not here has not fired.",
        f"sort_desc({counted(MATCHES, 'route')} / on () group_left () ({counted(MATCHES)} > 0))",
        "{{route}}",
        "percentunit",
        width=12,
    )
    yield rows(
        "Where does each rule lead?",
        "Requests by route, and the backend and model that answered. No backend: none could take it.",
        [("requests", counted("signalbox_requests_total", "route, backend, model"), "short")],
    )
    yield rows(
        "Which candidate was held back, and by which gate?",
        "How often a gate passed over a backend: it does not take images, the prompt is too long for it, it is down…",
        [("times", counted(REJECTED, "backend, gate"), "short")],
    )
    yield lines(
        "What does deciding cost?",
        "Seconds until the rules had chosen.",
        [
            (quantile(0.5, "signalbox_overhead_seconds", "", phase="decide"), "half are faster than"),
            (quantile(0.99, "signalbox_overhead_seconds", "", phase="decide"), "99 of 100 are faster than"),
        ],
        "s",
    )
    yield lines(
        "What became of saved changes?",
        "Changes of the rules file since the start: `applied`, or `refused` because of a fault.",
        [(f"sum by (result) ({series('signalbox_config_reloads_total')})", "{{result}}")],
        "short",
    )
    yield rows(
        "Which rules and which version run where?",
        "A hash of the rules file, and the version, of each replica: they should agree.",
        [
            (
                "replica",
                f"{series('signalbox_config_revision')} * on (instance) group_left (version) "
                f"{series('signalbox_build_info')}",
                "short",
            )
        ],
        width=24,
        height=5,
    )
