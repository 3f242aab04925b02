"""What a model can do, in the words that clients look for in a list of models.

One fact has many names, since each server chose its own and clients read those of the server they were written for.
Every name that is told has the meaning which its inventor gave it:

* `context_length` (OpenRouter, Together), `context_window` (Groq), `max_model_len` (vLLM), `max_context_length`
  (Mistral, LM Studio), `meta.n_ctx` (llama.cpp), `top_provider.context_length` (OpenRouter): tokens of prompt and
  answer together. Clients that fill their own settings from a list read one of these, each in an order of its own.
* `max_input_tokens` (LiteLLM, Anthropic): tokens of the prompt alone. Told only where the provider states such a limit;
  a client that saw a server's whole window there, and took the answer off it, would halve it.
* `max_output_tokens` (LiteLLM), `max_completion_tokens` (Groq), `top_provider.max_completion_tokens` (OpenRouter): most
  tokens of an answer. `max_tokens` means the window to some and the answer to others, and is not told.
* `architecture`, `supported_parameters` (OpenRouter), `input_modalities`: what a request may hold.
* `capabilities` (Mistral's words `completion_chat`, `completion_fim`, `function_calling`, `vision`; and `tools`,
  `json_schema` as the rules have them).

It is the window that a request can count on. What a model was trained with is not told: clients take it for that.
"""

from __future__ import annotations

from typing import Any

from router.config.facts import MODALITIES, Facts

__all__ = ["about"]

_CHATS = frozenset({"/v1/chat/completions"})
_FILLS = frozenset({"/v1/completions", "/v1/fim/completions", "/v1/infill"})
_OUTPUTS = {
    "text": _CHATS | _FILLS | {"/v1/responses", "/v1/messages", "/v1/audio/transcriptions", "/v1/audio/translations"},
    "audio": frozenset({"/v1/audio/speech"}),
    "embeddings": frozenset({"/v1/embeddings"}),
    "image": frozenset({"/v1/images/generations"}),
}
_ALWAYS = ("max_tokens", "stop", "stream", "temperature", "top_p")
"""Fields of chat completions that every server takes."""


def about(several: list[Facts]) -> dict[str, Any]:
    """What can be told of a name behind which one of these backends answers."""
    accepts = frozenset[str]().union(*(facts.accepts for facts in several))
    inputs = [modality for modality in MODALITIES if modality in accepts]
    outputs = _outputs(several)
    chats = [facts for facts in several if _serves(facts, _CHATS)]
    able = {
        "completion_chat": bool(chats),
        "completion_fim": any(_serves(facts, _FILLS) for facts in several),
        "function_calling": any(facts.tools for facts in chats),
        "tools": any(facts.tools for facts in chats),
        "json_schema": any(facts.json for facts in chats),
        "vision": "image" in accepts,
    }
    told = {
        "input_modalities": inputs,
        "architecture": {
            "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}",
            "input_modalities": inputs,
            "output_modalities": outputs,
        },
        "capabilities": able,
    }
    if chats:
        told["supported_parameters"] = _parameters(able)
    return told | _sizes(several)


def _outputs(several: list[Facts]) -> list[str]:
    """Of a server that does not say what it serves, text can be counted on and no more."""
    named = [facts.endpoints for facts in several if facts.endpoints is not None]
    found = [kind for kind, paths in _OUTPUTS.items() if any(paths & each for each in named)]
    return found if found and len(named) == len(several) else ["text", *(kind for kind in found if kind != "text")]


def _serves(facts: Facts, paths: frozenset[str]) -> bool:
    return facts.endpoints is None or not paths.isdisjoint(facts.endpoints)


def _parameters(able: dict[str, bool]) -> list[str]:
    names = [*_ALWAYS]
    if able["tools"]:
        names += ["tool_choice", "tools"]
    if able["json_schema"]:
        names += ["response_format", "structured_outputs"]
    return sorted(names)


def _sizes(several: list[Facts]) -> dict[str, Any]:
    widest = max((facts for facts in several if facts.context), key=lambda facts: facts.context or 0, default=None)
    longest = max((facts.max_output for facts in several if facts.max_output), default=None)
    told: dict[str, Any] = {}
    top: dict[str, Any] = {}
    if widest is not None:
        size = widest.context
        told = dict.fromkeys(("context_length", "context_window", "max_model_len", "max_context_length"), size)
        told["meta"] = {"n_ctx": size}
        top["context_length"] = size
        if widest.states_input:
            told["max_input_tokens"] = size
    if longest is not None:
        told |= dict.fromkeys(("max_output_tokens", "max_completion_tokens"), longest)
        top["max_completion_tokens"] = longest
    return told | ({"top_provider": top} if top else {})
