"""`wait:` at a candidate: when it would take longer than that until the first token, the next is asked.

How long it would take is estimated in `telemetry.load.Load.until_first`: place in the queue x seconds a request holds
its slot / slots + seconds to the first content. What nobody has measured counts as nothing, so that a backend of which
nothing is known is never passed over. Nor does the last candidate spill into nothing: those passed over stay behind
the others, the soonest first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router.config.facts import Facts
from router.routing.choice.contract import Ranked
from router.telemetry.load import Load

__all__ = ["spill"]


def spill(order: Sequence[Ranked], waits: Mapping[str, float], facts: Mapping[str, Facts], told: bool) -> list[Ranked]:
    """The order with those behind that would take longer than they may. `waits`: seconds, of those that say some."""
    late: list[tuple[float, Ranked]] = []
    stays: list[Ranked] = []
    for each in order:
        wait = waits.get(each.backend)
        if wait is None:
            stays.append(each)
            continue
        load = facts[each.backend].load
        estimate = load.until_first if load is not None else 0.0
        if told:
            each = _with_figures(each, load, estimate, wait)
        if estimate > wait:
            late.append((estimate, each))
        else:
            stays.append(each)
    late.sort(key=lambda pair: pair[0])
    return stays + [each for _, each in late]


def _with_figures(each: Ranked, load: Load | None, estimate: float, wait: float) -> Ranked:
    if load is None:
        said = f"may take {wait:g} s until the first token; how long it would take only a running server knows"
    elif not estimate:
        said = f"may take {wait:g} s until the first token; how long it would take is not known"
    else:
        verb = "would take" if estimate > wait else "takes"
        said = f"{verb} about {estimate:.2g} s until the first token{_made_of(load)}, and may take {wait:g} s"
    return Ranked(each.backend, f"{each.why}; {said}" if each.why else said)


def _made_of(load: Load) -> str:
    if not load.taken:
        return ""
    each = f"{load.waiting + 1} in the queue with this one, {load.held:.2g} s each, {load.parallel} at once"
    first = load.first.value
    return f" ({each}, then {first:.2g} s)" if first is not None else f" ({each}; its own time is not known)"
