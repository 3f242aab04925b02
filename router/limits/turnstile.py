"""Whatever may keep a request out, in one place: the guard, the limits, the budgets. The journey passes through it, and
each record comes back to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from router.accounts.budgets import Line, Purse
from router.accounts.ledger import Ledger
from router.accounts.tally import ALL, Tally, replica_name
from router.cache.address import parse_address
from router.config.facts import Facts
from router.config.schema import Rules
from router.limits.admission import Admission
from router.limits.exchange import LedgerExchange
from router.limits.guard import Guard
from router.limits.shared import SharedCounts
from router.request.signals import Signals
from router.request.spent import Spent
from router.routing.decision import Decision
from router.telemetry.record import Record
from router.telemetry.store import Gauge
from router.wire.exchange import Exchange

__all__ = ["Turnstile"]

PATIENCE = 0.5
"""Seconds to wait for Redis at the start."""


class Turnstile:
    """One process's. `open()` before the first request, `use()` with new rules, `close()` after the last request."""

    def __init__(self, redis_url: str | None):
        self._shared = SharedCounts(parse_address(redis_url)) if redis_url is not None else None
        self._connected = False
        self._admission = Admission(self._shared)
        self._guard: Guard | None = None
        self._tally = Tally(None)
        self._purse = Purse(None, self._tally)
        self._counting: asyncio.Task[None] | None = None
        self.purse: Callable[[str | None], Spent] | None = None
        """What is spent of a client key's budgets; None without budgets."""

    @property
    def limited(self) -> bool:
        """Some requests have limits."""
        return self._admission.rates is not None

    @property
    def shared(self) -> bool | None:
        """Limits are counted together with others right now; None where there is nobody to count with."""
        return self._shared.up if self._shared is not None and self._connected else None

    async def open(self, rules: Rules, ledger: Ledger | None, folder: Path) -> None:
        """Begin with these rules; what was spent before is known when this returns."""
        exchange = None
        if self._shared is not None:
            name = await asyncio.to_thread(replica_name, folder)
            exchange = LedgerExchange(self._shared, name).swap
        self._tally = Tally(ledger, exchange)
        await self.use(rules)

    async def use(self, rules: Rules) -> None:
        """By these rules from now on."""
        self._admission.use(rules)
        if rules.guard is None:
            self._guard = None
        elif self._guard is None or self._guard.settings != rules.guard:
            self._guard = Guard(rules.guard)
        purse = Purse(rules.budgets, self._tally)
        self._tally.use(purse.periods)
        if self._shared is not None and not self._connected and (self.limited or purse.periods):
            self._connected = True
            await self._shared.open()
            await self._connect()
        if purse.periods:
            await self._tally.read()
            if self._counting is None:
                self._counting = asyncio.create_task(self._tally.run())
        self._purse = purse
        self.purse = purse.spent if purse.periods else None

    async def _connect(self) -> None:
        """Wait for Redis, not for long: what the others have spent should be known from the first request on."""
        assert self._shared is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not self._shared.up:
                    await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Give back what is held elsewhere."""
        if self._counting is not None:
            self._counting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._counting
        if self._shared is not None and self._connected:
            await self._shared.close()

    def enter(self, signals: Signals, record: Record) -> Awaitable[None] | None:
        """Before the decision. What is returned is to be awaited: the turn is slowed. Raises Refusal."""
        return self._guard.enter(signals, record) if self._guard is not None else None

    async def admit(self, decision: Decision, signals: Signals, exchange: Exchange, record: Record) -> None:
        """Before a backend is asked, where `limited`. Raises Refusal."""
        await self._admission.admit(decision, signals, exchange, record)

    def ended(self, record: Record, facts: Mapping[str, Facts]) -> None:
        """The request is over; the ledger has its record."""
        ticket, record.ticket = record.ticket, None
        turn, record.turn = record.turn, None  # the record lives on for a while, and its request must not
        if ticket is not None:
            self._admission.ended(ticket, record)
        if turn is not None and self._guard is not None:
            self._guard.ended(turn, record, facts)
        if self.purse is not None and (dollars := record.paid) is not None:
            self._tally.add(record.key or "", dollars)

    def budgets(self) -> Iterable[Line]:
        """Each budget, as it stands."""
        return self._purse.lines()

    def gauges(self) -> Iterator[Gauge]:
        """For the metrics."""

        def of(what: Callable[[Line], float]) -> Callable[[], Iterator[tuple[tuple[str, ...], float]]]:
            return lambda: (
                ((ALL if line.key is None else line.key, line.period), what(line)) for line in self.budgets()
            )

        def shared() -> Iterator[tuple[tuple[str, ...], float]]:
            if (up := self.shared) is not None:
                yield (), float(up)

        labels = ("key", "period")
        yield Gauge(
            "signalbox_budget_usd", "US dollars that may be spent.", labels, of(lambda line: line.budget), "most"
        )
        yield Gauge(
            "signalbox_budget_spent_usd",
            "US dollars of it that are spent.",
            labels,
            of(lambda line: line.spent),
            "most",
        )
        yield Gauge(
            "signalbox_limits_shared",
            "1 when limits are counted together in Redis, 0 when each process counts alone.",
            (),
            shared,
            "least",
        )
