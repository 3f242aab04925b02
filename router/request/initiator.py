"""Who began a request: a person with a turn, or an agent that goes on with its work."""

from __future__ import annotations

from typing import Literal

from router.request.background import background_call, background_prompt
from router.request.signals import Signals

__all__ = ["Initiator", "initiator"]

Initiator = Literal["user", "agent"]

_CHILDREN = ("x-parent-session-id", "x-openai-subagent")
"""Headers of sessions that an agent has begun: opencode's and Kilo's, Codex'."""


def initiator(signals: Signals) -> Initiator:
    """What the client says of itself (`x-initiator`), else what the turn is.

    `user` only where the last thing said is a turn of the user's own: no result of a tool, no picture out of one, no
    reminder of a harness, no title or summary, nothing that a subagent was given.
    """
    header = signals.envelope.headers.get
    if (said := header("x-initiator").strip().lower()) in ("user", "agent"):
        return "user" if said == "user" else "agent"
    if any(header(name) for name in _CHILDREN):
        return "agent"
    conversation = signals.conversation
    if not conversation.ends_with_turn:
        return "agent"
    background = background_call(lambda name: header(name), conversation.last_words)
    return "agent" if background or background_prompt(signals.system) else "user"
