"""The bill of each request: tokens from what the backend told, or estimated where it told nothing; what they cost, and
what they would have cost at the baseline.

A record is settled once, as soon as its usage is known: for a plain answer before its head goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache

from router.accounts.heard import written
from router.accounts.prices import FREE, baseline_price, price_at, told_cost, usd
from router.accounts.tokens import tokens_of
from router.accounts.working import Working
from router.config.backend import Backend
from router.config.price import Price
from router.config.schema import Rules
from router.request.tokens import estimate
from router.telemetry.record import Cost, Record, Tokens
from router.telemetry.text import LONGEST, printable

__all__ = ["Bills", "Meter"]

log = logging.getLogger("signalbox.accounts")

GENERATING = frozenset(
    {"/v1/chat/completions", "/v1/completion", "/v1/completions", "/v1/fim/completions", "/v1/infill"}
    | {"/v1/responses", "/v1/messages"}
)
"""Paths whose answers are text, which can be counted where its usage is not told."""
NONE = Tokens()
MOST_WARNED = 256
HOUR = 3600.0


class Bills:
    """Of one set of rules. Prices are looked up when a model is first billed."""

    def __init__(self, rules: Rules):
        self._specs: Mapping[str, Backend] = rules.backends
        self._baseline = baseline_price(rules.baseline) if rules.baseline is not None else None
        self._price = lru_cache(maxsize=1024)(self._looked_up)
        self._warned: set[tuple[str, str]] = set()
        self.working = {name: Working() for name, spec in rules.backends.items() if spec.power is not None}
        """Of the backends whose electricity is paid."""
        for name, spec in rules.backends.items():
            if (model := getattr(spec, "model", None)) is not None:
                self._price(name, model)  # now, and not while a request waits: the list of clouds is a large file

    def settle(self, record: Record) -> None:
        """Fill in what the record's usage says of tokens and money. Harmless when it has been settled."""
        if record.tokens is None and record.usage is not None:
            record.tokens = tokens_of(record.usage)
        if record.tokens is not None and record.cost is None:
            self._bill(record, record.tokens)

    def close(self, record: Record) -> None:
        """The request has ended: what was answered without any tokens, such as sound, costs nothing where nothing
        does, or electricity, and else nobody knows what."""
        if record.unpriced and record.tokens is None:
            self._bill(record, NONE)

    def estimated(self, record: Record, prompt: int, text: str, share: float = 1.0) -> None:
        """Settle a record whose backend told no usage: the prompt's estimated tokens, and what was written; `text` is
        that share of it."""
        record.tokens = Tokens(prompt, round(estimate(text) / share), estimated=True)
        self._bill(record, record.tokens)

    def _bill(self, record: Record, tokens: Tokens) -> None:
        spec = self._specs.get(record.backend)
        if spec is None:
            return
        price = self._price(record.backend, record.model[:LONGEST])
        if record.cache in ("hit", "joined", "similar"):
            self._spare(record, tokens, price)
            return
        if spec.power is not None:
            dollars = round(spec.power.watts / 1000 * record.worked / HOUR * spec.power.per_kwh, 9)
            record.cost = Cost(dollars, "power")
        elif spec.price is None and (told := told_cost(spec, record.usage or {})) is not None:
            record.cost = Cost(told, "reported")
        elif price is None or (tokens is NONE and price != FREE):
            self._warn(record)
            return
        else:
            record.cost = Cost(usd(price, tokens), "estimated" if tokens.estimated else "reported")
        if self._baseline is not None:
            record.baseline = usd(self._baseline, tokens)
            record.saved = max(0.0, round(record.baseline - record.cost.usd, 9))

    def _spare(self, record: Record, tokens: Tokens, price: Price | None) -> None:
        """An answer that nothing was asked for: the price of asking is saved."""
        record.cost = Cost(0.0, "reported")
        spared = price if self._baseline is None else self._baseline
        if spared is not None:
            record.saved = usd(spared, tokens)
            record.baseline = record.saved if self._baseline is not None else 0.0

    def _looked_up(self, backend: str, model: str) -> Price | None:
        return price_at(self._specs[backend], model)

    def _warn(self, record: Record) -> None:
        name = printable(record.model[:LONGEST])
        model = (record.backend, name)
        if model not in self._warned and len(self._warned) < MOST_WARNED:
            self._warned.add(model)
            log.warning(
                "no price is known for %s at %s: its requests count as unpriced. Say `price: {input: …, output: …}` "
                "(US dollars per million tokens), `price: 0` or `power:` at the backend.",
                name or "its model",
                record.backend,
            )


class Meter:
    """What measures one answer on its way: told of its usage, or of its bytes where none came."""

    __slots__ = ("_begun", "_bills", "_prompt", "_working", "record", "worked")

    def __init__(self, bills: Bills, record: Record, prompt: Callable[[], int]):
        """`prompt` estimates the tokens of the request; it is asked only where nobody told them."""
        self._bills = bills
        self._prompt = prompt
        self._working: Working | None = None
        self._begun = 0.0
        self.record = record
        self.worked = 0.0
        """Seconds of the backend's time that fell to it."""

    def asked(self, backend: str) -> None:
        """The backend begins to work for it."""
        self._working = self._bills.working.get(backend)
        if self._working is not None:
            self._begun = self._working.begin()

    def idle(self) -> None:
        """The backend has ended, or was ended. Harmless when called again."""
        if self._working is not None:
            self.worked += self._working.end(self._begun)
            self._working = None

    def told(self) -> None:
        """The answer is over; the record has the usage that the backend told, if it told any."""
        self._ended()
        self._bills.settle(self.record)

    def heard(self, body: bytes, share: float = 1.0) -> None:
        """The answer is over, whole or cut; `body` is what of it was kept, that `share` of all that came."""
        self._ended()
        record = self.record
        if record.tokens is not None or record.status != 200 or record.path not in GENERATING:
            return
        self._bills.estimated(record, self._prompt(), written(body), share)

    def given_up(self) -> None:
        """Nobody waits any more for the answer to what was sent: its prompt will have been read."""
        self._ended()
        if self.record.tokens is None and self.record.path in GENERATING:
            self._bills.estimated(self.record, self._prompt(), "")

    def _ended(self) -> None:
        self.idle()
        self.record.worked = self.worked
