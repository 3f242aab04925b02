"""GET /v1/models: the names a client may use, each with what is known of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import orjson

from router.api.abilities import about
from router.box import State
from router.config.facts import Facts
from router.config.grant import Grant
from router.refusal import Refusal

__all__ = ["model_list", "one_model"]

CREATED = 1_763_683_200
"""`created` is required by OpenAI's schema and means nothing here: a constant, so that lists compare equal."""
CREATED_AT = "2025-11-21T00:00:00Z"
"""The same moment as Anthropic's schema has it."""

MOST = 1000
"""Largest page of Anthropic's list of models."""


def model_list(state: State, grant: Grant | None = None, query: bytes = b"", *, anthropic: bool = False) -> bytes:
    """The list in OpenAI's shape and in Anthropic's at once, of what a client with this grant may use.

    `query` may page as Anthropic's does (`limit`, `after_id`, `before_id`); without it the list is whole.
    `anthropic`: for a client that takes `capabilities` for what Anthropic means by it. Raises Refusal (400).
    """
    names, more = _page(_names(state, grant), query)
    entries = [_entry(state, name, grant, anthropic) for name in names]
    ends = {"has_more": more, "first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return orjson.dumps({"object": "list", "data": entries, **ends})


def one_model(state: State, name: str, grant: Grant | None = None, *, anthropic: bool = False) -> bytes:
    """One entry. Raises Refusal (404)."""
    if name not in _names(state, grant):
        raise Refusal(404, f'the model "{name[:200]}" does not exist here', code="model_not_found", param="model")
    return orjson.dumps(_entry(state, name, grant, anthropic))


def _page(names: tuple[str, ...], query: bytes) -> tuple[tuple[str, ...], bool]:
    """The names that are asked for, and whether there are more in that direction."""
    if not query:
        return names, False
    asked = {name: values[0] for name, values in parse_qs(query.decode("latin-1")).items()}
    after, before, limit = asked.get("after_id"), asked.get("before_id"), asked.get("limit")
    if after in names:
        names = names[names.index(after) + 1 :]
    if before in names:
        names = names[: names.index(before)]
    if limit is None:
        return names, False
    if not limit.isascii() or not limit.isdigit() or not 0 < int(limit[:9]) <= MOST:
        raise Refusal(400, f'"limit" is a number from 1 to {MOST}', code="invalid_value", param="limit")
    count = int(limit)
    return (names[-count:] if before is not None and after is None else names[:count]), len(names) > count


def _names(state: State, grant: Grant | None) -> tuple[str, ...]:
    """Those that lead to a backend which the grant allows, or leave the choice to the rules."""
    names = state.rulebook.plan.names()
    if grant is None:
        return names
    target, facts = state.rulebook.rules.aliases, state.facts
    return tuple(n for n in names if (found := facts.get(target.get(n, n))) is None or _allowed(found, grant))


def _allowed(facts: Facts, grant: Grant | None) -> bool:
    return grant is None or (grant.may_ask(facts.name) and (facts.private or not grant.private))


def _entry(state: State, name: str, grant: Grant | None, anthropic: bool) -> dict[str, Any]:
    target = state.rulebook.rules.aliases.get(name, name)
    facts = state.facts.get(target)
    entry: dict[str, Any] = {"id": name, "object": "model", "created": CREATED, "owned_by": "signalbox"}
    entry |= {"type": "model", "display_name": name, "created_at": CREATED_AT, "lifecycle": "active", "name": name}
    if facts is None:  # `auto`, or a name for it: what some backend can do, a request can get
        entry.update(about([one for one in state.facts.values() if _allowed(one, grant)]))
        entry["description"] = "the rules decide per request"
    else:
        entry.update(about([facts]))
        entry["backend"] = target
        if facts.slots is not None:
            entry["slots"] = facts.slots
        if facts.loaded is not None:
            entry["loaded"] = facts.loaded
        if facts.kind == "world":
            entry["owned_by"] = "Tofy"  # clients of a Tofy server look for it
    if anthropic:
        del entry["capabilities"]
    return entry
