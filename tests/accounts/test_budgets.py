"""Periods of the calendar, sums out of the ledger, and what is spent of a budget."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from router.accounts import periods
from router.accounts.budgets import Purse
from router.accounts.ledger import FILE, Ledger, opened
from router.accounts.sums import HourlySums
from router.accounts.tally import ALL, Closed, Tally, replica_name
from router.accounts.whose import chosen
from router.config.limits import Budget, Budgets, Period
from router.telemetry.record import Cost, Record


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("period", "now", "begin", "end"),
    [
        ("day", "2026-11-26T13:00", "2026-11-26T00:00+01:00", "2026-11-27T00:00+01:00"),
        ("week", "2026-11-26T13:00", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("week", "2026-11-23T00:00", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("month", "2026-12-31T23:59", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("day", "2026-10-25T12:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),  # a day of 25 hours
        ("day", "2026-03-29T12:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # and one of 23
        ("month", "2026-10-31T12:00", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
    ],
)
def test_periods_are_the_calendars_in_local_time(period: Period, now: str, begin: str, end: str) -> None:
    assert periods.begin(period, at(now)) == at(begin)
    assert periods.end(period, at(now)) == at(end)


def spent(usd: float, key: str = "ci") -> Record:
    return Record("r", "/v1/chat/completions", 0.0, key=key, cost=Cost(usd, "reported"))


def test_sums_of_hours_are_those_of_the_ledger_however_often_they_are_read(tmp_path: Path) -> None:
    database = opened(tmp_path / FILE)
    now = 1_800_000_000.0
    sums = HourlySums(tmp_path / FILE)

    def write(hours_ago: int, key: str, nano: int) -> None:
        hour = int(now - hours_ago * 3600) // 3600 * 3600
        with database:
            database.execute(
                "INSERT INTO hours VALUES (?, ?, '', '', '', '', 1, 0, 0, 0, 0, 0, 0, ?, 0, 0, 0) "
                "ON CONFLICT DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd",
                (hour, key, nano),
            )

    for hours_ago in (700, 100, 30, 5, 1, 0):
        write(hours_ago, "a", 10**hours_ago if hours_ago < 10 else hours_ago)
        write(hours_ago, "b", 1)
    sums.read(now - 720 * 3600, now)
    whole = {"a": 700 + 100 + 30 + 10**5 + 10 + 1, "b": 6}
    assert sums.since(now - 720 * 3600) == whole
    assert sums.since(now - 10 * 3600) == {"a": 10**5 + 11, "b": 3}
    write(0, "a", 5)
    write(1, "c", 7)  # late, and still seen
    sums.read(now - 720 * 3600, now)
    assert sums.since(now - 720 * 3600) == {**whole, "a": whole["a"] + 5, "c": 7}
    sums.read(now - 24 * 3600, now)
    assert sums.since(0) == {"a": 10**5 + 16, "b": 3, "c": 7}
    sums.read(now - 720 * 3600, now)  # further back again
    assert sums.since(0)["b"] == 6
    database.close()


def test_what_is_spent_is_known_at_once_and_counted_once(tmp_path: Path) -> None:
    """Looked at all the time while the ledger writes: never less than was spent, and never more."""

    async def look() -> None:
        ledger = Ledger(tmp_path, days=1, size=1 << 20)
        tally = Tally(ledger)
        tally.use(("day", "month"))
        await tally.read()
        until, dollars = time.monotonic() + 2.0, 0
        while time.monotonic() < until:
            ledger.add(spent(1))
            tally.add("ci", 1.0)
            dollars += 1
            assert tally.spent("day", "ci") == tally.spent("month", ALL) == dollars * 10**9
            await tally.read()
            assert tally.spent("day", "ci") == tally.spent("month", ALL) == dollars * 10**9
            await asyncio.sleep(0.01)
        await asyncio.to_thread(ledger.close)
        again = Tally(Closed(tmp_path / FILE))
        again.use(("month",))
        await again.read()
        assert again.spent("month", "ci") == dollars * 10**9
        assert not [each for each in tally._unwritten if each[0] <= 1]

    asyncio.run(look())


def test_without_a_ledger_it_is_counted_in_memory() -> None:
    async def count() -> None:
        tally = Tally(None)
        tally.use(("day",))
        for _ in range(3):
            tally.add("ci", 0.5)
            await tally.read()
        assert tally.spent("day", "ci") == 1_500_000_000
        assert not tally._unwritten

    asyncio.run(count())


def test_a_ledger_that_cannot_be_read_leaves_what_was_known(tmp_path: Path) -> None:
    async def count() -> None:
        ledger = Ledger(tmp_path, days=1, size=1 << 20)
        tally = Tally(ledger)
        tally.use(("day",))
        tally.add("ci", 1.0)
        (tmp_path / FILE).rename(tmp_path / "elsewhere")
        with pytest.raises(sqlite3.Error):
            HourlySums(tmp_path / FILE).read(0, time.time())
        await tally.read()
        assert tally.spent("day", "ci") == 10**9
        ledger.close()

    asyncio.run(count())


def purse(budgets: Budgets, **dollars: float) -> Purse:
    tally = Tally(None)
    made = Purse(budgets, tally)
    tally.use(made.periods)
    for key, usd in dollars.items():
        tally.add(key, usd)
    return made


def test_the_budget_that_is_spent_furthest_counts() -> None:
    budgets = Budgets(total=Budget(month=100), keys={"ci": Budget(day=10, week=20, soft=60), "*": Budget(day=1)})
    told = purse(budgets, ci=6.0, laptop=0.25)
    assert (told.spent("ci").percent, told.spent("ci").soft, told.spent("ci").over) == (60, True, None)
    assert (told.spent("laptop").percent, told.spent("laptop").soft) == (25, False)
    assert told.spent(None).percent == 6
    assert [(line.key, line.period, line.spent) for line in told.lines()] == [
        (None, "month", 6.25),
        ("ci", "day", 6.0),
        ("ci", "week", 6.0),
        ("laptop", "day", 0.25),
    ]


def test_a_spent_budget_tells_what_how_much_and_until_when() -> None:
    told = purse(Budgets(total=Budget(day=0.3)), a=0.1, b=0.2).spent("a").over
    tomorrow = datetime.now() + timedelta(days=1)
    whole = (
        f"the budget of all requests together for today is spent: 0.30 of 0.30 US dollars, until {tomorrow:%Y-%m-%d}"
    )
    assert told == f"{whole} 00:00"


def test_a_budget_of_nothing_is_spent_from_the_beginning() -> None:
    assert purse(Budgets(total=Budget(month=0))).spent(None).percent == 100


def test_an_alias_goes_before_a_pattern_and_no_key_is_the_empty_alias() -> None:
    table = {"team-*": 1, "*": 2, "team-a": 3}
    assert [chosen(table, key) for key in ("team-b", "other", "team-a", None)] == [1, 2, 3, 2]
    assert chosen({"ci": 1}, None) is None


def test_a_ledger_keeps_its_name(tmp_path: Path) -> None:
    name = replica_name(tmp_path)
    assert name and replica_name(tmp_path) == name
    assert replica_name(tmp_path / "nowhere") != name
