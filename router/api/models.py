"""GET /v1/models: the names a client may use, each with what is known of it."""

from __future__ import annotations

from typing import Any

import orjson

from router.box import State
from router.config.facts import MODALITIES, Facts
from router.config.grant import Grant
from router.refusal import Refusal

__all__ = ["model_list", "one_model"]

CREATED = 1_763_683_200
"""`created` is required by OpenAI's schema and means nothing here: a constant, so that lists compare equal."""


def model_list(state: State, grant: Grant | None = None) -> bytes:
    """The list in OpenAI's shape, of what a client with this grant may use."""
    names = _names(state, grant)
    return orjson.dumps({"object": "list", "data": [_entry(state, name, grant) for name in names]})


def one_model(state: State, name: str, grant: Grant | None = None) -> bytes:
    """One entry. Raises Refusal (404)."""
    if name not in _names(state, grant):
        raise Refusal(404, f'the model "{name[:200]}" does not exist here', code="model_not_found", param="model")
    return orjson.dumps(_entry(state, name, grant))


def _names(state: State, grant: Grant | None) -> tuple[str, ...]:
    """Those that lead to a backend which the grant allows, or leave the choice to the rules."""
    names = state.rulebook.plan.names()
    if grant is None:
        return names
    target, facts = state.rulebook.rules.aliases, state.facts
    return tuple(n for n in names if (found := facts.get(target.get(n, n))) is None or _allowed(found, grant))


def _allowed(facts: Facts, grant: Grant | None) -> bool:
    return grant is None or (grant.may_ask(facts.name) and (facts.private or not grant.private))


def _entry(state: State, name: str, grant: Grant | None) -> dict[str, Any]:
    target = state.rulebook.rules.aliases.get(name, name)
    facts = state.facts.get(target)
    entry: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": "signalbox"}
    if facts is None:  # `auto`, or a name for it: what some backend can do, a request can get
        entry.update(_about([one for one in state.facts.values() if _allowed(one, grant)]))
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
