"""The scripted model: what it says cannot be had but by answering."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.harnesses.driving import SCENARIOS
from tests.harnesses.install import CLIENTS, Client
from tests.harnesses.model import Call, Text, prompt, reply
from tests.harnesses.picture import png, size_of

READ = {"type": "object", "properties": {"filePath": {"type": "string"}}, "required": ["filePath"]}
SHELL = {
    "type": "object",
    "properties": {"commands": {"type": "array", "items": {"type": "string"}}, "risk": {"enum": ["LOW", "HIGH"]}},
    "required": ["commands", "risk"],
}


def asked(*messages: dict[str, Any], **tools: dict[str, Any]) -> dict[str, Any]:
    functions = [{"type": "function", "function": {"name": name, "parameters": tools[name]}} for name in tools]
    return {"messages": list(messages), "tools": functions}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_a_word_is_spelled_backwards_from_whatever_the_client_wraps_it_in() -> None:
    said = user([{"type": "text", "text": "<env/>"}, {"type": "text", "text": f'"{prompt("chat", "abc1", "")}"'}])
    assert reply(asked(said)) == Text("Backwards it is 1cba")


def test_a_file_is_read_with_the_tool_that_is_offered_and_its_arguments() -> None:
    said = user(prompt("tools", "", "/w/note.txt"))
    assert reply(asked(said, write=READ, read=READ)) == Call("read", {"filePath": "/w/note.txt"})
    assert reply(asked(said, run_commands=SHELL)) == Call(
        "run_commands", {"commands": ["cat /w/note.txt"], "risk": "LOW"}
    )


def test_what_was_in_the_file_is_known_only_from_the_result_of_the_tool() -> None:
    said = user(prompt("tools", "", "/w/note.txt"))
    called = {"role": "assistant", "content": None, "tool_calls": []}
    result = {"role": "tool", "content": [{"type": "text", "text": "1: The codeword is xyz9."}]}
    assert reply(asked(said, called, result, read=READ)) == Text("In the file, backwards, it is 9zyx")
    nothing = {"role": "tool", "content": "no such file"}
    assert reply(asked(said, called, nothing, read=READ)) == Text("The tool did not show me the file.")
    assert reply(asked(said, task=READ)) == Text("None of these tools reads files: task.")


def test_the_size_of_a_picture_is_read_out_of_the_picture() -> None:
    url = {"type": "image_url", "image_url": {"url": _data_url(png(47, 151))}}
    assert reply(asked(user([{"type": "text", "text": prompt("image", "", "")}, url]))) == Text("It is 47x151")
    assert reply(asked(user(prompt("image", "", "")))) == Text("I see no picture.")


def test_a_picture_that_was_changed_on_its_way_has_no_size() -> None:
    whole = png(47, 151)
    assert size_of(whole) == (47, 151)
    for broken in (whole[:-20], whole[:30] + b"\0" + whole[31:], b"GIF89a"):
        with pytest.raises(ValueError, match="PNG"):
            size_of(broken)


def test_a_jpeg_is_measured_past_its_other_segments() -> None:
    comment, frame = b"\xff\xfe\x00\x04hi", b"\xff\xc0\x00\x11\x08\x00\x97\x00\x2f" + b"\0" * 10
    assert size_of(b"\xff\xd8" + comment + frame) == (47, 151)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_each_client_is_pinned_and_called_somehow(client: Client) -> None:
    assert bool(client.npm) != bool(client.pip)
    assert client.version[0].isdigit()
    assert bool(client.run) != bool(client.script)
    assert set(client.lacks) | set(client.deviates) <= {*SCENARIOS, "title"}
    assert not set(client.lacks) & set(client.deviates)


def _data_url(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()
