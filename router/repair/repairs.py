"""What one backend needs: from the YAML, the table, its own facts, and what its errors have taught."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from router.config.backend import Backend
from router.config.facts import Facts
from router.config.repair import Repair
from router.repair.lessons import ENOUGH, SHARE, Lesson, lessons
from router.repair.mend import UNCHANGED, Mended, mend
from router.repair.needs import NOTHING, Needs
from router.repair.table import known_of

__all__ = ["Repairs"]

KEPT = 6 * 3600.0
"""Seconds for which a lesson is remembered: a server that was upgraded gets another chance."""
SAFELY, MARGIN = 1.15, 64
"""The tokens of a prompt are an estimate: so much more, and so many beside for the template."""
MOST_MODELS = 64
"""Of one backend: where it has no name of its own, its models are the clients' words."""


class Repairs:
    """Of one backend, for as long as its settings live."""

    def __init__(self, spec: Backend, facts: Facts, clock: Callable[[], float] = time.monotonic):
        self._spec = spec
        self._facts = facts
        self._clock = clock
        self._off = spec.repair is False
        self._said = NOTHING if spec.repair is False else _said(spec.repair)
        self._plans: dict[str, tuple[Needs, int | None, str | None]] = {}
        """For each model what it needs, and the facts it was made from."""
        self._learned: dict[str, tuple[Needs, float]] = {}
        """With the time at which it is forgotten."""
        self._next = float("inf")
        """When the next is."""

    def needs(self, model: str) -> Needs:
        """NOTHING, mostly. Quick: asked for each request."""
        facts = self._facts
        if self._next < float("inf") and self._clock() >= self._next:
            self._forget_old()
        plan = self._plans.get(model)
        if plan is None or plan[1] != facts.max_output or plan[2] != facts.server:
            plan = self._plan(model), facts.max_output, facts.server
            if len(self._plans) >= MOST_MODELS:
                self._plans.clear()
            self._plans[model] = plan
        return plan[0]

    def _plan(self, model: str) -> Needs:
        if self._off:
            return NOTHING
        facts = self._facts
        learned, _ = self._learned.get(model, (NOTHING, 0.0))
        # Of the programs for one's own machine, vLLM alone refuses an answer for which there is no room.
        about = Needs(most=facts.max_output, fits=facts.server == "vllm")
        needs = known_of(self._spec, model) | learned | about | self._said
        return NOTHING if needs == NOTHING else needs

    def mended(self, data: dict[str, Any], needs: Needs, tokens: Callable[[], int], room: int | None = None) -> Mended:
        """What differs when it is sent this body of chat completions, or completions. `tokens` of the prompt are asked
        for only where they matter; `room` is what the backend itself has told."""
        return mend(data, needs, lambda: room if room is not None else self._room(tokens()))

    def _room(self, tokens: int) -> int | None:
        """What a prompt of about so many tokens leaves of the context, on the safe side; None where that is no answer,
        or not known."""
        context = self._facts.context
        if context is None:
            return None
        left = context - int(tokens * SAFELY) - MARGIN
        return left if left >= min(ENOUGH, context // SHARE) else None

    def lesson(self, status: int, error: bytes, data: dict[str, Any]) -> Lesson | None:
        """What an error to this body teaches; None where nothing of it would change it."""
        if self._off:
            return None
        for lesson in lessons(status, error):
            if mend(data, lesson.needs, _constant(lesson.room)) is not UNCHANGED:
                return lesson
        return None

    def remember(self, model: str, needs: Needs) -> None:
        """A lesson, for the requests to come."""
        if model not in self._learned and len(self._learned) >= MOST_MODELS:
            self._learned.pop(next(iter(self._learned)))
            self._plans.clear()
        known, until = self._learned.get(model, (NOTHING, self._clock() + KEPT))
        self._learned[model] = known | needs, until
        self._next = min(self._next, until)
        self._plans.pop(model, None)

    def _forget_old(self) -> None:
        now = self._clock()
        self._learned = {model: kept for model, kept in self._learned.items() if kept[1] > now}
        self._next = min((until for _, until in self._learned.values()), default=float("inf"))
        self._plans.clear()


def _constant(room: int | None) -> Callable[[], int | None]:
    return lambda: room


def _said(spec: Repair) -> Needs:
    return Needs(
        developer=not spec.developer,
        system=spec.system,
        alternate=spec.alternate,
        plain=not spec.parts,
        tokens_field=spec.tokens_field,
        drop=frozenset(spec.drop),
    )
