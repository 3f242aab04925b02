"""`least_busy`: the backend with the fewest requests in flight for each of its slots, among equals the faster.

A backend whose `parallel` is not known counts as one slot. Faster is the shorter smoothed time to the first content;
one whose time is not known comes first, so that it becomes known, and a time that was not measured anew fades
(`telemetry/load.py`), so that a slow one is tried again now and then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router.config.facts import Facts
from router.request.signals import Signals
from router.routing.choice.contract import Choice, Ranked

__all__ = ["LeastBusy"]


class LeastBusy(Choice):
    """Holds nothing of its own."""

    def rank(self, names: Sequence[str], signals: Signals, facts: Mapping[str, Facts], told: bool) -> list[Ranked]:
        order = sorted(names, key=lambda name: _busyness(facts[name]))
        return [Ranked(name, _why(facts[name]) if told else "") for name in order]


def _busyness(facts: Facts) -> tuple[float, float]:
    load = facts.load
    return (load.pressure, load.latency) if load is not None else (0.0, 0.0)


def _why(facts: Facts) -> str:
    load = facts.load
    if load is None:
        return "how busy it is only a running server knows"
    slots = "slots not known" if load.parallel is None else f"{load.parallel} slot{'s' if load.parallel > 1 else ''}"
    latency = load.latency
    speed = f"first content after {latency:.2g} s" if latency else "speed not known"
    return f"{load.in_flight} in flight, {slots}, {speed}"
