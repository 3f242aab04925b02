"""What is the cache worth?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import USD, Panel, bars, lines, number, ranking, rows, states
from grafana.queries import counted, rate, series, share

__all__ = ["panels"]

CACHE = "signalbox_cache_requests_total"
SERVED = "hit|joined|similar"
"""Results that needed no backend of their own."""


def panels() -> Iterator[Panel]:
    """In reading order."""
    yield number(
        "How often did it answer?",
        "Share of the requests of routes with a cache, in the time shown.",
        share(counted(CACHE, result=SERVED), counted(CACHE)),
        "percentunit",
        width=6,
    )
    yield number(
        "How many answers is that?",
        "That needed no backend of their own.",
        counted(CACHE, result=SERVED),
        "short",
        width=6,
    )
    yield number(
        "What was saved?",
        "US dollars: by the cache, and against the `baseline` model where that is dearer.",
        counted("signalbox_saved_usd_total"),
        USD,
        width=6,
    )
    yield number(
        "How often was it passed by?",
        "Share of requests that asked not to be answered from it, or that it may not answer.",
        share(counted(CACHE, result="bypass"), counted(CACHE)),
        "percentunit",
        width=6,
    )
    yield bars(
        "What is the cache worth?",
        "Requests of routes with a cache: `hit`, `joined` (another was asking the same), `similar`, `miss`, `bypass`.",
        counted(CACHE, "result", "$__interval"),
        "{{result}}",
        "short",
    )
    yield lines(
        "Is it getting better?",
        "Share that needed no backend, by route.",
        [(share(rate(CACHE, "route", result=SERVED), rate(CACHE, "route")), "{{route}}")],
        "percentunit",
    )
    yield rows(
        "Which route profits?",
        "In the time shown.",
        [
            ("served", counted(CACHE, "route", result=SERVED), "short"),
            ("asked", counted(CACHE, "route"), "short"),
            ("share", share(counted(CACHE, "route", result=SERVED), counted(CACHE, "route")), "percentunit"),
            ("saved", counted("signalbox_saved_usd_total", "route"), USD),
        ],
    )
    yield ranking(
        "Who profits?",
        "US dollars saved, by client key.",
        f"sort_desc({counted('signalbox_saved_usd_total', 'key')})",
        "{{key}}",
        USD,
        width=12,
    )
    yield states(
        "Is Redis well?",
        "Whether the cache could be asked, by replica. While it cannot, everything is a miss; nothing else happens.",
        f"min by (instance) ({series('signalbox_cache_up')})",
        "{{instance}}",
        {"1": ("up", "green"), "0": ("down", "red")},
    )
    yield bars(
        "How often did Redis fail?",
        "Operations that failed or took too long, by reason; each was a miss.",
        counted("signalbox_cache_failures_total", "reason", "$__interval"),
        "{{reason}}",
        "short",
    )
