"""How much the model shall think, and what the client wants to hear of it.

| `thinking` | `output_config.effort` | `reasoning_effort` |
| --- | --- | --- |
| `disabled` | any | `none` |
| any other | `low`, `medium`, `high` | the same |
| any other | `xhigh`, `max` | `high`, which all that know the field take |
| `enabled`, `budget_tokens` up to 4,096 | none | `low` |
| `enabled`, up to 16,384 | none | `medium` |
| `enabled`, more | none | `high` |
| `adaptive`, `between_tools`, absent | none | none: the model decides |

Clients that have three grades of thinking ask for 4,000, 10,000 and 31,999 tokens: one of each.
"""

from __future__ import annotations

from typing import Any, Literal

from router.dialects.messages.field import fields, whole_number, wrong

__all__ = ["Thoughts", "effort_of", "told_of"]

Thoughts = Literal["told", "omitted", "hidden"]
"""`omitted`: blocks are told without their text (`thinking.display`). `hidden`: there are none, if the model thinks all
the same (`disabled`). In place of what is not told there are pings, so that a silent stream is not given up."""

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_LOW, _MEDIUM = 4096, 16384
"""Tokens of `budget_tokens`."""


def effort_of(data: dict[str, Any]) -> str | None:
    """`reasoning_effort` of a body. Raises Unreadable."""
    thinking = fields(data.get("thinking"), "thinking")
    asked = fields(data.get("output_config"), "output_config").get("effort")
    if asked is not None and (not isinstance(asked, str) or asked not in _EFFORTS):
        raise wrong("output_config.effort", f"must be one of {', '.join(_EFFORTS)}")
    budget = whole_number(thinking.get("budget_tokens"), "thinking.budget_tokens")
    if thinking.get("type") == "disabled":
        return "none"
    if asked is not None:
        return _EFFORTS[asked]
    if thinking.get("type") != "enabled" or budget is None:
        return None
    return "low" if budget <= _LOW else "medium" if budget <= _MEDIUM else "high"


def told_of(data: dict[str, Any]) -> Thoughts:
    """What the client is told of thoughts. Raises Unreadable."""
    thinking = fields(data.get("thinking"), "thinking")
    if thinking.get("type") == "disabled":
        return "hidden"
    return "omitted" if thinking.get("display") == "omitted" else "told"
