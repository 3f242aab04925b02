"""The kinds of backend. A kind's module is imported when a rules file first names it."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from router.backends.circuit import Circuit
from router.backends.contract import Backend
from router.config.backend import Backend as Spec
from router.config.facts import Facts
from router.repair.repairs import Repairs

__all__ = ["KINDS", "build"]

KINDS = {
    "http": ("router.backends.http", "HttpBackend"),
    "litellm": ("router.backends.litellm", "LitellmBackend"),
    "gguf": ("router.backends.gguf", "GgufBackend"),
    "world": ("router.backends.world.backend", "WorldBackend"),
}


def build(name: str, spec: Spec, facts: Facts) -> Backend:
    """A backend of the kind that `spec` says, not yet started. Needs a running event loop."""
    module, kind = KINDS[spec.kind]
    made = cast("Backend", getattr(import_module(module), kind)(name, spec, facts))
    made.facts.load = made.slots
    made.repairs = Repairs(spec, made.facts)
    if spec.circuit:
        made.circuit = Circuit(facts, spec.circuit, alarm=made.suspected)
    return made
