"""The budgets of the rules against what is spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from router.accounts.ledger import NANO
from router.accounts.periods import end
from router.accounts.tally import ALL, Tally
from router.accounts.whose import chosen
from router.config.limits import PERIODS, Budget, Budgets, Period
from router.request.spent import UNSPENT, Spent

__all__ = ["Line", "Purse"]

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
        share = int(self.spent * 100 / self.budget) if self.budget else 100
        return max(100, share) if self.spent >= self.budget else min(99, share)

    @property
    def left(self) -> float:
        """Never below 0."""
        return max(0.0, self.budget - self.spent)

    def __str__(self) -> str:
        whose = "all requests together" if self.key is None else f'key "{self.key}"' if self.key else "no key"
        return (
            f"the budget of {whose} for {_CALLED[self.period]} is spent: {_dollars(self.spent)} of "
            f"{_dollars(self.budget)} US dollars, until {self.until:%Y-%m-%d %H:%M}"
        )


class Purse:
    """What a client key may still spend, by the budgets of one set of rules."""

    def __init__(self, budgets: Budgets | None, tally: Tally):
        self._budgets = budgets
        self._tally = tally
        self.periods = tuple(period for period in PERIODS if any(self._has(period)))

    def spent(self, key: str | None) -> Spent:
        """For the signal and the gate."""
        lines = list(self._of(key or "", None))
        if not lines:
            return UNSPENT
        most = max(lines, key=lambda line: line.percent)
        soft = any(line.soft is not None and line.percent >= line.soft for line in lines)
        return Spent(most.percent, soft, str(most) if most.percent >= 100 else None)

    def lines(self) -> Iterator[Line]:
        """Each budget: the total's, those of keys by name, those of keys that have spent by a `*`."""
        if self._budgets is None:
            return
        yield from self._of_total(None)
        named = [key for key in self._budgets.keys if "*" not in key]
        seen = sorted({key for period in self.periods for key in self._tally.keys(period)} - set(named))
        for key in (*named, *seen):
            yield from self._of_key(key, None)

    def _of(self, key: str, now: datetime | None) -> Iterator[Line]:
        if self._budgets is not None:
            yield from self._of_total(now)
            yield from self._of_key(key, now)

    def _of_total(self, now: datetime | None) -> Iterator[Line]:
        assert self._budgets is not None
        if self._budgets.total is not None:
            yield from self._drawn(self._budgets.total, None, now)

    def _of_key(self, key: str, now: datetime | None) -> Iterator[Line]:
        assert self._budgets is not None
        budget = chosen(self._budgets.keys, key)
        if budget is not None:
            yield from self._drawn(budget, key, now)

    def _drawn(self, budget: Budget, key: str | None, now: datetime | None) -> Iterator[Line]:
        now = datetime.now().astimezone() if now is None else now
        for period in PERIODS:
            usd: float | None = getattr(budget, period)
            if usd is not None:
                spent = self._tally.spent(period, ALL if key is None else key) / NANO
                yield Line(key, period, usd, spent, budget.soft, end(period, now))

    def _has(self, period: Period) -> Iterator[bool]:
        if self._budgets is not None:
            for budget in (self._budgets.total, *self._budgets.keys.values()):
                yield budget is not None and getattr(budget, period) is not None


def _dollars(usd: float) -> str:
    return f"{usd:,.2f}" if usd >= 0.01 or not usd else f"{usd:.6f}"
