"""`weighted`: each backend gets its share of the requests, well mixed and always in the same sequence.

Smooth weighted round-robin, as nginx does it (ngx_http_upstream_round_robin.c): in each round every candidate gains its
weight, the one with the most is taken and pays for all. With weights 3 and 1: a a b a, never a a a b. Nobody gains or
owes more than all pay in one round: who is kept behind by something else (a soft budget asks what is free first) does
not catch up with all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router.config.facts import Facts
from router.request.signals import Signals
from router.routing.choice.contract import Choice, Ranked

__all__ = ["Weighted"]


class Weighted(Choice):
    """Of one route. A weight of 0 is asked only when the others fail."""

    def __init__(self, weights: Mapping[str, float]):
        super().__init__(weights)
        self._gained = dict.fromkeys(weights, 0.0)
        self._most = sum(weights.values())

    def rank(self, names: Sequence[str], signals: Signals, facts: Mapping[str, Facts], told: bool) -> list[Ranked]:
        weights, gained = self.weights, self._gained
        order = sorted(names, key=lambda name: (not weights[name], -gained[name] - weights[name]))
        if not told:
            return list(map(Ranked, order))
        total = sum(weights[name] for name in names)
        return [
            Ranked(name, f"weight {weights[name]:g} of {total:g}{_turn(place)}") for place, name in enumerate(order)
        ]

    def taken(self, names: Sequence[str]) -> None:
        weights, gained = self.weights, self._gained
        gained[names[0]] -= sum(weights[name] for name in names)
        for name in names:
            gained[name] = max(-self._most, min(gained[name] + weights[name], self._most))


def _turn(place: int) -> str:
    return "" if place else ", and it is its turn"
