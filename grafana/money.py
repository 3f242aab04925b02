"""Where did my money go?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import USD, Panel, bars, number, ranking, rows
from grafana.queries import counted, series, share

__all__ = ["panels"]

SPEND = "signalbox_spend_usd_total"
SAVED = "signalbox_saved_usd_total"
BASELINE = "signalbox_baseline_usd_total"
TOKENS = "signalbox_tokens_total"
UNPRICED = "signalbox_unpriced_requests_total"


def panels() -> Iterator[Panel]:
    """In reading order."""
    yield number("What did it cost?", "US dollars in the time shown.", counted(SPEND), USD, width=6)
    yield number(
        "What did the last 24 hours cost?",
        "Whatever time is shown. Compare it with the daily budget that `deploy/prometheus/alerts.yaml` warns of.",
        counted(SPEND, window="1d"),
        USD,
        limits=[(10, "red")],
        width=6,
    )
    yield number(
        "What was saved?",
        "By the cache, and against the `baseline` model where that is dearer.",
        counted(SAVED),
        USD,
        width=6,
    )
    yield number(
        "What part is estimated?",
        "Share of the money that was counted here, because a backend told no tokens.",
        share(counted(SPEND, source="estimated"), counted(SPEND)),
        "percentunit",
        limits=[(0.2, "orange")],
        width=6,
    )
    yield bars(
        "Where did my money go, and when?",
        "US dollars by model.",
        counted(SPEND, "model", "$__interval"),
        "{{model}}",
        USD,
    )
    yield bars(
        "What was saved, and when?", "US dollars by route.", counted(SAVED, "route", "$__interval"), "{{route}}", USD
    )
    for what, told in (
        ("route", "Which rule spent it?"),
        ("backend", "Which backend was paid?"),
        ("key", "Whose key spent it?"),
    ):
        query = f"sort_desc({counted(SPEND, what)} > 0)"
        yield ranking(told, f"US dollars by {what}, in the time shown.", query, f"{{{{{what}}}}}", USD)
    yield rows(
        "What does each model cost, and for how much work?",
        "Money, tokens and requests of the time shown; what the same tokens would have cost at the `baseline` "
        "model, and what a million of them came to.",
        [
            ("spent", counted(SPEND, "model"), USD),
            ("at the baseline", counted(BASELINE, "model"), USD),
            ("tokens in", counted(TOKENS, "model", type_="input"), "short"),
            ("tokens out", counted(TOKENS, "model", type_="output"), "short"),
            ("requests", counted("signalbox_requests_total", "model"), "short"),
            (
                "per million tokens",
                f"1e6 * {counted(SPEND, 'model')} / ({counted(TOKENS, 'model', type_='input|output')} > 0)",
                USD,
            ),
        ],
        width=24,
    )
    yield ranking(
        "How far is each budget spent?",
        "Budgets of the rules, right now; `*` is that of all keys together. At 100 % only what costs nothing is asked.",
        f"max by (key, period) ({series('signalbox_budget_spent_usd')}) "
        f"/ max by (key, period) ({series('signalbox_budget_usd')} > 0)",
        "{{key}}, {{period}}",
        "percentunit",
        width=24,
    )
    yield bars(
        "How do we know?",
        "US dollars by source: tokens that the backend reported, tokens estimated here, electricity.",
        counted(SPEND, "source", "$__interval"),
        "{{source}}",
        USD,
        width=8,
    )
    yield bars(
        "What were the tokens?",
        "`cached` is part of `input`, `reasoning` is part of `output`.",
        counted(TOKENS, "type", "$__interval"),
        "{{type}}",
        "short",
        width=8,
    )
    yield rows(
        "What has no price?",
        "Requests in the time shown that are in no sum of money. Give the backend a `price:`, 0 if it is yours.",
        [("requests", counted(UNPRICED, "backend, model"), "short")],
        width=8,
    )
