"""What failed over, and why?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import Panel, bars, lines, number, rows, states
from grafana.queries import counted, rate, series, share

__all__ = ["panels", "who_was_up"]

REQUESTS = "signalbox_requests_total"
FALLBACKS = "signalbox_fallbacks_total"
ATTEMPTS = "signalbox_attempts_total"
BROKEN = "signalbox_streams_broken_total"
CANCELLED = "signalbox_cancelled_total"
ASKED = counted(ATTEMPTS, "backend")


def panels() -> Iterator[Panel]:
    """In reading order."""
    yield from _numbers()
    yield rows(
        "What failed over, and why?",
        "How often a backend failed and the next one was asked, in the time shown.",
        [("times", counted(FALLBACKS, "from, to, reason"), "short")],
    )
    yield bars(
        "When did it fail over?",
        "By the backend that failed, and the reason.",
        counted(FALLBACKS, "from, reason", "$__interval"),
        "{{from}}: {{reason}}",
        "short",
    )
    yield who_was_up()
    yield states(
        "Who was left alone?",
        "After failures a backend is not asked for a while, then one request tries it. With several processes, one is "
        "enough.",
        f"max by (backend) ({series('signalbox_backend_circuit')})",
        "{{backend}}",
        {"0": ("asked", "green"), "1": ("tried", "orange"), "2": ("left alone", "red")},
    )
    yield rows(
        "Whom can I rely on?",
        "Backends asked, and how often that came to nothing, in the time shown.",
        [
            ("failed", f"1 - {share(counted(ATTEMPTS, 'backend', result='ok'), ASKED)}", "percentunit"),
            ("asked", ASKED, "short"),
        ],
    )
    yield rows(
        "What came of each attempt?",
        "`ok`, or why the backend did not answer.",
        [("attempts", counted(ATTEMPTS, "backend, result"), "short")],
    )
    yield lines(
        "What did clients see?",
        "Answers per second by class of status.",
        [(rate(REQUESTS, "status"), "{{status}}")],
        "reqps",
    )
    yield bars(
        "Which streams broke?",
        "Before their first content nothing is lost: the next backend is asked. After it the client sees a cut.",
        counted(BROKEN, "backend, content", "$__interval"),
        "{{backend}}, {{content}} the first content",
        "short",
    )
    yield bars(
        "What was refused by limits?",
        "Rate limits, requests at once, spent budgets, and clients that the guard stopped.",
        counted("signalbox_limit_refusals_total", "limit, key, route", "$__interval"),
        "{{limit}}: {{key}}, {{route}}",
        "short",
    )
    yield bars(
        "Who hung up?",
        "Requests given up, by whom and on which route.",
        counted(CANCELLED, "by, route", "$__interval"),
        "{{by}}: {{route}}",
        "short",
    )


def _numbers() -> Iterator[Panel]:
    failed = counted(REQUESTS, status="5xx")
    yield number(
        "How many failed?",
        "Share of answers with a status of 500 or more. A fallback that worked is no failure.",
        share(failed, counted(REQUESTS)),
        "percentunit",
        limits=[(0.01, "orange"), (0.05, "red")],
        width=6,
    )
    yield number(
        "How often did another help out?",
        "Fallbacks in the time shown.",
        counted(FALLBACKS) + " or vector(0)",
        "short",
        width=6,
    )
    yield number(
        "How many streams were cut?",
        "After their first content, so that the client saw it.",
        counted(BROKEN, content="after") + " or vector(0)",
        "short",
        limits=[(1, "orange")],
        width=6,
    )
    yield number(
        "How many backends are down?",
        "Right now.",
        f"count(min by (backend) ({series('signalbox_backend_up')}) == 0) or vector(0)",
        "short",
        limits=[(1, "red")],
        width=6,
    )


def who_was_up() -> Panel:
    """Also on the overview."""
    return states(
        "Who was up?",
        "Whether each backend could be asked. With several replicas, one that cannot is enough.",
        f"min by (backend) ({series('signalbox_backend_up')})",
        "{{backend}}",
        {"1": ("up", "green"), "0": ("down", "red")},
    )
