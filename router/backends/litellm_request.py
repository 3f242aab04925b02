"""What of a client's body reaches LiteLLM, and as what.

LiteLLM's functions take OpenAI's fields and its own switches in one list of arguments. Among the switches are the
address, the key and the fallbacks of a call: a client that could set them could have our key sent to a host of its
choice. So only fields on these lists become arguments.
"""

from __future__ import annotations

import json
from typing import Any

from router.backends.contract import BackendError

__all__ = ["arguments", "refuse_unsendable", "speaks_openai"]

_SHARED = frozenset(
    {"temperature", "top_p", "n", "stop", "max_tokens", "presence_penalty", "frequency_penalty", "logit_bias", "user"}
    | {"seed", "logprobs"}
)
FIELDS = {
    "/v1/chat/completions": _SHARED
    | {"messages", "functions", "function_call", "max_completion_tokens", "modalities", "prediction", "audio", "tools"}
    | {"response_format", "tool_choice", "parallel_tool_calls", "top_logprobs", "reasoning_effort", "thinking"}
    | {"web_search_options", "service_tier", "prompt_cache_key", "safety_identifier", "verbosity", "store"},
    "/v1/completions": _SHARED | {"prompt", "suffix", "best_of", "echo"},
    "/v1/embeddings": frozenset({"input", "dimensions", "encoding_format", "user"}),
}
"""What becomes an argument, by path."""
PROVIDER_FIELDS = frozenset({"top_k", "min_p", "repetition_penalty"})
"""No fields of OpenAI's, but taken by several providers under these names."""
_NEVER = frozenset({"model", "stream", "stream_options", "extra_body"})


def speaks_openai(litellm: Any, provider: str) -> bool:
    """True when LiteLLM sends fields it does not know on to this provider as they are."""
    return provider in ("openai", "azure", "text-completion-openai") or provider in litellm.openai_compatible_providers


def refuse_unsendable(data: dict[str, Any]) -> None:
    """Raises BackendError ("refused", 400) for a body on which LiteLLM fails while it rewrites it: its own error would
    look like one of the provider's."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        why = "it holds half a surrogate pair" if isinstance(error, UnicodeEncodeError) else "it is nested too deeply"
        raise BackendError("refused", f"the body cannot be sent on: {why}", status=400) from None
    messages = data.get("messages")
    if isinstance(messages, list) and not all(isinstance(message, dict) for message in messages):
        raise BackendError("refused", '"messages" must be a list of objects', status=400)


def arguments(path: str, data: dict[str, Any], *, openai: bool) -> dict[str, Any]:
    """The client's part of the arguments. Unknown fields go along where the provider speaks OpenAI's dialect
    (`openai`), and are left out where it would refuse the request for them."""
    fields = FIELDS[path]
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in data.items():
        if name in fields or (name in PROVIDER_FIELDS and not openai):
            if value is not None:
                known[name] = value
        elif name not in _NEVER:
            unknown[name] = value
    if openai and unknown:
        known["extra_body"] = unknown
    return known
