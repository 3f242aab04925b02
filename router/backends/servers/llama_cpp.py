"""llama.cpp's `llama-server` (tools/server/README.md of ggml-org/llama.cpp).

* `/health`: 503 `Loading model` until the model is there. The list of models is answered before that.
* `/props`: `default_generation_settings.n_ctx` is the context of a slot, `total_slots` their number, `modalities` what
  the model can see and hear, `is_sleeping` whether it has put its model out of memory.
* `/slots`: an entry for each slot. Asking counts as work there: it wakes a server that sleeps, which `/health`,
  `/props` and the list do not. So it is asked only where `/props` says nothing.
* In router mode (several models, none loaded at the start) what is known stands in the list: `status.value`,
  `architecture.input_modalities`, and once it is loaded `meta`. `/props?model=…` would load the model.

`llama_cpp.server` of llama-cpp-python is another program, and has none of these.
"""

from __future__ import annotations

from typing import Any

import orjson

from router.backends.servers.openai import entry_of
from router.backends.servers.told import Server, Told, number, parsed

__all__ = ["ask", "health", "props", "routed", "slots"]

LOADING = "is loading its model"


async def ask(server: Server, root: bytes, listed: list[dict[str, Any]], model: str | None) -> Told:
    """Raises WireError."""
    entry = entry_of(listed, model)
    if isinstance(entry.get("status"), dict) or (not entry and any("status" in each for each in listed)):
        if model is not None or entry:
            return routed(entry)
        return Told(here=next((each["id"] for each in listed if routed(each).loaded), None))
    fault = health(*await server.fetch(root + b"/health"))
    if fault is not None:
        return Told(fault=fault)
    said = props(*await server.fetch(root + b"/props"))
    return said if said.slots is not None else said.over(slots(*await server.fetch(root + b"/slots")))


def health(status: int, body: bytes) -> str | None:
    """Why it cannot serve; None when it can, or has no such page."""
    if status != 503:
        return None
    return LOADING if b"oading model" in body else "answers /health with status 503"


def props(status: int, body: bytes) -> Told:
    """`/props`."""
    said = parsed(status, body)
    settings = said.get("default_generation_settings")
    sleeping = said.get("is_sleeping")
    return Told(
        server="llama.cpp" if isinstance(settings, dict) else None,
        context=number(settings.get("n_ctx")) if isinstance(settings, dict) else None,
        slots=number(said.get("total_slots")),
        accepts=_senses(said.get("modalities")),
        loaded=not sleeping if isinstance(sleeping, bool) else None,
    )


def slots(status: int, body: bytes) -> Told:
    """`/slots`."""
    try:
        listed = orjson.loads(body) if status == 200 else None
    except ValueError:
        listed = None
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    contexts = {number(each.get("n_ctx")) for each in found}
    return Told(slots=number(len(found)), context=contexts.pop() if len(contexts) == 1 else None)


def routed(entry: dict[str, Any]) -> Told:
    """An entry of the list in router mode; `context` and `trained` are read like any list's."""
    status = entry.get("status")
    value = status.get("value") if isinstance(status, dict) else None
    shape = entry.get("architecture")
    inputs = shape.get("input_modalities") if isinstance(shape, dict) else None
    heard = (
        frozenset({"text", "image", "audio"} & {each for each in inputs if isinstance(each, str)})
        if isinstance(inputs, list)
        else frozenset[str]()
    )
    return Told(accepts=heard or None, loaded=value == "loaded" if isinstance(value, str) else None)


def _senses(modalities: Any) -> frozenset[str] | None:
    if not isinstance(modalities, dict):
        return None
    senses = {"text"}
    if modalities.get("vision") is True:
        senses.add("image")
    if modalities.get("audio") is True:
        senses.add("audio")
    return frozenset(senses)
