"""The state that a test of the rules takes backends to be in (`given:`), as facts to decide by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.config.backend import Backend, GgufBackend
from router.config.facts import Facts
from router.config.states import Given
from router.request.signals import Signals
from router.telemetry.load import Load

__all__ = ["supposed"]


class _Supposed(Load):
    """The load of a backend that nobody runs."""

    def __init__(self, spec: Backend, given: Given):
        parallel = spec.parallel or (1 if isinstance(spec, GgufBackend) else None)
        if parallel is None and given.queue:
            parallel = 1  # where requests wait, somebody has said for how many there is room
        super().__init__(parallel, spec.queue, clock=lambda: 0.0)
        self._queued = given.queue
        if given.busy or given.queue:
            self.busy = parallel or 1
        if given.service is not None:
            self.service = given.service
        if given.first is not None:
            self.first.add(given.first)

    @property
    def waiting(self) -> int:
        return self._queued

    @property
    def eldest(self) -> float:
        return 0.0


def supposed(
    facts: Mapping[str, Facts], given: Mapping[str, Given], specs: Mapping[str, Backend], signals: Signals
) -> dict[str, Facts]:
    """The facts, with the backends that are named in `given` in that state. `signals` are of the request for whose
    conversation a backend may be warm."""
    changed = dict(facts)
    for name, state in given.items():
        if name not in facts:
            continue  # optional, and left out
        load = _Supposed(specs[name], state)
        if state.warm:
            load.warm.put(signals.prefixes[:1])
        fault = None if state.up else "the test says so"
        changed[name] = replace(facts[name], up=state.up, fault=fault, loaded=state.loaded, load=load)
    return changed
