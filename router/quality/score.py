"""How many of a few tasks were done, and what that says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Done", "Score", "apart"]

Z = 1.959964
"""Of an interval that holds the true share in 95 of 100 cases."""


@dataclass(frozen=True, slots=True)
class Done:
    """One task."""

    name: str
    fault: str | None
    """What is wrong; None where it is right."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"task": self.name, "right": self.fault is None, "fault": self.fault}


@dataclass(frozen=True, slots=True)
class Score:
    """The tasks of one kind."""

    tasks: tuple[Done, ...]

    @property
    def right(self) -> int:
        """How many."""
        return sum(task.fault is None for task in self.tasks)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, 95 times of 100 (Wilson 1927); (0, 1) without tasks."""
        count = len(self.tasks)
        if not count:
            return 0.0, 1.0
        share = self.right / count
        middle = share + Z * Z / (2 * count)
        half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
        scale = 1 + Z * Z / count
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        low, high = self.interval
        return {
            "right": self.right,
            "of": len(self.tasks),
            "interval_95": [round(low, 3), round(high, 3)],
            "tasks": [task.as_dict() for task in self.tasks],
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.right}/{len(self.tasks)} ({low:.0%}-{high:.0%})"


def apart(one: Score, other: Score) -> bool:
    """Their intervals do not overlap: the one with more is better, and not by chance alone."""
    return one.interval[0] > other.interval[1] or other.interval[0] > one.interval[1]
