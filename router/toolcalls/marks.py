"""How a repair is told, in the answer and in the record, and what a call looks like in OpenAI's shape."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from router.toolcalls.reading import Call

__all__ = ["ARGUMENTS", "FIELD", "called", "marked", "shaped"]

FIELD = "x_signalbox"
"""Of an answer, or of a chunk: what was done to it. Clients pass over fields they do not know."""
ARGUMENTS = "arguments"
"""Arguments that were nearly JSON."""


def called(wrapper: str, calls: Sequence[Call]) -> list[str]:
    """What was repaired where these calls were taken out of the text."""
    return [f"tool_call:{wrapper}", *([ARGUMENTS] if any(call.repaired for call in calls) else [])]


def marked(answer: dict[str, Any], marks: Sequence[str]) -> dict[str, Any]:
    """The answer, which says so."""
    said = answer.get(FIELD)
    return {**answer, FIELD: {**(said if isinstance(said, dict) else {}), "repaired": list(marks)}}


def shaped(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """In OpenAI's shape, each with an id of its own."""
    return [
        {
            "id": f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in calls
    ]
