"""The conversation is found in every dialect: who says what, what is shown, where the user's own words are."""

from __future__ import annotations

import pytest

from tests.request.bodies import PNG, anthropic, chat, responses, signals

IMAGE_URL = {"type": "image_url", "image_url": {"url": PNG}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


@pytest.mark.parametrize(
    "found",
    [
        signals(chat(("user", [{"type": "text", "text": "what?"}, IMAGE_URL]))),
        signals(chat(("user", [{"type": "image_url", "image_url": PNG}]))),
        signals(chat(("user", [IMAGE_URL]), ("assistant", "a cat"), ("user", "and now?"))),
        signals(chat(("user", "look"), ("assistant", None), ("tool", [{"type": "text", "text": "ok"}, IMAGE_URL]))),
        signals(chat(("user", [{"type": "file", "file": {"file_data": PNG, "filename": "a.png"}}]))),
        responses({"role": "user", "content": [{"type": "input_image", "image_url": PNG}]}),
        responses({"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}),
        responses(
            {"role": "user", "content": "look"},
            {"type": "function_call", "call_id": "1", "name": "view_image", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_image", "image_url": PNG}]},
        ),
        responses({"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PNG}}),
        anthropic(("user", [BLOCK, {"type": "text", "text": "what?"}])),
        anthropic(("user", [{"type": "tool_result", "tool_use_id": "1", "content": [BLOCK]}])),
    ],
)
def test_an_image_anywhere_in_the_request_counts_as_an_image(found) -> None:
    assert found.image is True
    assert found.audio is False
    assert found.file is False


@pytest.mark.parametrize(
    "found",
    [
        signals(chat(("user", "look at this image: image.png"))),
        signals(chat(("user", [{"type": "text", "text": "[Unsupported image file: a.png]"}]))),
        signals(chat(("user", [{"type": "image_url", "image_url": {"url": ""}}]))),
        signals(chat(("user", [{"type": "image_url"}]))),
        signals(chat(("tool", "Image read successfully"))),
        signals(chat(("user", f"what is {PNG}?"))),
        signals({"prompt": "a picture of a cat"}, "/v1/images/generations"),
    ],
)
def test_words_about_an_image_are_no_image(found) -> None:
    assert found.image is False


def test_audio_and_files_are_told_apart() -> None:
    audio = signals(chat(("user", [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}])))
    assert (audio.image, audio.audio, audio.file) == (False, True, False)
    pdf = responses(
        {"role": "user", "content": [{"type": "input_file", "file_data": "data:application/pdf;base64,AA=="}]}
    )
    assert (pdf.image, pdf.audio, pdf.file) == (False, False, True)
    document = anthropic(("user", [{"type": "document", "source": {"type": "base64", "data": "AA=="}}]))
    assert (document.image, document.audio, document.file) == (False, False, True)


def test_the_system_prompt_is_joined_from_wherever_it_stands() -> None:
    assert signals(chat(("system", "one"), ("user", "hi"), ("developer", "two"))).system == "one\ntwo"
    assert signals(chat(("system", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))).system == "a\nb"
    assert responses({"role": "developer", "content": "two"}, instructions="one").system == "one\ntwo"
    assert anthropic(("user", "hi"), system=[{"type": "text", "text": "one"}]).system == "one"
    assert signals(chat(("user", "hi"))).system == ""


def test_the_text_is_the_latest_user_turn_in_every_dialect() -> None:
    assert (
        signals(chat(("user", "first"), ("assistant", "ok"), ("user", "second"), ("system", "last"))).text == "second"
    )
    assert (
        responses({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}).text == "hi"
    )
    assert signals({"input": "plain"}, "/v1/responses").text == "plain"
    assert anthropic(("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])).text == "a\nb"
    assert signals({"prompt": "once upon"}, "/v1/completions").text == "once upon"
    assert signals({"input": ["a", "b"]}, "/v1/embeddings").text == "a\nb"
    assert signals({"query": "q", "documents": ["d"]}, "/v1/rerank").text == "q"


def test_tool_results_leave_the_text_at_the_turn_they_belong_to() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "read"}}]}
    body = chat(("user", "read it"))
    body["messages"] += [call, {"role": "tool", "tool_call_id": "1", "content": "contents"}]
    assert signals(body).text == "read it"
    assert signals(body).tool_loop is True
    body["messages"] += [{"role": "assistant", "content": "done"}, {"role": "user", "content": "thanks"}]
    assert signals(body).text == "thanks"
    assert signals(body).tool_loop is False


def test_tool_results_are_seen_in_every_dialect() -> None:
    assert responses({"role": "user", "content": "go"}, {"type": "function_call_output", "output": "x"}).tool_loop
    assert responses({"role": "user", "content": "go"}, {"type": "custom_tool_call_output", "output": "x"}).tool_loop
    result = {"type": "tool_result", "tool_use_id": "1", "content": "x"}
    reminder = {"type": "text", "text": "<system-reminder>be careful</system-reminder>"}
    assert anthropic(("user", "go"), ("assistant", []), ("user", [result, reminder])).tool_loop
    asked = anthropic(("user", "go"), ("assistant", []), ("user", [result, {"type": "text", "text": "and the other?"}]))
    assert not asked.tool_loop
    assert asked.text == "and the other?"


@pytest.mark.parametrize(
    "content", [[IMAGE_URL], [{"type": "text", "text": "Attached media from tool result:"}, IMAGE_URL]]
)
def test_a_picture_that_a_tool_returned_is_no_user_turn(content: list[object]) -> None:
    found = signals(
        chat(("user", "what colour?"), ("assistant", ""), ("tool", "Image read successfully"), ("user", content))
    )
    assert found.text == "what colour?"
    assert found.turns == 1
    assert found.tool_loop is True
    assert found.image is True


def test_a_picture_without_words_is_a_turn() -> None:
    found = signals(chat(("user", "hi"), ("assistant", "hello"), ("user", [IMAGE_URL])))
    assert (found.text, found.turns, found.tool_loop) == ("", 2, False)


def test_only_real_user_turns_are_counted() -> None:
    body = chat(
        ("user", "<environment_context><cwd>/x</cwd></environment_context>"),
        ("user", "fix it"),
        ("assistant", "done"),
        (
            "user",
            "Continue if you have next steps, or stop and ask for clarification if you are unsure how to proceed.",
        ),
        ("assistant", "no"),
        ("user", "now the tests"),
    )
    assert signals(body).turns == 2
    assert signals(chat()).turns == 0


def test_an_old_turn_is_found_behind_what_the_client_added() -> None:
    found = signals(chat(("user", "fix it"), ("assistant", "ok"), ("user", "[SUGGESTION MODE: what next?]")))
    assert found.text == "fix it"
