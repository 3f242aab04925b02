"""The JSON schema of rules files, with which editors complete, explain and check them."""

from __future__ import annotations

import json
from typing import Any

from router.config.conditions import definitions
from router.config.schema import Rules
from router.config.states import STATES

__all__ = ["schema", "schema_text"]

_VARIABLE = r"\$\{"


def schema() -> dict[str, Any]:
    """What pydantic checks and what the conditions accept, as one JSON schema (draft 2020-12)."""
    made = Rules.model_json_schema(mode="validation")
    definitions_here = made.pop("$defs")
    definitions_here.update(definitions())
    for model in [made, *definitions_here.values()]:
        _tidy(model)
    definitions_here["Route"]["properties"]["when"] = {
        "$ref": "#/$defs/Conditions",
        "description": "Conditions that must all hold; left out: always.",
    }
    _bare_duration(definitions_here)
    _bare_words(definitions_here)
    _bare_key(made)
    made["properties"]["guard"]["anyOf"] = [{"type": "boolean"}, {"$ref": made["properties"]["guard"].pop("$ref")}]
    _gguf_path(definitions_here["GgufBackend"])
    backends = made["properties"]["backends"]["additionalProperties"]
    # `oneOf` with a discriminator would demand `kind`, which is http when left out.
    backends["anyOf"] = backends.pop("oneOf")
    backends.pop("discriminator", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signalbox rules",
        **made,
        "patternProperties": {"^x-": {"description": "A place for YAML anchors; not looked at."}},
        "$defs": dict(sorted(definitions_here.items())),
    }


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(model: dict[str, Any]) -> None:
    """Without pydantic's titles and nulls, and with `${NAME}` allowed where a number or a boolean stands."""
    model.pop("title", None)
    for said in model.get("properties", {}).values():
        said.pop("title", None)
        if said.get("default", "") is None:
            del said["default"]
        choices = [choice for choice in said.get("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:
            del said["anyOf"]
            said.update(choices[0])
        for scalar in (said, *said.get("anyOf", ())):
            if scalar.get("type") in ("integer", "number", "boolean"):
                scalar.update(type=[scalar["type"], "string"], pattern=_VARIABLE)


def _bare_duration(models: dict[str, Any]) -> None:
    """`cache: 1h` says the `ttl` alone."""
    cache = models["Route"]["properties"]["cache"]
    cache["anyOf"] = [dict(models["Cache"]["properties"]["ttl"]), {"$ref": cache.pop("$ref")}]


def _bare_words(models: dict[str, Any]) -> None:
    """`to:` takes one or several, by name or as a mapping; `given:` takes a word for a state."""
    to, given = models["Route"]["properties"]["to"], models["Case"]["properties"]["given"]
    one = [{"type": "string"}, to.pop("items")]
    several = {"type": "array", "items": {"anyOf": one}, "minItems": to.pop("minItems")}
    del to["type"]
    to["anyOf"] = [*one, several]
    given["additionalProperties"] = {"anyOf": [{"enum": list(STATES)}, given["additionalProperties"]]}


def _bare_key(rules: dict[str, Any]) -> None:
    """`keys: {me: sha256:…}` says the `key` alone."""
    keys = rules["properties"]["keys"]
    keys["additionalProperties"] = {"anyOf": [{"type": "string"}, keys["additionalProperties"]]}


def _gguf_path(model: dict[str, Any]) -> None:
    """`path` may also be called `model`."""
    model["required"].remove("path")
    model["properties"]["model"] = {**model["properties"]["path"], "description": "another word for `path`"}
    model["anyOf"] = [{"required": ["path"]}, {"required": ["model"]}]
