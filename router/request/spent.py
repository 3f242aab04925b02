"""How far the budgets of a request are spent: what the `budget` signal and gate read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNSPENT", "Spent"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Of the budget that is spent furthest, among those that hold for a request."""

    percent: int = 0
    """Whole per cent, rounded down; 0 without budgets, above 100 where it was overdrawn."""
    soft: bool = False
    """One of them is past its soft mark."""
    over: str | None = None
    """A sentence, when one of them is spent: which, how much, until when."""


UNSPENT = Spent()
