"""The budgets of the rules against what is spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from router.accounts.ledger import NANO
from router.accounts.periods import end
from router.accounts.tally import ALL, Tally
from router.accounts.whose import chosen
from router.config.limits import PERIODS, Budget, Budgets, Period
from router.request.spent import UNSPENT, Spent

__all__ = ["Line", "Purse"]

MOST_REMEMBERED = 10_000
_CALLED = {"day": "today", "week": "this week", "month": "this month"}


@dataclass(frozen=True, slots=True)
class Line:
    """One budget in its period; US dollars."""

    key: str | None
    """The alias; None: for all requests together."""
    period: Period
    budget: float
    spent: float
    soft: float | None
    """Per cent; None where there is no such mark."""
    until: datetime
    """When it begins anew, local time."""

    @property
    def percent(self) -> int:
        """Whole per cent that are spent, rounded down; of a budget of nothing, 100."""
        return _percent(self.spent, self.budget)

    @property
    def left(self) -> float:
        """Never below 0."""
        return max(0.0, self.budget - self.spent)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `key` is null for the budget of all requests together."""
        return {
            "key": self.key,
            "period": self.period,
            "budget_usd": self.budget,
            "spent_usd": self.spent,
            "left_usd": self.left,
            "percent": self.percent,
            "soft_percent": self.soft,
            "until": self.until.isoformat(),
        }

    def __str__(self) -> str:
        whose = "all requests together" if self.key is None else f'key "{self.key}"' if self.key else "no key"
        return (
            f"the budget of {whose} for {_CALLED[self.period]} is spent: {_dollars(self.spent)} of "
            f"{_dollars(self.budget)} US dollars, until {self.until:%Y-%m-%d %H:%M}"
        )


class _Mark(NamedTuple):
    """One budget that holds for a key, before it is asked how far it is spent."""

    key: str | None
    period: Period
    budget: float
    soft: float | None


class Purse:
    """What a client key may still spend, by the budgets of one set of rules."""

    def __init__(self, budgets: Budgets | None, tally: Tally):
        self._budgets = budgets
        self._tally = tally
        said = (budgets.total, *budgets.keys.values()) if budgets is not None else ()
        self.periods = tuple(
            period for period in PERIODS if any(each is not None and getattr(each, period) is not None for each in said)
        )
        self._marks: dict[str, tuple[_Mark, ...]] = {}

    def spent(self, key: str | None) -> Spent:
        """For the signal and the gate: of the budget that is spent furthest."""
        alias = key or ""
        marks = self._marks.get(alias)
        if marks is None:
            marks = (*self._of_total(), *self._of_key(alias))
            if len(self._marks) < MOST_REMEMBERED:
                self._marks[alias] = marks
        furthest, percent, soft = None, 0, False
        for mark in marks:
            share = _percent(self._spent(mark), mark.budget)
            soft = soft or (mark.soft is not None and share >= mark.soft)
            if furthest is None or share > percent:
                furthest, percent = mark, share
        if furthest is None:
            return UNSPENT
        return Spent(percent, soft, str(self._line(furthest)) if percent >= 100 else None)

    def lines(self) -> Iterator[Line]:
        """Each budget: the total's, those of keys by name, those of keys that have spent by a `*`."""
        yield from map(self._line, self._of_total())
        named = [key for key in self._budgets.keys if "*" not in key] if self._budgets is not None else []
        seen = sorted({key for period in self.periods for key in self._tally.keys(period)} - set(named))
        for key in (*named, *seen):
            yield from map(self._line, self._of_key(key))

    def _of_total(self) -> Iterator[_Mark]:
        if self._budgets is not None and self._budgets.total is not None:
            yield from _marks(self._budgets.total, None)

    def _of_key(self, key: str) -> Iterator[_Mark]:
        budget = chosen(self._budgets.keys, key) if self._budgets is not None else None
        if budget is not None:
            yield from _marks(budget, key)

    def _spent(self, mark: _Mark) -> float:
        return self._tally.spent(mark.period, ALL if mark.key is None else mark.key) / NANO

    def _line(self, mark: _Mark) -> Line:
        until = end(mark.period, datetime.now().astimezone())
        return Line(mark.key, mark.period, mark.budget, self._spent(mark), mark.soft, until)


def _marks(budget: Budget, key: str | None) -> Iterator[_Mark]:
    for period in PERIODS:
        usd: float | None = getattr(budget, period)
        if usd is not None:
            yield _Mark(key, period, usd, budget.soft)


def _percent(spent: float, budget: float) -> int:
    """Whole, rounded down; 100 as soon as it is spent and not before."""
    share = int(spent * 100 / budget) if budget else 100
    return max(100, share) if spent >= budget else min(99, share)


def _dollars(usd: float) -> str:
    return f"{usd:,.2f}" if usd >= 0.01 or not usd else f"{usd:.6f}"
