"""What every strategy of `choice:` promises; a new one is one file that fulfils this and one line in `chooser.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from router.config.facts import Facts
from router.request.signals import Signals

__all__ = ["Choice", "Ranked"]


class Ranked(NamedTuple):
    """A candidate in its new place."""

    backend: str
    why: str = ""
    """For a person, with the figures compared; "" where nobody asked."""
    passed_over: bool = False
    """It stands behind others because it would take longer than its `wait:`."""


class Choice(ABC):
    """Puts candidates that passed their gates into the order in which they are asked."""

    def __init__(self, weights: Mapping[str, float]):
        self.weights = weights
        """Of each backend of the route, in the order of the route."""

    @abstractmethod
    def rank(self, names: Sequence[str], signals: Signals, facts: Mapping[str, Facts], told: bool) -> list[Ranked]:
        """All of `names`, best first. Changes nothing, so that `explain` may ask. `told`: say why."""

    def taken(self, names: Sequence[str]) -> None:
        """A request goes this way: `names` took part, in the order in which they are asked."""
        return
