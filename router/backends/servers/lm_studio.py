"""LM Studio (developer/rest of lmstudio-ai/docs: `/api/v1/models` from 0.4.0 on, `/api/v0/models` before).

* v1: `loaded_instances[].config` has the `context_length` an instance was loaded with and the requests it takes at once
  (`parallel`); `max_context_length` is the most the model supports; `capabilities.vision`; `type` "llm" or "embedding".
* v0: `state` "loaded" or "not-loaded", `loaded_context_length` beside `max_context_length`, `type` "llm", "vlm" or
  "embeddings".

`trained_for_tool_use: false` rejects nothing: LM Studio offers tools to every model, in a format of its own where the
model knows none (developer/tools). A page that it does not know is answered with 200 and an error.
"""

from __future__ import annotations

from typing import Any

from router.backends.servers.told import Server, Told, number, parsed

__all__ = ["ask", "v0_models", "v1_models"]

EMBEDDINGS = frozenset({"/v1/embeddings"})
SEES, READS = frozenset({"text", "image"}), frozenset({"text"})


async def ask(server: Server, root: bytes, listed: list[dict[str, Any]], model: str | None) -> Told:
    """Raises WireError."""
    name = model or (listed[0]["id"] if len(listed) == 1 else None)
    said = v1_models(*await server.fetch(root + b"/api/v1/models"), name)
    return said if said.server is not None else v0_models(*await server.fetch(root + b"/api/v0/models"), name)


def v1_models(status: int, body: bytes, model: str | None) -> Told:
    """`/api/v1/models`; `server` is None where it has no such page."""
    models = parsed(status, body).get("models")
    listed = [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []
    listed = [each for each in listed if isinstance(each.get("loaded_instances"), list)]
    if not listed:
        return Told()
    for each in listed:
        instances = [one for one in each["loaded_instances"] if isinstance(one, dict)]
        mine = [one for one in instances if one.get("id") == model]
        if model is not None and (mine or each.get("key") == model):
            return _of_instances(mine or instances).over(_of_model(each))
    chats = (one for each in listed if each.get("type") == "llm" for one in each["loaded_instances"])
    return Told(server="lm-studio", here=_name(next(chats, None)) if model is None else None)


def v0_models(status: int, body: bytes, model: str | None) -> Told:
    """`/api/v0/models`; `server` is None where it has no such page."""
    data = parsed(status, body).get("data")
    listed = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    if not any("state" in each for each in listed):  # of another server, which answers here as it does elsewhere
        return Told()
    for each in listed:
        if each.get("id") == model and model is not None:
            kind, state = each.get("type"), each.get("state")
            return Told(
                server="lm-studio",
                context=number(each.get("loaded_context_length")),
                trained=number(each.get("max_context_length")),
                accepts={"vlm": SEES, "llm": READS}.get(kind) if isinstance(kind, str) else None,
                endpoints=EMBEDDINGS if kind == "embeddings" else None,
                loaded=state == "loaded" if isinstance(state, str) else None,
            )
    chats = (each for each in listed if each.get("state") == "loaded" and each.get("type") in ("llm", "vlm"))
    return Told(server="lm-studio", here=_name(next(chats, None)) if model is None else None)


def _name(entry: Any) -> str | None:
    name = entry.get("id") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _of_instances(instances: list[dict[str, Any]]) -> Told:
    """What those that may get the request have in common."""
    configs = [one["config"] for one in instances if isinstance(one.get("config"), dict)]
    contexts = {number(config.get("context_length")) for config in configs}
    at_once = {number(config.get("parallel")) for config in configs}
    return Told(
        loaded=bool(instances),
        context=contexts.pop() if len(contexts) == 1 else None,
        slots=at_once.pop() if len(at_once) == 1 else None,
    )


def _of_model(entry: dict[str, Any]) -> Told:
    able = entry.get("capabilities")
    sees = able.get("vision") if isinstance(able, dict) else None
    return Told(
        server="lm-studio",
        trained=number(entry.get("max_context_length")),
        accepts=(SEES if sees else READS) if isinstance(sees, bool) else None,
        endpoints=EMBEDDINGS if entry.get("type") == "embedding" else None,
    )
