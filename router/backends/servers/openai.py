"""The list of models, which every server has, with what some write beside each name.

vLLM's `max_model_len` is the context it serves (vllm/entrypoints/openai: `ModelCard`); `context_length` is that of the
model at OpenRouter and those who follow it, and of the whole window at a Signalbox; `meta.n_ctx` is a slot's context at
llama.cpp. `owned_by` tells llama.cpp ("llamacpp"), vLLM ("vllm"), LM Studio ("organization_owner"), Ollama (the
namespace of the model, "library" for its own: `ToListCompletion` in ollama's openai/openai.go), a Tofy server ("Tofy")
and a Signalbox apart, which lists its world models as a Tofy's and `auto` as its own.
"""

from __future__ import annotations

from typing import Any

from router.backends.servers.told import Told, number, parsed

__all__ = ["entries", "entry_of", "said_in_list", "server_of"]

MOST_MODELS = 1000

_OWNERS = {
    "llamacpp": "llama.cpp",
    "vllm": "vllm",
    "organization_owner": "lm-studio",
    "library": "ollama",
    "Tofy": "tofy",
    "signalbox": "signalbox",
}


def entries(status: int, body: bytes) -> list[dict[str, Any]]:
    """Of the list, those that have a name."""
    data = parsed(status, body).get("data")
    listed = data if isinstance(data, list) else []
    return [each for each in listed[:MOST_MODELS] if isinstance(each, dict) and isinstance(each.get("id"), str)]


def server_of(listed: list[dict[str, Any]]) -> str | None:
    """Which program serves these; None where they do not say."""
    owners = [each.get("owned_by") for each in listed]
    if "signalbox" in owners:
        return "signalbox"
    return next((_OWNERS[owner] for owner in owners if isinstance(owner, str) and owner in _OWNERS), None)


def entry_of(listed: list[dict[str, Any]], model: str | None) -> dict[str, Any]:
    """The model's entry: by its name, or the only one there is; {} where it is neither."""
    named = next((each for each in listed if each["id"] == model), None)
    return named or (listed[0] if len(listed) == 1 else {})


def said_in_list(listed: list[dict[str, Any]], model: str | None) -> Told:
    """Names, and of the model what its entry says."""
    entry = entry_of(listed, model)
    meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
    context = number(entry.get("max_model_len")) or number(entry.get("context_length")) or number(meta.get("n_ctx"))
    if context is None and isinstance(entry.get("parent"), str):  # an adapter of vLLM's: it runs in its base model
        base = next((each for each in listed if each["id"] == entry["parent"]), {})
        context = number(base.get("max_model_len"))
    return Told(
        server=server_of(listed),
        models=tuple(each["id"] for each in listed),
        context=context,
        trained=number(meta.get("n_ctx_train")),
    )
