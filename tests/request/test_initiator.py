from __future__ import annotations

from typing import Any

import pytest

from router.request.envelope import Envelope
from router.request.initiator import initiator
from router.request.signals import Signals

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
USER = {"role": "user", "content": "Fix it"}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "done"}]}
USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "run", "input": {}}]}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "done"}
CALL = {"type": "function_call", "call_id": "c", "name": "run", "arguments": "{}"}
WORDS = {"type": "text", "text": "And then?"}


@pytest.mark.parametrize(
    ("path", "body", "who"),
    [
        (CHAT, {"messages": [USER]}, "user"),
        (CHAT, {"messages": [USER, {"role": "system", "content": "Be brief."}]}, "user"),  # Aider's last message
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "So"}]}, "agent"),
        (CHAT, {"messages": []}, "user"),
        (MESSAGES, {"messages": [USER, USED, RESULT]}, "agent"),
        (MESSAGES, {"messages": [USER, USED, {**RESULT, "content": [*RESULT["content"], WORDS]}]}, "user"),
        (RESPONSES, {"input": "Fix it"}, "user"),
        (RESPONSES, {"input": [USER, CALL, OUTPUT]}, "agent"),
    ],
)
def test_a_request_was_begun_by_who_spoke_last(path: str, body: dict[str, Any], who: str) -> None:
    assert initiator(Signals(Envelope(path, body))) == who
