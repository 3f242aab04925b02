"""What pydantic found wrong, in sentences for someone who edits YAML.

Values are shown only outside `backends` and `keys`, and never where the environment put them: an error message ends in
terminals, logs and bug reports, where a key must not.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Set
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from router.config.backend import GgufBackend, HttpBackend, LitellmBackend, WorldBackend
from router.config.problems import Place, Problem, did_you_mean
from router.config.schema import Rules

__all__ = ["KINDS", "model_at", "options", "problems"]

KINDS: dict[str, type[BaseModel]] = {
    "http": HttpBackend,
    "litellm": LitellmBackend,
    "gguf": GgufBackend,
    "world": WorldBackend,
}

_OTHER_WORDS = {
    "api_base": "url",
    "backend": "to",
    "backends": "to",
    "base_url": "url",
    "baseurl": "url",
    "condition": "when",
    "endpoint": "url",
    "fallback": "to",
    "fallbacks": "to",
    "if": "when",
    "key": "api_key",
    "match": "when",
    "modalities": "accepts",
    "rules": "routes",
    "target": "to",
    "timeout": "timeouts",
    "token": "api_key",
    "type": "kind",
    "use": "to",
}
"""What other programs call these options."""

_MISSING = re.compile(r"`(\w+)` is missing")

_EXPECTED = {
    "string_type": ("a text", "put it in quotes"),
    "int_type": ("a whole number", None),
    "int_parsing": ("a whole number", None),
    "int_from_float": ("a whole number", None),
    "float_type": ("a number", None),
    "float_parsing": ("a number", None),
    "bool_type": ("true or false", None),
    "bool_parsing": ("true or false", None),
    "list_type": ("a list", "each item on a line that begins with `- `"),
    "dict_type": ("a mapping", "`key: value` on indented lines below it"),
    "model_type": ("a mapping", "`key: value` on indented lines below it"),
    "model_attributes_type": ("a mapping", "`key: value` on indented lines below it"),
}

_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
}


def problems(error: ValidationError, data: Any, secret: Set[Place]) -> list[Problem]:
    """One Problem for each fault, without lines: `place` leads to the key at fault, or to where one is missing."""
    found: list[Problem] = []
    placed = [(detail, _place(detail["loc"], data, detail["type"])) for detail in error.errors(include_url=False)]
    within = {place[:-1] for _, place in placed if place}
    for detail, place in placed:
        if detail["type"] == "literal_error" and isinstance(detail["input"], dict) and place in within:
            continue  # a mapping that may be one word instead, as `circuit: false`: what it holds is faulty
        second_branch = found and found[-1].place == place and detail["type"] != "missing"
        if not second_branch:  # of a union, such as `verify`: true, false or a path
            found.append(_problem(detail, place, data, secret))
    # A word that is misspelt is told once, not a second time as missing.
    meant = {(p.place[:-1], p.hint) for p in found if p.place}
    return [p for p in found if not (word := _MISSING.match(p.message)) or (p.place, _meant(word[1])) not in meant]


def _meant(word: str) -> str:
    return f'did you mean "{word}"?'


def _place(loc: Iterable[str | int], data: Any, kind: str) -> Place:
    """pydantic's location without what only pydantic sees, such as the tag of a union."""
    steps, place, value = list(loc), [], data
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if isinstance(value, dict) and (step in value or (last and kind == "missing")):
            place.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            place.append(step)
            value = value[step]
    return tuple(place)


