"""`signalbox spend`, as a person reads it."""

from __future__ import annotations

from router.accounts.spend import Line, Spend
from router.commands.spend import table


def line(name: str, requests: int = 1, *, unpriced: int = 0, usd: float = 0.0, estimated_usd: float = 0.0) -> Line:
    return Line(name, requests, 0, unpriced, 5, 2, 0, 0, usd, estimated_usd, 0.0, 0.0)


def test_what_has_no_price_is_not_shown_as_free():
    text = table(Spend(line("", 3, unpriced=2, usd=0.5), (line("a", usd=0.5), line("b", 2, unpriced=2))), "model", "7d")
    (row,) = [each for each in text.splitlines() if each.startswith("b ")]
    assert "?" in row and "0.0" not in row
    assert "2 requests in the last 7d have no known price and are not in the sums." in text


def test_columns_that_say_nothing_are_left_out():
    text = table(Spend(line("", usd=0.5), (line("a", usd=0.5),)), "model", "all")
    assert text.splitlines()[0].split() == ["model", "requests", "input", "output", "US$"]
    assert "estimated" not in text


def test_estimates_are_told():
    assert "US$ 0.2000 of it from estimated tokens" in table(
        Spend(line("", usd=0.5, estimated_usd=0.2), (line("a", usd=0.5),)), "model", "7d"
    )


def test_nothing_is_a_sentence():
    assert table(Spend(line("", 0), ()), "model", "7d") == "No requests in the last 7d."
