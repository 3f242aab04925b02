"""What panels ask Prometheus, in its own language.

A counter's first value is invisible to `rate` and `increase`: they see growth, and a series that begins at 1 has not
grown. For a busy service that is nothing; here a dollar, a fallback or a model without a price may come once a day.
So what is counted over a time ("how much in these 24 hours?") is asked from recorded series, which miss nothing:
`deploy/prometheus/recorded.yaml` makes them once a minute. What is a speed ("per second") uses `rate`.
"""

from __future__ import annotations

__all__ = ["LABELS", "RECORDED", "SHOWN", "counted", "quantile", "rate", "recorded", "series", "share"]

WHO = ("route", "backend", "model", "key", "harness")

LABELS: dict[str, tuple[str, ...]] = {
    "signalbox_requests_total": (*WHO, "status"),
    "signalbox_request_duration_seconds": ("route", "backend"),
    "signalbox_overhead_seconds": ("phase",),
    "signalbox_time_to_first_token_seconds": ("route", "backend"),
    "signalbox_tokens_per_second": ("backend", "model"),
    "signalbox_tokens_total": (*WHO, "type"),
    "signalbox_spend_usd_total": (*WHO, "source"),
    "signalbox_baseline_usd_total": WHO,
    "signalbox_saved_usd_total": WHO,
    "signalbox_unpriced_requests_total": ("backend", "model"),
    "signalbox_cache_requests_total": ("route", "result"),
    "signalbox_cache_failures_total": ("reason",),
    "signalbox_cache_up": (),
    "signalbox_limit_refusals_total": ("limit", "key", "route"),
    "signalbox_budget_usd": ("key", "period"),
    "signalbox_budget_spent_usd": ("key", "period"),
    "signalbox_rule_matches_total": ("route",),
    "signalbox_gate_rejections_total": ("backend", "gate"),
    "signalbox_attempts_total": ("backend", "result"),
    "signalbox_fallbacks_total": ("from", "to", "reason"),
    "signalbox_cancelled_total": ("route", "backend", "by"),
    "signalbox_streams_broken_total": ("route", "backend", "content"),
    "signalbox_requests_in_flight": (),
    "signalbox_backend_up": ("backend",),
    "signalbox_backend_circuit": ("backend",),
    "signalbox_circuit_opened_total": ("backend", "reason"),
    "signalbox_backend_busy": ("backend",),
    "signalbox_queue_depth": ("backend",),
    "signalbox_config_valid": (),
    "signalbox_config_reloads_total": ("result",),
    "signalbox_config_reload_timestamp_seconds": (),
    "signalbox_config_revision": ("revision",),
    "signalbox_build_info": ("version",),
}
"""The labels of each metric that a panel may ask for; a test holds them against what a running Signalbox shows."""

RECORDED = tuple(
    f"signalbox_{name}_total"
    for name in (
        *("requests", "tokens", "spend_usd", "baseline_usd", "saved_usd", "unpriced_requests", "cache_requests"),
        *("cache_failures", "limit_refusals"),
        *("rule_matches", "gate_rejections", "attempts", "fallbacks", "cancelled", "streams_broken"),
    )
)
"""Counters of which each minute's growth is recorded."""

SHOWN = WHO
"""Variables that a reader chooses from on top of a dashboard."""


def series(metric: str, suffix: str = "", **equal: str) -> str:
    """The series of a metric that the chosen variables leave. `equal` asks for a label's value, `=~` where it has a `|`
    or `.`; KeyError for a metric that is not known."""
    return _selected(metric + suffix, LABELS[metric], equal)


def recorded(metric: str, **equal: str) -> str:
    """What a counter has grown by in each minute."""
    if metric not in RECORDED:
        raise KeyError(f"{metric} is not recorded")
    name = metric.removeprefix("signalbox_").removesuffix("_total")
    return _selected(f"signalbox:{name}:increase1m", LABELS[metric], equal)


def rate(metric: str, by: str, suffix: str = "", **equal: str) -> str:
    """Per second, in groups."""
    return f"{_sum(by)}(rate({series(metric, suffix, **equal)}[$__rate_interval]))"


def counted(metric: str, by: str = "", window: str = "$__range", **equal: str) -> str:
    """How many in a time, in groups: whole and exact, down to the first."""
    return f"{_sum(by)}(sum_over_time({recorded(metric, **equal)}[{window}]))"


def share(part: str, whole: str) -> str:
    """`part` of `whole`, 0 to 1, in the same groups: 0 where there is no part, nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(q: float, metric: str, by: str, window: str = "$__rate_interval", **equal: str) -> str:
    """Of a histogram, in groups."""
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({groups}) (rate({series(metric, '_bucket', **equal)}[{window}])))"


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"


def _selected(name: str, labels: tuple[str, ...], equal: dict[str, str]) -> str:
    asked = {label.rstrip("_"): value for label, value in equal.items()}
    for label in asked:
        if label not in labels:
            raise KeyError(f"{name} has no label {label}")
    matchers = [f'{label}=~"${label}"' for label in SHOWN if label in labels and label not in asked]
    matchers += [f'{label}{"=~" if set("|.") & set(value) else "="}"{value}"' for label, value in asked.items()]
    return f"{name}{{{','.join(matchers)}}}" if matchers else name
