"""Which limits hold for a request, what this process counts, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from router.limits.admission import headers
from router.limits.local import LocalCounts, Standing, Ticket
from router.limits.rates import Limit, Rates
from tests.routing.sample import rules

MADE = rules(
    {"to": "home", "limits": {"parallel": 3}},
    {"when": {"task": "code"}, "to": "home", "limits": {"requests": "5/m", "per": "key"}},
    {"when": {"task": "chat"}, "to": "home"},
    limits={"total": {"parallel": 32}, "keys": {"ci": {"requests": ["5/s", "2k/d"]}, "*": {"tokens": "100k/h"}}},
)


def names(key: str | None, route: int) -> list[str]:
    settings = MADE.routes[route] if route >= 0 else None
    return [str(limit) for limit in Rates(MADE).of(key, settings.name if settings else "direct", settings)]


def test_the_totals_the_keys_and_the_routes_limits_hold_together() -> None:
    total = "32 requests at once for all requests together"
    assert names("ci", 0) == [
        total,
        '5 requests a second for key "ci"',
        '2,000 requests a day for key "ci"',
        '3 requests at once for route "r0"',
    ]
    tokens = '100,000 tokens an hour for key "laptop"'
    assert names("laptop", 1) == [total, tokens, '5 requests a minute for key "laptop" on route "r1"']
    assert names(None, -1) == [total, "100,000 tokens an hour for requests without a key"]


def test_keys_that_one_pattern_fits_are_counted_apart() -> None:
    found = {key: Rates(MADE).of(key, "r2", MADE.routes[2])[1].name for key in ("a", "b", None)}
    assert len(set(found.values())) == 3


def test_rules_without_limits_have_none() -> None:
    assert not Rates(rules({"to": "home"})).any


def take(counts: LocalCounts, *limits: Limit, now: float, tokens: int = 1) -> tuple[Ticket, bool]:
    one = Ticket("t", limits, tuple(tokens if each.kind == "tokens" else 1 for each in limits))
    return one, not any(each.wait for each in counts.take(one, now))


def test_what_one_limit_refuses_is_counted_in_none() -> None:
    counts = LocalCounts()
    rate, places = Limit("requests", "r", 100, 60.0, ""), Limit("parallel", "p", 1, 0.0, "")
    held, fits = take(counts, rate, places, now=1.0)
    assert fits
    assert not take(counts, rate, places, now=1.0)[1]
    counts.give_back(held, 0, 2.0)
    counts.give_back(held, 0, 2.0)  # twice is once
    one = Ticket("t", (rate, places), (1, 1))
    assert [each.used for each in counts.take(one, 2.0)] == [2, 1]


def test_tokens_that_were_not_used_are_given_back_and_more_are_added() -> None:
    counts, limit = LocalCounts(), Limit("tokens", "t", 1000, 60.0, "")
    less, _ = take(counts, limit, now=1.0, tokens=400)
    more, _ = take(counts, limit, now=1.0, tokens=400)
    counts.give_back(less, 100, 5.0)
    counts.give_back(more, 900, 5.0)
    look = counts.take(Ticket("t", (limit,), (1,)), 5.0)
    assert (look[0].used, look[0].wait > 0) == (1000, True)


def test_windows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.limits.local.MOST_WINDOWS", 10)
    counts = LocalCounts()
    for number in range(50):
        take(counts, Limit("requests", f"r{number}", 5, 60.0, ""), now=1.0)
    assert len(counts._windows) == 10


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0123, "13ms"), (1.0, "1s"), (59.2, "1m0s"), (360.0, "6m0s"), (86400.0, "24h0m0s"), (3601.0, "1h0m1s")],
)
def test_times_are_written_as_openai_writes_them(seconds: float, written: str) -> None:
    standing = Standing(Limit("tokens", "t", 10, 60.0, ""), 4.0, 0.0, seconds)
    assert dict(headers([standing]))[b"x-ratelimit-reset-tokens"] == written.encode()


def test_of_several_limits_the_one_with_least_left_is_told() -> None:
    def standing(most: int, used: float) -> Standing:
        return Standing(Limit("requests", f"{most}", most, 60.0, ""), used, 0.0, 1.0)

    told: dict[bytes, Any] = dict(headers([standing(100, 50), standing(10, 9), standing(1000, 0)]))
    assert (told[b"x-ratelimit-limit-requests"], told[b"x-ratelimit-remaining-requests"]) == (b"10", b"1")
