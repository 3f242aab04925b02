"""A decision told in full: what `signalbox explain --json` prints and `POST /api/explain` answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router.config.facts import Facts
from router.config.schema import Route
from router.request.signals import Signals
from router.routing.plan import Plan

__all__ = ["explain"]

ATTEMPTS = {"retries", "hedge", "timeout", "accept"}


def explain(
    plan: Plan,
    signals: Signals,
    facts: Mapping[str, Facts],
    changed: Callable[[str, Route | None], tuple[str, ...]] = lambda name, settings: (),
) -> dict[str, Any]:
    """The decision as JSON has it. `changed` tells what would be changed of the request for a backend.

    `route` ("" when none matched), `backend` (None when no candidate is left), `candidates` (each `backend`, `ok`,
    `gate`, `reason`, `changed`: a word for each repair of the request), `choice` (by what the route orders them; None
    without a route and where the client named one), `cache` (`ttl` in seconds, `scope`; None where the route keeps no
    answers), `attempts` (what the route says of `retries`, `hedge` and `timeout` in seconds, `accept`; None without a
    route), `rules` (each `name`, `matched`, `conditions` with `signal`, `wanted`, `found`, `ok`) up to and including
    the first that matches, as those after it are not looked at, and `signals` with the value of each.
    """
    decision = plan.decide(signals, facts, told=True)
    settings = decision.settings
    candidates = [
        {
            "backend": each.backend,
            "ok": each.ok,
            "gate": each.gate,
            "reason": each.reason,
            "changed": list(changed(each.backend, settings)) if each.ok else [],
        }
        for each in decision.candidates
    ]
    cache = settings.cache if settings is not None else None
    return {
        "route": decision.route,
        "backend": decision.backend,
        "candidates": candidates,
        "choice": settings.choice if settings is not None and not decision.named else None,
        "cache": {"ttl": cache.ttl, "scope": cache.scope} if cache is not None else None,
        "attempts": settings.model_dump(include=ATTEMPTS) if settings is not None else None,
        "rules": _rules(plan, signals),
        "signals": signals.as_dict(),
    }


def _rules(plan: Plan, signals: Signals) -> list[dict[str, Any]]:
    looked_at: list[dict[str, Any]] = []
    for route in plan.routes:
        conditions = route.condition.trace(signals)
        matched = all(condition["ok"] for condition in conditions)
        looked_at.append({"name": route.name, "matched": matched, "conditions": conditions})
        if matched:
            break
    return looked_at
