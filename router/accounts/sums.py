"""What was spent in each hour, out of the ledger: read again and again, and each time only what may have changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from router.accounts.ledger import HOUR

__all__ = ["HourlySums"]

OPEN = 2 * HOUR
"""Seconds back from now in which sums may still grow: a record waits seconds at most for its transaction."""


class HourlySums:
    """Of one ledger, whichever workers write it; without one, of what it is given. Used by one thread at a time."""

    def __init__(self, path: Path | None):
        self._uri = f"{path.resolve().as_uri()}?mode=ro" if path is not None else ""
        self._hours: dict[int, dict[str, int]] = {}
        self._read = 0
        """The first hour that was read."""

    def read(self, since: float, now: float) -> None:
        """Bring the hours from `since` on up to date. Raises sqlite3.Error."""
        first = int(since) // HOUR * HOUR
        if not self._uri:
            self._hours = {hour: sums for hour, sums in self._hours.items() if hour >= first}
            return
        still_open = int(now - OPEN) // HOUR * HOUR
        known = self._hours and self._read <= first
        begin = max(first, min(max(self._hours), still_open)) if known else first
        # A connection each time: one of a thread that has ended must not be used, and opening costs 50 µs.
        database = sqlite3.connect(self._uri, uri=True, timeout=1)
        try:
            rows = database.execute(
                "SELECT hour, key, sum(nano_usd) FROM hours WHERE hour >= ? GROUP BY hour, key", (begin,)
            ).fetchall()
        finally:
            database.close()
        kept = {hour: sums for hour, sums in self._hours.items() if first <= hour < begin} if known else {}
        for hour, key, nano in rows:
            kept.setdefault(hour, {})[key] = nano
        self._hours, self._read = kept, first

    def add(self, moment: float, key: str, nano: int) -> None:
        """Where there is no ledger: a request has ended."""
        sums = self._hours.setdefault(int(moment) // HOUR * HOUR, {})
        sums[key] = sums.get(key, 0) + nano

    def since(self, moment: float) -> dict[str, int]:
        """Nano-dollars by key, from the whole hour in which the moment lies."""
        first = int(moment) // HOUR * HOUR
        sums: dict[str, int] = {}
        for hour, keys in self._hours.items():
            if hour >= first:
                for key, nano in keys.items():
                    sums[key] = sums.get(key, 0) + nano
        return sums
