"""A text with a gap: read from three forms, told in four, answered in the client's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from router.backends.contract import Answer, BackendError, Call, Events, Plain
from router.config.backend import HttpBackend as Spec
from router.config.facts import Facts
from router.endpoints.filled import Filled, Writer
from router.endpoints.filling import in_its_form, in_process
from router.endpoints.gap import Gap
from router.wire.sse import split_events

COMPLETION, COMPLETIONS, FIM, INFILL = "/v1/completion", "/v1/completions", "/v1/fim/completions", "/v1/infill"
ASKED: dict[str, dict[str, Any]] = {
    COMPLETIONS: {"prompt": "a(", "suffix": ")", "max_tokens": 9, "seed": 1, "stop": "\n"},
    FIM: {"prompt": "a(", "suffix": ")", "max_tokens": 9, "random_seed": 1, "stop": ["\n"]},
    INFILL: {"input_prefix": "a(", "input_suffix": ")", "n_predict": 9, "seed": 1, "stop": ["\n"]},
}


def told(path: str, data: dict[str, Any], server: str | None = None, **spec: Any) -> tuple[str, dict[str, Any]] | None:
    """Path and body as the server is sent them; None where they go as they came."""
    data = {"model": "m", **data}
    call = Call(path, orjson.dumps(data), data, stream=data.get("stream") is True)
    facts = Facts("a", "http", server=server)
    found = in_its_form(call, Spec(**{"url": "http://127.0.0.1:9/v1", **spec}), facts)
    if found is None:
        return None
    assert isinstance(found.call.body, bytes)
    sent = json.loads(found.call.body)
    assert sent == found.call.data
    return found.call.path, sent


@pytest.mark.parametrize("path", ASKED)
def test_each_form_reaches_llama_cpp_as_infill(path: str) -> None:
    where, body = told(path, ASKED[path], "llama.cpp") or ("", {})
    assert where == "/infill"
    said = {"input_prefix": "a(", "input_suffix": ")", "n_predict": 9, "seed": 1, "stop": ["\n"], "model": "m"}
    assert {name: body[name] for name in said} == said


@pytest.mark.parametrize("path", ASKED)
def test_each_form_reaches_ollama_with_a_suffix(path: str) -> None:
    found = told(path, ASKED[path], "ollama")
    if path == COMPLETIONS:
        assert found is None
    else:
        body = {"model": "m", "prompt": "a(", "suffix": ")", "max_tokens": 9, "seed": 1, "stop": ["\n"]}
        assert found == (COMPLETIONS, body)


@pytest.mark.parametrize("path", [COMPLETIONS, INFILL])
def test_mistral_is_sent_its_own_form(path: str) -> None:
    body = {"model": "m", "prompt": "a(", "suffix": ")", "max_tokens": 9, "random_seed": 1, "stop": ["\n"]}
    assert told(path, ASKED[path], url="https://codestral.mistral.ai/v1") == (FIM, body)
    assert told(FIM, ASKED[FIM], url="https://codestral.mistral.ai/v1") is None
    assert told(COMPLETIONS, ASKED[COMPLETIONS], url="https://not-mistral.ai/v1") is None


@pytest.mark.parametrize("path", ASKED)
def test_a_server_that_knows_no_suffix_is_sent_the_marks_of_the_model(path: str) -> None:
    where, body = told(path, {**ASKED[path], "model": "Qwen2.5-Coder-7B"}, "vllm") or ("", {})
    assert (where, body["prompt"]) == (COMPLETIONS, "<|fim_prefix|>a(<|fim_suffix|>)<|fim_middle|>")
    assert body["stop"][0] == "\n"
    assert "<|endoftext|>" in body["stop"]
    assert "suffix" not in body


def test_the_rules_stand_above_what_is_guessed() -> None:
    assert (told(FIM, ASKED[FIM], "llama.cpp", fill_in="codellama") or ("", {}))[1]["prompt"] == "<PRE> a( <SUF>) <MID>"
    assert (told(FIM, ASKED[FIM], None, fill_in="suffix") or ("",))[0] == COMPLETIONS


@pytest.mark.parametrize("path", ASKED)
def test_what_is_not_known_goes_as_it_came(path: str) -> None:
    assert told(path, ASKED[path]) is None
    assert told(path, ASKED[path], "vllm") is None


def test_a_completion_without_a_gap_is_left_alone() -> None:
    for data in ({"prompt": "a"}, {"prompt": "a", "suffix": ""}, {"prompt": ["a", "b"], "suffix": "c"}, {"suffix": 3}):
        assert told(COMPLETIONS, data, "llama.cpp") is None
    assert told("/v1/chat/completions", {"messages": []}, "llama.cpp") is None


def test_fields_nobody_here_knows_go_along() -> None:
    _, body = told(COMPLETIONS, {**ASKED[COMPLETIONS], "temperature": 0.2, "x": [1]}, "llama.cpp") or ("", {})
    assert (body["temperature"], body["x"]) == (0.2, [1])


@pytest.mark.parametrize(
    ("path", "data", "wrong"),
    [
        (FIM, {"prompt": 3}, "prompt"),
        (INFILL, {"input_prefix": []}, "input_prefix"),
        (INFILL, {"input_extra": {"text": ""}}, "input_extra"),
        (INFILL, {"input_extra": [{"filename": "a"}]}, r"input_extra\[0\]"),
        (COMPLETIONS, {"prompt": "a", "suffix": "b", "max_tokens": "9"}, "max_tokens"),
        (COMPLETIONS, {"prompt": "a", "suffix": "b", "stop": [1]}, "stop"),
    ],
)
def test_a_gap_that_cannot_be_read_is_refused_by_name(path: str, data: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BackendError, match=wrong) as error:
        told(path, data, "llama.cpp" if path != INFILL else "ollama")
    assert (error.value.reason, error.value.status) == ("refused", 400)


def test_a_backend_in_process_is_told_with_a_suffix() -> None:
    found = in_process(Call(INFILL, b"", {**ASKED[INFILL], "prompt": "b", "model": "m"}))
    assert found is not None
    assert (found.call.path, found.call.data["prompt"], found.call.data["suffix"]) == (COMPLETIONS, "a(b", ")")
    assert in_process(Call(COMPLETIONS, b"", ASKED[COMPLETIONS])) is None


TABBY = {
    "seed": 1_700_000_000_000,
    "prompt": "<PRE> a( <SUF>) <MID>",
    "n_predict": 64,
    "temperature": 0.1,
    "stream": True,
    "penalty_last_n": 0,
    "presence_penalty": 0.0,
}
CONTINUE = {
    "prompt": "<PRE> a( <SUF>) <MID>",
    "stream": True,
    "n_predict": 4096,
    "stop": ["<EOT>"],
    "temperature": 0.01,
}


@pytest.mark.parametrize("asked", [TABBY, CONTINUE], ids=["tabby", "continue"])
def test_a_prompt_with_its_marks_reaches_llama_cpp_as_it_came_and_others_as_a_plain_completion(
    asked: dict[str, Any],
) -> None:
    assert told(COMPLETION, asked, "llama.cpp") == ("/completion", {"model": "m", **asked})
    for server, spec in ((None, {}), ("vllm", {"fill_in": "qwen"}), ("ollama", {"fill_in": "suffix"})):
        where, body = told(COMPLETION, asked, server, **spec) or ("", {})
        assert (where, body["prompt"], body["max_tokens"]) == (COMPLETIONS, asked["prompt"], asked["n_predict"])
        assert body["stream_options"] == {"include_usage": True}
        assert not {"suffix", "n_predict"} & set(body)
        assert body.get("stop") == asked.get("stop")
    where, body = told(COMPLETION, asked, None, fill_in="fim") or ("", {})
    assert (where, body["prompt"], body.get("random_seed")) == (FIM, asked["prompt"], asked.get("seed"))


def test_a_completion_of_llama_cpp_s_whose_prompt_is_no_text_is_refused_elsewhere() -> None:
    assert told(COMPLETION, {"prompt": [1, 2]}, "llama.cpp") == ("/completion", {"model": "m", "prompt": [1, 2]})
    with pytest.raises(BackendError, match="prompt"):
        told(COMPLETION, {"prompt": [1, 2]}, "vllm")


@pytest.mark.parametrize("path", [FIM, INFILL, COMPLETION])
@pytest.mark.parametrize("limit", [{}, {"n_predict": -1}])
def test_what_has_no_limit_is_not_cut_by_the_16_tokens_of_a_plain_completion(path: str, limit: dict[str, int]) -> None:
    """In OpenAI's API a limit that is left out is 16; null is none."""
    for spec in ({"fill_in": "suffix"}, {"fill_in": "qwen"}):
        _, body = told(path, {"prompt": "a", **limit}, None, **spec) or ("", {})
        assert body["max_tokens"] is None
        assert "max_tokens" in body


