"""GET /v1/models: the names a client may use, each with what is known of it."""

from __future__ import annotations

from typing import Any

import orjson

from router.box import State
from router.config.facts import MODALITIES, Facts
from router.refusal import Refusal

__all__ = ["model_list", "one_model"]

CREATED = 1_763_683_200
"""`created` is required by OpenAI's schema and means nothing here: a constant, so that lists compare equal."""


def model_list(state: State) -> bytes:
    """The list in OpenAI's shape."""
    names = state.rulebook.plan.names()
    return orjson.dumps({"object": "list", "data": [_entry(state, name) for name in names]})


def one_model(state: State, name: str) -> bytes:
    """One entry. Raises Refusal (404)."""
    if name not in state.rulebook.plan.names():
        raise Refusal(404, f'the model "{name[:200]}" does not exist here', code="model_not_found", param="model")
    return orjson.dumps(_entry(state, name))


def _entry(state: State, name: str) -> dict[str, Any]:
    target = state.rulebook.rules.aliases.get(name, name)
    facts = state.facts.get(target)
    entry: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": "signalbox"}
    if facts is None:  # `auto`, or a name for it: what some backend can do, a request can get
        entry.update(_about(list(state.facts.values())))
        entry["description"] = "the rules decide per request"
    else:
        entry.update(_about([facts]))
        entry["backend"] = target
        if facts.slots is not None:
            entry["slots"] = facts.slots
        if facts.loaded is not None:
            entry["loaded"] = facts.loaded
        if facts.kind == "world":
            entry["owned_by"] = "Tofy"  # clients of a Tofy server look for it
    return entry


def _about(several: list[Facts]) -> dict[str, Any]:
    """Context under the names clients look for, all with the one meaning of a whole window; input modalities.

    It is the window that a request can count on. What a model was trained with is not told: clients take it for that.
    """
    contexts = [facts.context for facts in several if facts.context is not None]
    outputs = [facts.max_output for facts in several if facts.max_output is not None]
    accepts = frozenset[str]().union(*(facts.accepts for facts in several))
    about: dict[str, Any] = {"input_modalities": [modality for modality in MODALITIES if modality in accepts]}
    if contexts:
        about["context_length"] = about["context_window"] = about["max_model_len"] = max(contexts)
    if outputs:
        about["max_output_tokens"] = max(outputs)
    return about
