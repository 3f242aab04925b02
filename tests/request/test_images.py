"""Old pictures become a short text; everything else stays as it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from router.request.images import REMOVED, without_images

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TEXT = {"type": "text", "text": "look"}
NOTE = {"type": "text", "text": REMOVED}


def test_history_keeps_the_pictures_of_the_latest_turn() -> None:
    data: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": [TEXT, IMAGE]},
            {"role": "assistant", "content": "a cat"},
            {"role": "user", "content": [IMAGE, {"type": "text", "text": "and this?"}]},
        ]
    }
    before = deepcopy(data)
    changed = without_images(data, "history")
    assert changed["messages"][0]["content"] == [TEXT, NOTE]
    assert changed["messages"][1:] == data["messages"][1:]
    assert data == before
    assert without_images(data, "all")["messages"][2]["content"][0] == NOTE


def test_a_picture_inside_a_tool_result_goes_too_in_each_dialect() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    anthropic = without_images({"messages": [{"role": "user", "content": [result]}]}, "all")
    assert anthropic["messages"][0]["content"][0] == {**result, "content": [NOTE]}
    output = {
        "type": "function_call_output",
        "call_id": "c",
        "output": [{"type": "input_image", "image_url": "data:x"}],
    }
    responses = without_images({"input": [output]}, "all")
    assert responses["input"][0]["output"] == [{"type": "input_text", "text": REMOVED}]


@pytest.mark.parametrize("data", [{}, {"messages": "x"}, {"input": "text"}, {"messages": [None, {"content": 3}, TEXT]}])
def test_nothing_changes_where_there_is_no_picture(data: dict[str, Any]) -> None:
    assert without_images(data, "all") == {}
