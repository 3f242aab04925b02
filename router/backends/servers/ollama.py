"""Ollama (docs/api.md and docs/context-length.mdx of ollama/ollama).

* `/api/ps`: the models in memory, each with the `context_length` it was loaded with. That is what a prompt is silently
  cut to, and seldom what the model was trained with: by default it depends on the memory of the machine.
* `/api/show`: `model_info["ARCHITECTURE.context_length"]` is what the model was trained with, `parameters` holds the
  `num_ctx` that its Modelfile loads it with, `capabilities` are of completion, tools, vision, embedding, …
  (types/model/capability.go). Showing a model does not load it.

Tools are refused there by a model that lacks the capability, so it says what the gates ask.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from router.backends.servers.told import Server, Told, number, parsed

__all__ = ["ask", "ps", "show"]

EMBEDDINGS = frozenset({"/v1/embeddings"})
MOST_SHOWN = 3

_NUM_CTX = re.compile(r"^\s*num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


async def ask(server: Server, root: bytes, listed: list[dict[str, Any]], model: str | None) -> Told:
    """Raises WireError."""
    name = model or (listed[0]["id"] if len(listed) == 1 else None)
    if name is None:
        return Told(server="ollama", here=await _here(server, root))
    here = ps(*await server.fetch(root + b"/api/ps"), name)
    return here.over(show(*await server.fetch(root + b"/api/show", orjson.dumps({"model": name}))))


async def _here(server: Server, root: bytes) -> str | None:
    """The first of the models in memory that is there to chat with."""
    running = parsed(*await server.fetch(root + b"/api/ps")).get("models")
    for each in running[:MOST_SHOWN] if isinstance(running, list) else ():
        name = each.get("model") if isinstance(each, dict) else None
        if isinstance(name, str):
            said = parsed(*await server.fetch(root + b"/api/show", orjson.dumps({"model": name})))
            able = said.get("capabilities")
            if isinstance(able, list) and "completion" in able:
                return name
    return None


def ps(status: int, body: bytes, model: str) -> Told:
    """`/api/ps`: whether the model is in memory, and with which context."""
    running = parsed(status, body).get("models")
    if not isinstance(running, list):
        return Told()
    for each in running:
        if isinstance(each, dict) and _full(model) in (_full(each.get("model")), _full(each.get("name"))):
            return Told(server="ollama", loaded=True, context=number(each.get("context_length")))
    return Told(server="ollama", loaded=False)


def show(status: int, body: bytes) -> Told:
    """`/api/show`."""
    said = parsed(status, body)
    info, able, parameters = said.get("model_info"), said.get("capabilities"), said.get("parameters")
    trained = None
    if isinstance(info, dict):
        trained = number(info.get(f"{info.get('general.architecture')}.context_length"))
    set_to = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    told = Told(context=number(int(set_to[1])) if set_to is not None else None, trained=trained)
    return (
        _abilities(frozenset(each for each in able if isinstance(each, str))).over(told)
        if isinstance(able, list) and able
        else told
    )


def _abilities(able: frozenset[str]) -> Told:
    senses = {"text"} | ({"image"} if "vision" in able else set()) | ({"audio"} if "audio" in able else set())
    embeds = "embedding" in able and "completion" not in able
    return Told(accepts=frozenset(senses), tools="tools" in able, endpoints=EMBEDDINGS if embeds else None)


def _full(name: Any) -> str | None:
    """With its tag, which is `latest` where none is said."""
    if not isinstance(name, str):
        return None
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
