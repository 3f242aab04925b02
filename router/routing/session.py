"""One task, one model: a turn that only brings tool results stays with the backend that asked for them.

Changing the model between a tool call and its result loses the caches and confuses the work; a new user turn is
decided anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

from router.config.facts import Facts
from router.request.signals import Signals
from router.routing.decision import Candidate, Decision
from router.routing.gates import judge, unhealthy

__all__ = ["Sessions", "name_of", "prefer"]

CAPACITY = 10_000
TIME_TO_LIVE = 3600.0
"""Seconds after the last turn."""


class Sessions:
    """Which backend served the latest turn of each session; the one unused for longest goes first."""

    __slots__ = ("_capacity", "_clock", "_served", "_time_to_live")

    def __init__(
        self,
        capacity: int = CAPACITY,
        time_to_live: float = TIME_TO_LIVE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._capacity = capacity
        self._time_to_live = time_to_live
        self._clock = clock
        self._served: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._served)

    def get(self, session: str) -> str | None:
        """The backend of its latest turn; None when it is unknown or too long ago."""
        served = self._served.get(session)
        if served is None:
            return None
        if self._clock() >= served[1]:
            del self._served[session]
            return None
        return served[0]

    def put(self, session: str, backend: str) -> None:
        """This backend has served a turn of the session."""
        self._served[session] = (backend, self._clock() + self._time_to_live)
        self._served.move_to_end(session)
        if len(self._served) > self._capacity:
            self._served.popitem(last=False)


def name_of(signals: Signals) -> str:
    """Of one client: two of them may give their sessions the same name."""
    return f"{signals.key}/{signals.session}"


def prefer(decision: Decision, backend: str, signals: Signals, facts: Mapping[str, Facts]) -> Decision:
    """The decision with `backend` first, the others behind it.

    Unchanged when the client named its backend, when `backend` is gone, down or its circuit open, or when a gate
    rejects it for this request: a session does not carry anything past the gates, privacy included.
    """
    if decision.named or decision.backend == backend or not decision.route:
        return decision
    if backend not in facts or unhealthy(facts[backend]) is not None:
        return decision
    (candidate,) = judge((backend,), signals, facts, decision.settings, decision.private)
    if not candidate.ok:
        return decision
    others = tuple(other for other in decision.candidates if other.backend != backend)
    stays = Candidate(backend, reason="served the turn before, and this one brings its tool results")
    return replace(decision, backend=backend, candidates=(stays, *others))
