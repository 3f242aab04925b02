"""The condition language of `when`, as a JSON schema with which an editor completes, explains and checks it.

The compiler in `router.routing` has the last word; a test holds both against each other.
"""

from __future__ import annotations

from typing import Any

from router.config.states import STATES
from router.request.harness import HARNESSES
from router.request.signals import TASKS

__all__ = ["SIGNALS", "definitions"]

Schema = dict[str, Any]

DIALECTS = ("openai", "responses", "anthropic")

_COUNT = r"\d+(\.\d+)?\s*[kKmM]?"
_NUMBER = rf"^\s*((<=|>=|<|>)?\s*{_COUNT}|{_COUNT}\s*\.\.\s*{_COUNT})\s*$"
"""`8k`, `"< 2000"`, `">= 8k"`, `1k..32k`."""

_PERCENT = rf"^\s*((<=|>=|<|>)?\s*{_COUNT}\s*%?|{_COUNT}\s*%?\s*\.\.\s*{_COUNT}\s*%?)\s*$"

_DAY = "([Mm]on(day)?|[Tt]ue(sday)?|[Ww]ed(nesday)?|[Tt]hu(rsday)?|[Ff]ri(day)?|[Ss]at(urday)?|[Ss]un(day)?)"
_HOURS = r"\d{1,2}:\d{2}\.\.\d{1,2}:\d{2}"
_TIME = rf"^\s*({_HOURS}|{_DAY}(\.\.{_DAY})?(\s+{_HOURS})?)\s*$"

_TEXT: Schema = {"type": ["string", "number"]}


def _one_or_many(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _pattern(what: str, examples: list[Any]) -> Schema:
    return {**_one_or_many(_TEXT), "description": f"{what}. `*` stands for any text.", "examples": examples}


def _yes_no(what: str) -> Schema:
    return {"type": "boolean", "description": what}


def _number(what: str, examples: list[Any]) -> Schema:
    written = 'A number, `"< 2000"`, `">= 8k"` or `1k..32k` (1k = 1000, both ends count).'
    forms = _one_or_many({"type": ["integer", "string"], "minimum": 0, "pattern": _NUMBER})
    return {**forms, "description": f"{what}. {written}", "examples": examples}


def _word(what: str, words: tuple[str, ...]) -> Schema:
    pattern = {"type": "string", "pattern": r"\*"}
    return {**_one_or_many({"anyOf": [{"enum": list(words)}, pattern]}), "description": what}


def _regex(what: str) -> Schema:
    written = "A regular expression (RE2) that is searched for, whatever the letter case; `(?-i)` minds it."
    return {**_one_or_many({"type": "string", "minLength": 1}), "description": f"{what}. {written}"}


def _tools() -> Schema:
    return {
        **_one_or_many({"type": ["boolean", "integer", "string"], "minimum": 0}),
        "description": "Tools that the request offers: whether there are any, how many, or their names (`*` allowed).",
        "examples": [False, "> 10", ["bash", "edit_*"]],
    }


def _header() -> Schema:
    return {
        "type": "object",
        "additionalProperties": _one_or_many({"type": ["string", "number", "boolean"]}),
        "minProperties": 1,
        "description": "HTTP headers of the request: name and value (`*` allowed), true for present, false for absent.",
        "examples": [{"x-task": "world"}],
    }


def _backend() -> Schema:
    facets = {
        "up": _yes_no("It can be asked, as far as is known."),
        "busy": _yes_no("A request would have to wait: each of its slots is taken."),
        "loaded": _yes_no("The server says that the model is in its memory, or says nothing of it."),
        "warm": _yes_no("It has served an earlier turn of this conversation within the last hour."),
        "queue": _number("Requests that wait for it", ["0", "< 3"]),
    }
    words = {"enum": list(STATES)}
    mapping = {"type": "object", "properties": facets, "additionalProperties": False, "minProperties": 1}
    return {
        "type": "object",
        "additionalProperties": _one_or_many({"anyOf": [words, mapping]}),
        "minProperties": 1,
        "description": "States that backends are in right now; all must hold, a list is one of several.",
        "examples": [{"qwen-coder": "up"}, {"qwen-coder": {"queue": "< 3"}}],
    }


def _time() -> Schema:
    return {
        **_one_or_many({"type": "string", "pattern": _TIME}),
        "description": "Local time: hours (they may pass midnight), weekdays, or both.",
        "examples": ["22:00..07:00", "mon..fri", "mon..fri 09:00..17:00"],
    }


SIGNALS: dict[str, Schema] = {
    "model": _pattern("The model name that the client sends", ["gpt-4o*", ["tofy", "world/*"]]),
    "path": _pattern("The path of the request, beginning with /v1/", ["/v1/embeddings", "/v1/audio/*"]),
    "dialect": _word("The API that the client speaks", DIALECTS),
    "header": _header(),
    "harness": _word("The program that sends the request. `*` stands for any text.", HARNESSES),
    "key": _pattern("The alias of the client key", ["laptop", "team-*"]),
    "task": _word(
        "What is asked for. `title`: short background texts (thread titles, commit messages); `summary`: compaction, "
        "handing over, summarizing; `autocomplete`: fill in the middle; `world`: predict, simulate or plan in a "
        "described state.",
        TASKS,
    ),
    "image": _yes_no("An image is in the request, tool results and earlier turns included."),
    "audio": _yes_no("A piece of audio is in the request."),
    "file": _yes_no("A file such as a PDF is in the request."),
    "tools": _tools(),
    "tool_loop": _yes_no("The turn only carries results of tools back to the model."),
    "tokens": _number("Estimated tokens of the whole prompt, tools and images included", ["< 2000", "32k..128k"]),
    "max_tokens": _number("The most tokens of answer that the client asks for", ["> 8k"]),
    "turns": _number("How many turns the user has taken", ["1", "> 20"]),
    "stream": _yes_no("The answer is to be streamed."),
    "json": _yes_no("An answer after a JSON schema is asked for."),
    "language": {
        **_one_or_many(_TEXT),
        "description": "The programming language seen in the latest user turn.",
        "examples": ["python", ["rust", "go"]],
    },
    "text": _regex("The latest real user turn, without what harnesses inject"),
    "system": _regex("The system prompt"),
    "time": _time(),
    "backend": _backend(),
    "budget": {
        **_one_or_many({"type": ["integer", "string"], "minimum": 0, "pattern": _PERCENT}),
        "description": "Per cent spent, of the budget of this request (the total's, its key's) that is spent furthest; "
        '0 without budgets. A number, `">= 80"` or `50..80`.',
        "examples": [">= 80"],
    },
}
"""By name: the forms of its value, what it means, examples."""


def definitions() -> dict[str, Schema]:
    """`Conditions` for `$defs` of the schema."""
    here = {"$ref": "#/$defs/Conditions"}
    several = {"type": "array", "items": here, "minItems": 1}
    properties = {
        **SIGNALS,
        "any": {**several, "description": "At least one of these holds."},
        "all": {**several, "description": "All of these hold."},
        "not": {"anyOf": [here, several], "description": "This does not hold; of a list, none does."},
    }
    return {
        "Conditions": {
            "type": "object",
            "title": "Conditions",
            "description": "All of them must hold. A list as a value is one of several.",
            "properties": properties,
            "additionalProperties": False,
        }
    }
