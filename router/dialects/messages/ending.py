"""How an answer ended and what it took, in Anthropic's words."""

from __future__ import annotations

from typing import Any

from router.dialects.neutral import Ended, Usage

__all__ = ["stop_of", "usage_of"]


def stop_of(ended: Ended, *, called: bool, refused: bool) -> tuple[str, str | None]:
    """(`stop_reason`, `stop_sequence`). Clients run tools only at `tool_use`, so it is told wherever a whole call was
    made, though backends say `stop` to that; and nowhere else."""
    if ended.reason == "length":
        return "max_tokens", None
    if refused or ended.reason == "content_filter":
        return "refusal", None
    if called:
        return "tool_use", None
    if ended.reason == "stop" and ended.matched is not None:
        return "stop_sequence", ended.matched
    return "end_turn", None


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Anthropic's `input_tokens` are those that neither came from its cache nor went into it. What is not known is 0:
    clients add the four up."""
    if usage is None:
        usage = Usage(0, 0)
    cached, written = usage.cached or 0, usage.cache_write or 0
    told: dict[str, Any] = {
        "input_tokens": max(0, usage.input - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning is not None:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told
