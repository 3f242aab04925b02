"""What the YAML may say of a backend that does not take every request."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from router.config.written import Strict

__all__ = ["NOT_DROPPED", "Repair", "System", "TokensField"]

System = Literal["any", "one", "hoist", "none"]
TokensField = Literal["max_tokens", "max_completion_tokens"]

NOT_DROPPED = frozenset({"messages", "model", "prompt", "stream", "tools", "tool_choice", "functions", "function_call"})
"""Fields without which it would be another request."""
_PARTS_KEPT = frozenset(
    {"messages[].role", "messages[].content", "messages[].tool_calls", "messages[].tool_call_id"}
    | {"tools[].type", "tools[].function", "tools[].parameters"}
)
_FIELD = re.compile(r"(?:(?:tools|messages)\[\]\.)?[A-Za-z_][A-Za-z0-9_]{0,63}")


def _droppable(name: str) -> str:
    if name in NOT_DROPPED or name in _PARTS_KEPT:
        raise ValueError(f"`{name}` cannot be dropped: without it, it would be another request")
    if _FIELD.fullmatch(name) is None:
        raise ValueError("a field of the body, such as `store`, or of its parts: `tools[].strict`, `messages[].name`")
    return name


class Repair(Strict):
    """How requests for chat completions are changed so that a backend takes them."""

    developer: bool = Field(True, description="false: it takes no role `developer`, which becomes `system`")
    system: System = Field(
        "any",
        description="system messages: any; one: those at the beginning become one, later ones part of the user's text; "
        "hoist: later ones are joined to the first; none: all become part of the user's text",
    )
    alternate: bool = Field(
        False, description="true: users and assistants must take turns; messages in a row become one"
    )
    parts: bool = Field(True, description="false: content must be a text; a list of text parts becomes one")
    tokens_field: TokensField | None = Field(
        None, description="the only field it takes for the length of the answer; left out: as the client says"
    )
    drop: list[Annotated[str, AfterValidator(_droppable)]] = Field(
        default_factory=list, description="fields it refuses: `store`, `tools[].strict`, `messages[].name`"
    )
