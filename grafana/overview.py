"""The first look: money, rules, speed, cache, failures, each with one panel, and what is wrong right now."""

from __future__ import annotations

from collections.abc import Iterator

from grafana.failures import who_was_up
from grafana.panels import USD, Panel, bars, lines, number, rows
from grafana.queries import counted, quantile, rate, series, share

__all__ = ["panels"]

REQUESTS = "signalbox_requests_total"
FAILED = counted(REQUESTS, status="5xx")


def panels() -> Iterator[Panel]:
    """In reading order, 24 columns to a line."""
    yield from _numbers()
    yield bars(
        "Where did my money go?",
        "US dollars by model, from what backends reported, what was estimated here, and electricity.",
        counted("signalbox_spend_usd_total", "model", "$__interval"),
        "{{model}}",
        USD,
    )
    yield lines(
        "Which rule fired?",
        "Decisions per second, by route. `direct` is a client that named a backend.",
        [(rate("signalbox_rule_matches_total", "route"), "{{route}}")],
        "reqps",
    )
    yield lines(
        "Is local fast enough?",
        "Until the first piece of a stream: nine in ten were faster. Local backends stand beside the clouds.",
        [(quantile(0.9, "signalbox_time_to_first_token_seconds", "backend"), "{{backend}}")],
        "s",
        limits=[(2, "orange"), (10, "red")],
    )
    yield lines(
        "What is the cache worth?",
        "Share of the requests of routes with a cache that needed no backend.",
        [
            (
                share(
                    rate("signalbox_cache_requests_total", "route", result="hit|joined|similar"),
                    rate("signalbox_cache_requests_total", "route"),
                ),
                "{{route}}",
            )
        ],
        "percentunit",
    )
    yield rows(
        "What failed over, and why?",
        "How often a backend failed and the next one was asked, in the time shown.",
        [("times", counted("signalbox_fallbacks_total", "from, to, reason"), "short")],
    )
    yield who_was_up()
    yield bars(
        "Who asked for it?",
        "Requests by client program: those that are known by name, else `other`.",
        counted(REQUESTS, "harness", "$__interval"),
        "{{harness}}",
        "short",
    )
    yield lines(
        "How busy is it right now?",
        "Requests being answered, and those that wait for a backend with a bounded number of slots.",
        [
            (f"sum({series('signalbox_requests_in_flight')})", "being answered"),
            (f"sum by (backend) ({series('signalbox_queue_depth')})", "waiting for {{backend}}"),
        ],
        "short",
    )


def _numbers() -> Iterator[Panel]:
    yield number(
        "What did it cost?",
        "US dollars in the time shown. Requests without a known price are not in it: see the last number.",
        counted("signalbox_spend_usd_total"),
        USD,
    )
    yield number(
        "What was saved?",
        "By the cache, and against the `baseline` model where that is dearer.",
        counted("signalbox_saved_usd_total"),
        USD,
    )
    yield number("How many requests?", "Answered in the time shown, errors included.", counted(REQUESTS), "short")
    yield number(
        "How many failed?",
        "Share of answers with a status of 500 or more. A fallback that worked is no failure.",
        share(FAILED, counted(REQUESTS)),
        "percentunit",
        limits=[(0.01, "orange"), (0.05, "red")],
    )
    yield number(
        "How soon the first token?",
        "Median over all streams of the time shown.",
        quantile(0.5, "signalbox_time_to_first_token_seconds", "", "$__range"),
        "s",
        limits=[(2, "orange"), (10, "red")],
    )
    yield number(
        "How many backends are down?",
        "Right now.",
        f"count(min by (backend) ({series('signalbox_backend_up')}) == 0) or vector(0)",
        "short",
        limits=[(1, "red")],
    )
    yield number(
        "Are the saved rules in force?",
        "1: yes. 0: the file on disk has a fault and the rules before it keep serving; `signalbox check` says which.",
        "min(" + series("signalbox_config_valid") + ")",
        "bool_yes_no",
    )
    yield number(
        "How many have no price?",
        "Requests in the time shown whose cost nobody here can tell. Give their backends a `price:`.",
        counted("signalbox_unpriced_requests_total") + " or vector(0)",
        "short",
        limits=[(1, "orange")],
    )
