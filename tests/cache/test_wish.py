"""What a request may ask of the cache, and what its route allows."""

from __future__ import annotations

from typing import Any

import pytest

from router.cache.wish import allows, wish_of, without_wish
from router.config.schema import Cache as Policy
from router.refusal import Refusal
from router.request.edit import REMOVE
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "hi"}
TOOL_TURN = [
    USER,
    {
        "role": "assistant",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "done"},
]


@pytest.mark.parametrize(
    ("control", "field", "wish"),
    [
        ("", None, "use"),
        ("max-age=60", None, "use"),
        ("no-cache", None, "refresh"),
        ("No-Cache, private", None, "refresh"),
        ("max-age=0", None, "refresh"),
        ("no-store", None, "bypass"),
        ("no-cache, no-store", None, "bypass"),
        ("", {"cache": "refresh"}, "refresh"),
        ("", {"cache": "bypass"}, "bypass"),
        ("no-store", {"cache": "refresh"}, "refresh"),
        ("", {"world": True}, "use"),
        ("", "anything", "use"),
    ],
)
def test_header_and_field_are_understood(control: str, field: Any, wish: str) -> None:
    data = {"messages": [USER]} | ({} if field is None else {"signalbox": field})
    assert wish_of(Envelope(CHAT, data, Headers.of({"Cache-Control": control} if control else {}))) == wish


def test_a_word_that_is_not_known_is_told() -> None:
    with pytest.raises(Refusal, match='is "bypass" or "refresh"') as caught:
        wish_of(Envelope(CHAT, {"signalbox": {"cache": "never"}}))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ({"cache": "bypass"}, {"signalbox": REMOVE}),
        ({"cache": "bypass", "world": True}, {"signalbox": {"world": True}}),
        ({"world": True}, {}),
        ("text", {}),
    ],
)
def test_only_the_wish_is_taken_out(field: Any, change: dict[str, Any]) -> None:
    assert without_wish({"signalbox": field}) == change


@pytest.mark.parametrize(
    ("policy", "path", "data", "may"),
    [
        ({}, CHAT, {}, True),
        ({}, "/v1/embeddings", {"input": "x"}, True),
        ({}, "/v1/audio/speech", {"input": "x"}, False),
        ({}, CHAT, {"stream": True}, True),
        ({"streams": False}, CHAT, {"stream": True}, False),
        ({"streams": False}, CHAT, {}, True),
        ({}, CHAT, {"temperature": 0}, True),
        ({}, CHAT, {"temperature": 0.1}, False),
        ({"sampled": True}, CHAT, {"temperature": 0.1}, True),
        ({}, CHAT, {"messages": TOOL_TURN}, False),
        ({"tool_turns": True}, CHAT, {"messages": TOOL_TURN}, True),
        ({}, "/v1/responses", {"input": "hi"}, True),
        ({}, "/v1/responses", {"input": "hi", "background": True}, False),
        ({}, "/v1/responses", {"input": "hi", "conversation": "c"}, False),
    ],
)
def test_sampling_tool_turns_and_streams_are_kept_as_the_route_says(
    policy: dict[str, Any], path: str, data: dict[str, Any], may: bool
) -> None:
    data = {"messages": [USER], **data} if path == CHAT else data
    assert allows(Policy(ttl=60, **policy), Signals(Envelope(path, data)), data) is may


def test_only_posts_are_kept() -> None:
    envelope = Envelope("/v1/responses", {}, method="GET")
    assert allows(Policy(ttl=60), Signals(envelope), {}) is False
