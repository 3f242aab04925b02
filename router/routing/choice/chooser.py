"""The order in which a route's candidates are asked, where it is not simply the one they are listed in.

A choice only reorders what the gates let through. Routes that say neither `choice:` nor `wait:` have no chooser and pay
for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.config.facts import Facts
from router.config.schema import Route
from router.request.signals import Signals
from router.routing.choice.contract import Choice, Ranked
from router.routing.choice.least_busy import LeastBusy
from router.routing.choice.spill import spill
from router.routing.choice.sticky import Sticky
from router.routing.choice.weighted import Weighted
from router.routing.decision import Candidate

__all__ = ["STRATEGIES", "Chooser", "chooser_of"]

STRATEGIES: dict[str, type[Choice]] = {"weighted": Weighted, "least_busy": LeastBusy, "sticky": Sticky}
"""By the words of `choice:`; `order` needs none."""

PASSED_OVER = "wait"
"""As a gate, of a candidate that may still be asked after the others: so it is counted and told like one."""

Candidates = tuple[Candidate, ...]


def chooser_of(route: Route) -> Chooser | None:
    """None where the candidates are asked as they are listed."""
    weights = {target.backend: target.weight for target in reversed(route.to)}  # of one listed twice, the first counts
    waits = {target.backend: target.wait for target in reversed(route.to) if target.wait is not None}
    strategy = STRATEGIES.get(route.choice)
    if strategy is None and not waits:
        return None
    return Chooser(strategy(weights) if strategy is not None else None, waits)


class Chooser:
    """Of one route."""

    def __init__(self, choice: Choice | None, waits: Mapping[str, float]):
        self.choice = choice
        self.waits = waits

    def arrange(self, candidates: Candidates, signals: Signals, facts: Mapping[str, Facts], told: bool) -> Candidates:
        """The candidates in order: those that passed, as they are to be asked, before those that did not. Changes
        nothing. `told`: each has the reason for its place."""
        passed = {candidate.backend: candidate for candidate in candidates if candidate.ok}
        if not passed or (len(passed) == 1 and not told):
            return candidates
        names = tuple(passed)
        order = self.choice.rank(names, signals, facts, told) if self.choice is not None else list(map(Ranked, names))
        if self.waits:
            order = spill(order, self.waits, facts, told)
        arranged = [_told(passed[each.backend], each) for each in order]
        return (*arranged, *(candidate for candidate in candidates if not candidate.ok))

    def taken(self, names: tuple[str, ...]) -> None:
        """A request goes to the first of these; those passed over are not among them."""
        if self.choice is not None and names:
            self.choice.taken(names)


def _told(candidate: Candidate, place: Ranked) -> Candidate:
    if place.why:
        candidate = replace(candidate, reason=f"{candidate.reason}; {place.why}" if candidate.reason else place.why)
    return replace(candidate, gate=PASSED_OVER) if place.passed_over else candidate
