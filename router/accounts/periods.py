"""The calendar's days, weeks and months, in local time: where budgets begin anew."""

from __future__ import annotations

from datetime import datetime, timedelta

from router.config.limits import Period

__all__ = ["begin", "end", "label"]


def begin(period: Period, now: datetime) -> datetime:
    """When the period of `now` (aware) began: midnight, of Monday, of the first. Aware."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return day.astimezone()  # with the offset of that day: a clock may have been put back since


def end(period: Period, now: datetime) -> datetime:
    """When the next one begins. Aware."""
    first = begin(period, now).replace(tzinfo=None)
    if period == "day":
        return (first + timedelta(days=1)).astimezone()
    if period == "week":
        return (first + timedelta(days=7)).astimezone()
    return (first + timedelta(days=32)).replace(day=1).astimezone()


def label(period: Period, now: datetime) -> str:
    """Names the period: `day:2026-11-26`, by its first day."""
    return f"{period}:{begin(period, now):%Y-%m-%d}"
