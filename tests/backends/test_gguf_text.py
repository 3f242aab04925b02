"""Text as it may be shown, and the tool calls in it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from router.backends.llama.text import Text
from router.backends.llama.tools import ToolCalls


def shown(pieces: list[bytes], *stops: str) -> str:
    text = Text(stops)
    return "".join([*map(text.feed, pieces), text.close()])


def test_a_character_is_shown_when_its_last_byte_has_come() -> None:
    text = Text()
    assert [text.feed(bytes([byte])) for byte in "🚂".encode()] == ["", "", "", "🚂"]


def test_half_a_character_at_the_end_is_left_out() -> None:
    assert shown([b"a", b"\xf0\x9f"]) == "a"


def test_a_stop_sequence_across_three_tokens_is_not_shown() -> None:
    text = Text(["STOP"])
    assert [text.feed(piece) for piece in (b"go S", b"TO", b"P on")] == ["go ", "", ""]
    assert text.stopped


def test_what_only_began_like_a_stop_sequence_is_shown_after_all() -> None:
    assert shown([b"S", b"T", b"AY"], "STOP") == "STAY"


def test_the_first_of_several_stop_sequences_ends_the_text() -> None:
    assert shown([b"one two three"], "three", "two") == "one "


@given(st.text(), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.data())
def test_text_is_the_same_however_its_bytes_are_cut(whole: str, stops: list[str], data: st.DataObject) -> None:
    encoded = whole.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
    pieces = [encoded[a:b] for a, b in zip([0, *cuts], [*cuts, len(encoded)], strict=True)]
    found = [at for at in map(whole.find, stops) if at >= 0]
    # A stop sequence ends the text as soon as it is whole: of two that overlap, cutting may decide which is first.
    result = shown(pieces, *stops)
    assert result == whole if not found else whole.startswith(result) and not any(stop in result for stop in stops)


CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "é"}}\n</tool_call>'


def test_a_tool_call_is_taken_out_of_the_text() -> None:
    tools = ToolCalls()
    assert tools.feed(f"Let me see.\n{CALL}\n") + tools.close() == "Let me see."
    function = tools.calls[0]["function"]
    assert function["name"] == "look"
    assert json.loads(function["arguments"]) == {"at": "é"}


def test_two_calls_have_two_indexes_and_two_ids() -> None:
    tools = ToolCalls()
    assert tools.feed(CALL + "\n" + CALL) + tools.close() == ""
    assert [call["index"] for call in tools.calls] == [0, 1]
    assert tools.calls[0]["id"] != tools.calls[1]["id"]


def test_what_is_tagged_but_no_call_stays_text() -> None:
    tools = ToolCalls()
    assert tools.feed("<tool_call>not json</tool_call>") + tools.close() == "<tool_call>not json</tool_call>"
    assert tools.calls == []


def test_a_call_without_its_closing_tag_counts_when_it_is_whole() -> None:
    tools = ToolCalls()
    assert tools.feed('<tool_call>{"name": "look"}') + tools.close() == ""
    assert tools.calls[0]["function"]["arguments"] == "{}"


@given(st.lists(st.integers(0, len(CALL) + 8), max_size=8))
def test_calls_are_found_however_the_text_is_cut(cuts: list[int]) -> None:
    text = f"a <b {CALL} c"
    cuts = sorted(cuts)
    tools = ToolCalls()
    rest = [tools.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(rest) + tools.close() == "a <b  c"
    assert len(tools.calls) == 1
