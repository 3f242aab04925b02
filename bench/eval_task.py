"""How well the `task` signal tells requests apart: a confusion table for each labelled set.

Run with `make eval-task`, or `python -m bench.eval_task`. The recorded requests are not part of the repository;
SIGNALBOX_CAPTURES names their folder. Exits with 1 when a set is below what its test demands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from tests.request.labelled import Labelled, captures, confusion, written

__all__ = ["main"]


def main() -> int:
    """Print the tables; 1 when a set falls short."""
    recorded = captures()
    short = _show("Requests written to tune on (tests/request/task_cases.yaml)", written("task_cases.yaml"), 0.97)
    short |= _show("Requests written afterwards (tests/request/task_heldout.yaml)", written("task_heldout.yaml"), 0.9)
    if recorded is None:
        print("Recorded requests: none at hand (SIGNALBOX_CAPTURES names their folder)")
        return int(short)
    cases = list(recorded)
    short |= _show("Recorded requests of real clients", cases, 0.98)
    named = [case for case in cases if case.harness]
    right = sum(case.signals.harness == case.harness for case in named)
    print(f"Their clients: {right} of {len(named)} named as labelled")
    return int(short)


def _show(title: str, cases: Iterable[Labelled], least: float) -> bool:
    share, table = confusion(cases)
    print(f"{title}\n\n{table}\n")
    return share < least


if __name__ == "__main__":
    sys.exit(main())
