"""From a usage object in a backend's own words to tokens by type.

Whose words: OpenAI's chat completions (`prompt_tokens` with details) and Responses (`input_tokens` with details),
Anthropic's Messages (`input_tokens` without what its cache read and wrote), DeepSeek's (`prompt_cache_hit_tokens`), and
LiteLLM's, which are OpenAI's with Anthropic's beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.telemetry.record import Tokens

__all__ = ["tokens_of"]

MOST = 1 << 40
"""A count beyond it is no count."""


def tokens_of(usage: Mapping[str, Any]) -> Tokens | None:
    """None where it tells of no token. What is not a count counts as nothing."""
    if "prompt_tokens" in usage:
        return _of_chat(usage)
    if "input_tokens" in usage or "output_tokens" in usage:
        return _of_messages(usage)
    return None


def _of_chat(usage: Mapping[str, Any]) -> Tokens:
    count, read, made = usage.get, _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    told, output = _count(count("prompt_tokens")), _count(count("completion_tokens"))
    reasoning = _count(made("reasoning_tokens"))
    # Gemini's thinking is in its total and in no part of it.
    hidden = _count(count("total_tokens")) - told - output
    if hidden > 0 and not reasoning and output:
        output, reasoning = output + hidden, hidden
    cached = _first(read("cached_tokens"), count("cache_read_input_tokens"), count("prompt_cache_hit_tokens"))
    written = _first(read("cache_write_tokens"), read("cache_creation_tokens"), count("cache_creation_input_tokens"))
    return Tokens(
        told,
        output,
        min(cached, told),
        min(written, max(0, told - cached)),
        min(reasoning, output),
        _count(read("audio_tokens")),
        _count(made("audio_tokens")),
        _count(read("image_tokens")),
    )


def _of_messages(usage: Mapping[str, Any]) -> Tokens:
    count, read, made = usage.get, _part(usage, "input_tokens_details"), _part(usage, "output_tokens_details")
    told, output = _count(count("input_tokens")), _count(count("output_tokens"))
    cached, written = _count(count("cache_read_input_tokens")), _count(count("cache_creation_input_tokens"))
    if cached or written:  # Anthropic's: what the cache read and wrote stands beside the input
        told += cached + written
    else:
        cached, written = min(_count(read("cached_tokens")), told), _count(read("cache_write_tokens"))
    return Tokens(
        told,
        output,
        cached,
        written,
        min(_count(made("reasoning_tokens")), output),
        _count(read("audio_tokens")),
        _count(made("audio_tokens")),
        _count(read("image_tokens")),
    )


def _part(usage: Mapping[str, Any], name: str) -> Any:
    details = usage.get(name)
    return details.get if isinstance(details, dict) else _NOTHING.get


_NOTHING: dict[str, Any] = {}


def _first(*values: object) -> int:
    return next((counted for value in values if (counted := _count(value))), 0)


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < MOST else 0