LLAMA = [
    {"content": "b, ", "stop": False},
    {"content": "c", "stop": False},
    {"content": "", "stop": True, "stop_type": "limit", "tokens_evaluated": 5, "tokens_predicted": 2},
]
OPENAI = [
    {"choices": [{"index": 0, "text": "b, ", "finish_reason": None}]},
    {"choices": [{"index": 0, "text": "c", "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}},
]
MISTRAL = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "b, "}, "finish_reason": None}]},
    {
        "choices": [{"index": 0, "delta": {"content": "c"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    },
]


def stream(events: list[dict[str, Any]], cut: int) -> Answer:
    """In pieces of `cut` bytes."""
    body = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), cut):
            yield body[at : at + cut]

    return Events(pieces(), lambda: None)


async def heard(answer: Answer) -> bytes:
    out: list[bytes] = []
    await answer.pipe(out.append)
    return b"".join(out)


def chunks(body: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in body.split(b"\n\n") if line and line != b"data: [DONE]"]


@pytest.mark.parametrize("source", [LLAMA, OPENAI, MISTRAL], ids=["llama.cpp", "openai", "mistral"])
@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_a_stream_is_told_in_the_clients_form_wherever_it_is_cut(source: list[dict[str, Any]], cut: int) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    asked = Filled(stream(source, cut), Writer("suffix", "m", usage=True), stream=True)
    body = asyncio.run(heard(asked))
    assert body.endswith(b"data: [DONE]\n\n")
    *said, end, bill = chunks(body)
    assert "".join(chunk["choices"][0]["text"] for chunk in said) == "b, c"
    assert end["choices"][0]["finish_reason"] == "length"
    assert (bill["choices"], bill["usage"]) == ([], usage)

    *said, end = chunks(asyncio.run(heard(Filled(stream(source, cut), Writer("fim", "m"), stream=True))))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in said) == "b, c"
    assert (end["choices"][0]["finish_reason"], end["usage"]) == ("length", usage)

    *said, end = chunks(asyncio.run(heard(Filled(stream(source, cut), Writer("infill", "m"), stream=True))))
    assert "".join(chunk["content"] for chunk in said) == "b, c"
    assert (end["stop"], end["stop_type"], end["tokens_predicted"]) == (True, "limit", 2)


