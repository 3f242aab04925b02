"""Does a request fit into its limits? It is counted before a backend is asked, and settled when it has ended."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from itertools import count

from router.config.schema import Rules
from router.limits.local import LocalCounts, Standing, Ticket
from router.limits.rates import Kind, Limit, Rates
from router.limits.shared import SharedCounts
from router.refusal import Refusal
from router.request.signals import Signals
from router.routing.decision import Decision
from router.routing.gates import CERTAIN_SHARE
from router.telemetry.record import Record
from router.wire.exchange import Exchange

__all__ = ["Admission", "headers"]

RawHeaders = list[tuple[bytes, bytes]]
NOT_GENERATED = ("hit", "joined", "similar")
"""Answers of the cache: their tokens are nobody's work."""


class Admission:
    """Counts in Redis where there is one, and by itself where there is none or it does not answer in time.

    What Redis lets in is counted here too: when Redis goes, this process goes on from what it has let in itself.
    """

    def __init__(self, shared: SharedCounts | None):
        self.shared = shared
        self.local = LocalCounts()
        self.rates: Rates | None = None
        """None where the rules have no limits."""
        self._prefix = os.urandom(6).hex()
        self._numbers = count(1)

    def use(self, rules: Rules) -> None:
        """Of these rules from now on."""
        rates = Rates(rules)
        self.rates = rates if rates.any else None

    async def admit(self, decision: Decision, signals: Signals, exchange: Exchange, record: Record) -> None:
        """Count it, or refuse it. Either answer tells what is left. Raises Refusal."""
        assert self.rates is not None
        limits = self.rates.of(record.key, decision.route, decision.settings)
        if not limits:
            return
        amounts = tuple(_tokens(limit, signals, record) if limit.kind == "tokens" else 1 for limit in limits)
        ticket = Ticket(f"{self._prefix}{next(self._numbers):x}", limits, amounts)
        record.ticket = ticket  # before it is counted: however this ends, it is given back
        standings = await self.shared.take(ticket) if self.shared is not None else None
        now = time.monotonic()
        if standings is None:
            standings = self.local.take(ticket, now)
        elif not any(each.wait for each in standings):
            self.local.count(ticket, now)
        exchange.extra = [*exchange.extra, *headers(standings)]
        if any(each.wait for each in standings):
            record.ticket = None
            if self.shared is not None:  # it may have let it in, and told so too late
                self.shared.give_back(ticket, 0)
            raise _refusal(max(standings, key=lambda each: each.wait), record)

    def ended(self, ticket: Ticket, record: Record) -> None:
        """Give back its places, and count the tokens that it really used."""
        tokens = record.tokens
        used = 0 if tokens is None or record.cache in NOT_GENERATED else tokens.input + tokens.output
        if self.shared is not None:
            self.shared.give_back(ticket, used)
        self.local.give_back(ticket, used, time.monotonic())


def _tokens(limit: Limit, signals: Signals, record: Record) -> int:
    """What the prompt is counted as until its usage is known. One that is surely larger than a whole window will not
    fit later either: 400, at which every client stops."""
    prompt = max(1, signals.tokens)
    if prompt * CERTAIN_SHARE > limit.most:
        record.limited = limit.kind
        raise Refusal(400, f"a prompt of about {prompt:,} tokens is more than {limit}", code="request_too_large")
    return min(prompt, limit.most)


def _refusal(worst: Standing, record: Record) -> Refusal:
    limit, wait = worst.limit, math.ceil(worst.wait)
    record.limited = limit.kind
    message = f"too many requests: the limit is {limit}; try again in {wait} s"
    return Refusal(429, message, code="rate_limit_exceeded", retry_after=wait)


def headers(standings: Sequence[Standing]) -> RawHeaders:
    """OpenAI's names (its guide on rate limits): of requests and of tokens, the limit of which least is left."""
    told: RawHeaders = []
    kinds: tuple[Kind, ...] = ("requests", "tokens")
    for kind in kinds:
        of_kind = [each for each in standings if each.limit.kind == kind]
        if not of_kind:
            continue
        least = min(of_kind, key=lambda each: (each.limit.most - each.used) / each.limit.most)
        left = max(0, math.floor(least.limit.most - least.used))
        told += (
            (b"x-ratelimit-limit-" + kind.encode(), b"%d" % least.limit.most),
            (b"x-ratelimit-remaining-" + kind.encode(), b"%d" % left),
            (b"x-ratelimit-reset-" + kind.encode(), _duration(least.reset)),
        )
    return told


def _duration(seconds: float) -> bytes:
    """As OpenAI writes it: `20ms`, `1s`, `6m0s`, `24h0m0s`."""
    if seconds < 1:
        return b"%dms" % math.ceil(seconds * 1000)
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, rest) if hours else b"%dm%ds" % (minutes, rest) if minutes else b"%ds" % rest