def _problem(detail: Any, place: Place, data: Any, secret: Set[Place]) -> Problem:
    kind, value = detail["type"], detail.get("input")
    name = _name(place)
    if kind == "extra_forbidden":
        return _unknown(place, data)
    if kind == "missing":
        return Problem(f"{name} is missing{_owner(place[:-1])}", place[:-1])
    if kind == "union_tag_invalid":
        kinds = ", ".join(KINDS)
        return Problem(f"no backend is of this `kind`; kinds are: {kinds}", (*place, "kind"), _close_kind(data, place))
    if kind == "literal_error":
        return _one_of(place, name, detail, value, secret)
    if kind == "value_error":
        message = str(detail["ctx"]["error"])
        return Problem(message if len(place) < 3 or message.startswith("url ") else f"{name}: {message}", place)
    if kind in _EXPECTED:
        expected, hint = _EXPECTED[kind]
        if value is None:
            return Problem(f"{name} is empty; it is {expected}", place, "give it a value, or leave the line out")
        return Problem(f"{name} is {expected}{_shown(value, place, secret)}", place, hint)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return Problem(f"{name} is {words} {detail['ctx'][bound]:g}{_shown(value, place, secret)}", place)
    if kind == "too_short":
        return Problem(f"{name} is an empty list; it needs at least one entry", place)
    return Problem(f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", place)


def _name(place: Place) -> str:
    """The last key of a place; for an item of a list, which one."""
    if not place:
        return "the file"
    if isinstance(place[-1], int):
        return f"entry {place[-1] + 1} of `{place[-2]}`"
    return f"`{place[-1]}`"


def _owner(place: Place) -> str:
    if len(place) == 2 and place[0] == "backends":
        return f" in backend `{place[1]}`"
    if len(place) >= 2 and isinstance(place[1], int):
        return f" in {str(place[0]).rstrip('s')} {place[1] + 1}"
    return f" in `{place[-1]}`" if place else " at the top of the file"


def _one_of(place: Place, name: str, detail: Any, value: Any, secret: Set[Place]) -> Problem:
    expected = str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
    choices = expected.split(", ")
    if isinstance(value, str) and value in choices:
        return Problem(f"{name} is the number {value}", place, "write it without quotes")
    hint = did_you_mean(value, choices) if isinstance(value, str) else None
    word = "one of: " if len(choices) > 1 else ""
    return Problem(f"{name} is {word}{expected}{_shown(value, place, secret)}", place, hint)


def _shown(value: Any, place: Place, secret: Set[Place]) -> str:
    """`, not 7`, where it may be shown."""
    hidden = place in secret or place[:1] in (("backends",), ("keys",))
    if hidden or not isinstance(value, str | int | float) or len(str(value)) > 60:
        return ""
    return f", not {str(value).lower() if isinstance(value, bool) else repr(value) if value == '' else value}"


def _unknown(place: Place, data: Any) -> Problem:
    word = str(place[-1])
    model = model_at(place[:-1], data)
    known = options(model) if model is not None else []
    hint = did_you_mean(word, known)
    other = _OTHER_WORDS.get(word.lower())
    if other is not None and other in known:
        hint = _meant(other)
    elif hint is None and model in KINDS.values():
        owners = [kind for kind, owner in KINDS.items() if word in options(owner)]
        hint = f"it belongs to kind: {owners[0]}" if owners else None
    return Problem(f"`{word}` is no option{_owner(place[:-1])}", place, hint or f"known are: {', '.join(known)}")


def _close_kind(data: Any, place: Place) -> str | None:
    kind = data["backends"][place[1]].get("kind")
    return did_you_mean(kind, KINDS) if isinstance(kind, str) and len(kind) < 40 else None


def options(model: type[BaseModel]) -> list[str]:
    """The words a mapping of this model may hold, in the order of the model."""
    return list(model.model_fields)


def model_at(place: Place, data: Any) -> type[BaseModel] | None:
    """The model that describes the mapping at a place of the file; None where any word may stand."""
    annotation: Any = Rules
    for step in place:
        annotation = _inside(_pick(annotation, data), step)
        if isinstance(data, list) and isinstance(step, int):
            data = data[step]
        else:
            data = data.get(step) if isinstance(data, dict) else None
    annotation = _pick(annotation, data)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _inside(annotation: Any, step: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found = annotation.model_fields.get(str(step))
        return found.annotation if found is not None else Any
    return get_args(annotation)[-1] if get_origin(annotation) in (list, dict) else Any


def _pick(annotation: Any, data: Any) -> Any:
    """Out of Annotated and unions: for backends by their kind, else the model or container among the members."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is list and isinstance(data, dict):
        return _pick(get_args(annotation)[0], data)  # one that may stand without the list around it
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = [_pick(member, data) for member in get_args(annotation)]
    if set(members) == set(KINDS.values()):
        kind = data.get("kind", "http") if isinstance(data, dict) else "http"
        return KINDS.get(kind, HttpBackend) if isinstance(kind, str) else HttpBackend
    return next((m for m in members if get_origin(m) or (isinstance(m, type) and issubclass(m, BaseModel))), Any)
