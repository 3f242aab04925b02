"""When the same backend is asked again: pauses that grow, and a budget, so that retries make no outage worse."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Budget", "pause"]

SHARE = 0.2
"""Retries and hedges per request that came: at most a fifth more load, as Finagle's and gRPC's budgets have it."""
RESERVE = 10.0
"""So many may follow each other out of a standing start, when few requests come."""
FIRST, LONGEST = 0.25, 8.0
"""Seconds: the ceiling of the first pause, which doubles, and its end."""

NOT_AGAIN = frozenset({"refused", "rejected", "context", "down", "open", "beaten"})
"""Reasons for which the same backend would answer the same again."""


class Budget:
    """Of one process. A request puts SHARE of a token in, a retry takes one out; never more than RESERVE."""

    __slots__ = ("_refused", "tokens")

    def __init__(self, refused: Callable[[], None] = lambda: None):
        """`refused` is called for each that is not made."""
        self.tokens = RESERVE
        self._refused = refused

    def came(self) -> None:
        """A request that is answered by asking backends."""
        self.tokens = min(RESERVE, self.tokens + SHARE)

    def take(self) -> bool:
        """May one more request be made than came?"""
        if self.tokens < 1.0:
            self._refused()
            return False
        self.tokens -= 1.0
        return True


def pause(turn: int, wanted: float | None) -> float:
    """Seconds before the same backend is asked again, for the `turn`-th time (from 0).

    Full jitter under a ceiling that doubles (M. Brooker, "Exponential Backoff And Jitter", AWS 2015); what the
    backend wanted (`Retry-After`) comes before it, with a tenth of jitter, since others were told the same.
    """
    if wanted is not None:
        return wanted * random.uniform(1.0, 1.1)
    return random.uniform(0.0, min(LONGEST, FIRST * 2**turn))
