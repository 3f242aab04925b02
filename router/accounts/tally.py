"""What is spent so far, by period and client key, always at hand: the ledger's sums, with what it has not written yet.

The ledger is the truth: one file for all workers of a machine, read again twice a second, off the loop. Where several
Signalboxes share a Redis, each puts its ledger's sums there and reads the others': numbers are set, never added, so
that nothing is counted twice, and a Redis that has lost everything is complete again after a moment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from router.accounts.ledger import NANO
from router.accounts.periods import begin, end, label
from router.accounts.sums import HourlySums
from router.config.limits import Period

__all__ = ["ALL", "PAUSE", "Closed", "Exchanged", "Sums", "Tally", "Written", "replica_name"]

log = logging.getLogger("signalbox.accounts")

PAUSE = 0.5
"""Seconds between two looks."""
MOST_UNWRITTEN = 200_000
"""The ledger keeps less than that waiting for a disk."""
ALL = "*"
"""The sum over all keys, beside their aliases; no alias is called so."""

Sums = dict[str, int]
"""Nano-dollars by alias ("" for none)."""
Exchanged = Callable[[Mapping[str, tuple[float, Sums]]], Awaitable[dict[str, Sums] | None]]
"""Give: by period (as `periods.label` names it) the seconds until its end and this ledger's sums. Get: by period the
sums of all other ledgers; None when nobody knows."""


class Written(Protocol):
    """What is asked of a ledger: where it lies, how many records it took in, and how many of them are in the file."""

    path: Path
    added: int
    written: int


@dataclass(slots=True)
class Closed:
    """A ledger that this process only reads."""

    path: Path
    added: int = 0
    written: int = 0


class Tally:
    """Of one process. `read()` before the first request, then `run()`."""

    def __init__(self, ledger: Written | None, exchange: Exchanged | None = None):
        self._ledger = ledger
        self._sums = HourlySums(ledger.path if ledger is not None else None)
        self._exchange = exchange
        self._periods: tuple[Period, ...] = ()
        self._unwritten: deque[tuple[int, float, str, int]] = deque(maxlen=MOST_UNWRITTEN)
        """(number in the ledger, when, alias, nano-dollars) of records that its sums do not hold yet."""
        self._others: dict[str, Sums] = {}
        self._spent: dict[Period, Sums] = {}

    def use(self, periods: tuple[Period, ...]) -> None:
        """Count these periods."""
        self._periods = periods

    def spent(self, period: Period, key: str) -> int:
        """Nano-dollars of an alias, or of ALL, in the period that runs."""
        return self._spent.get(period, {}).get(key, 0)

    def keys(self, period: Period) -> list[str]:
        """The aliases that have spent something."""
        return [key for key, nano in self._spent.get(period, {}).items() if key != ALL and nano]

    def add(self, key: str, usd: float) -> None:
        """A request has ended; it was given to the ledger just before."""
        nano = round(usd * NANO)
        if not nano or not self._periods:
            return
        self._unwritten.append((self._ledger.added if self._ledger is not None else 0, time.time(), key, nano))
        for period in self._periods:
            sums = self._spent.setdefault(period, {})
            for name in (key, ALL):
                sums[name] = sums.get(name, 0) + nano

    async def run(self) -> None:
        """Keep it true, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            if self._periods:
                try:
                    await self.read()
                except Exception as error:  # the next look may go better, and nobody would look again otherwise
                    log.warning("what is spent could not be counted anew: %s: %s", type(error).__name__, error)

    async def read(self) -> None:
        """Look into the ledger, and exchange sums with the others."""
        now = datetime.now().astimezone()
        begun = {period: begin(period, now).timestamp() for period in self._periods}
        if not begun:
            return
        written = await self._read_ledger(min(begun.values()), now.timestamp())
        while self._unwritten and self._unwritten[0][0] <= written:
            self._unwritten.popleft()
        own = {period: self._own(since) for period, since in begun.items()}
        if self._exchange is not None:
            left = {period: max(1.0, (end(period, now) - now).total_seconds()) for period in begun}
            told = {label(period, now): (left[period], sums) for period, sums in own.items()}
            # The last that was heard of others counts while nobody tells: a budget must not be whole again by that.
            self._others = await self._exchange(told) or self._others
            own = {period: self._own(since) for period, since in begun.items()}  # more may have ended meanwhile
        self._spent = {period: self._whole(sums, label(period, now)) for period, sums in own.items()}

    async def _read_ledger(self, since: float, now: float) -> int:
        """The number of the last record that the sums surely hold; -1 where they could not be read."""
        ledger, sums = self._ledger, self._sums
        if ledger is None:
            for _, when, key, nano in self._unwritten:
                sums.add(when, key, nano)
            self._unwritten.clear()
            sums.read(since, now)
            return 0
        for _ in range(3):
            before = ledger.written
            try:
                await asyncio.to_thread(sums.read, since, now)
            except sqlite3.Error as error:
                log.debug("the ledger cannot be read right now: %s", error)
                return -1
            if ledger.written == before:  # else some records are in the sums that `before` does not tell of
                break
        return before

    def _own(self, since: float) -> Sums:
        sums = self._sums.since(since)
        for _, when, key, nano in self._unwritten:
            if when >= since:
                sums[key] = sums.get(key, 0) + nano
        return sums

    def _whole(self, own: Sums, name: str) -> Sums:
        sums = dict(own)
        for key, nano in self._others.get(name, {}).items():
            sums[key] = sums.get(key, 0) + nano
        return {**sums, ALL: sum(sums.values())}


def replica_name(folder: Path) -> str:
    """Names the ledger of a folder among those that share a Redis; kept in a file beside it. Of a folder that cannot be
    written it is new each time."""
    made, file = os.urandom(8).hex(), folder / "ledger.name"
    try:
        with file.open("x") as new:
            new.write(made)
    except FileExistsError:
        return file.read_text().strip() or made
    except OSError:
        return made
    return made