def test_an_event_that_comes_in_many_pieces_is_searched_for_its_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(data: bytes) -> tuple[list[bytes], bytes]:
        looked.append(len(data))
        return split_events(data)

    monkeypatch.setattr("router.endpoints.filled.split_events", counted)
    long = [{"content": "b" * 100_000, "stop": False}, *LLAMA]
    body = asyncio.run(heard(Filled(stream(long, 100), Writer("infill", "m"), stream=True)))
    assert len(chunks(body)[0]["content"]) == 100_000
    assert len(looked) < 20


def test_a_stream_that_breaks_off_is_not_told_as_ended() -> None:
    with pytest.raises(BackendError, match="proper end"):
        asyncio.run(heard(Filled(stream(LLAMA[:2], 9), Writer("suffix", "m"), stream=True)))


def test_a_whole_answer_is_told_in_the_clients_form_and_an_error_as_it_came() -> None:
    last = Plain(orjson.dumps({**LLAMA[2], "content": "b"}))
    said = json.loads(asyncio.run(Filled(last, Writer("fim", "m"), stream=False).read()))
    assert said["choices"][0]["message"]["content"] == "b"
    assert said["usage"]["total_tokens"] == 7
    error = b'{"error": {"message": "Infill is not supported by this model"}}'
    assert asyncio.run(Filled(Plain(error, 501), Writer("fim", "m"), stream=True).read()) == error
    with pytest.raises(BackendError, match="no JSON"):
        asyncio.run(Filled(Plain(b"oops"), Writer("fim", "m"), stream=False).read())


def test_a_negative_limit_of_llama_cpp_is_no_limit() -> None:
    gap = Gap.of(INFILL, {"n_predict": -1})
    assert gap is not None
    assert gap.told("suffix")[1]["max_tokens"] is None
    assert gap.told("infill")[1]["n_predict"] == -1
