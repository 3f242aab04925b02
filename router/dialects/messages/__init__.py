"""Anthropic's Messages, for backends that speak chat completions only."""

from router.dialects.messages.dialect import Messages

__all__ = ["Messages"]
