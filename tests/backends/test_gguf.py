"""llama.cpp in this process, for real, on a model of half a megabyte."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.backends import gguf
from router.backends.contract import BackendError, Call, Events
from router.backends.gguf import GgufBackend
from router.config.backend import GgufBackend as Spec
from router.config.facts import Facts
from tests import tiny_gguf

pytestmark = [pytest.mark.anyio, pytest.mark.real]
pytest.importorskip("llama_cpp")

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
NO_END = {str(tiny_gguf.EOS): -100}
TAGGED = tiny_gguf.CHAT_TEMPLATE + "{# <tool_call> #}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@asynccontextmanager
async def running(path: Path, **settings: Any) -> AsyncIterator[GgufBackend]:
    backend = GgufBackend("tiny", Spec(kind="gguf", path=str(path), **settings), Facts("tiny", "gguf"))
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


def call(text: str = "Say something.", *, path: str = CHAT, **fields: Any) -> Call:
    data = {"temperature": 0, **fields}
    if path == CHAT:
        data.setdefault("messages", [{"role": "user", "content": text}])
    elif path == COMPLETIONS:
        data.setdefault("prompt", text)
    return Call(path, b"", data, stream=bool(fields.get("stream")))


async def plain(backend: GgufBackend, *args: Any, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await (await backend.ask(call(*args, **fields))).read())
    return answer


async def events(backend: GgufBackend, *args: Any, **fields: Any) -> list[dict[str, Any]]:
    answer = await backend.ask(call(*args, stream=True, **fields))
    parts = (await answer.read()).decode().split("\n\n")
    assert parts[-2:] == ["data: [DONE]", ""]
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-2]]


def said(answer: dict[str, Any]) -> str:
    choice = answer["choices"][0]
    return choice["text"] if "text" in choice else choice["message"]["content"]


def streamed(chunks: list[dict[str, Any]]) -> str:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return "".join(c["text"] if "text" in c else c["delta"].get("content") or "" for c in choices)


async def refused(backend: GgufBackend, **fields: Any) -> BackendError:
    with pytest.raises(BackendError) as raised:
        await backend.ask(call(**fields))
    assert raised.value.reason == "refused"
    return raised.value


async def test_the_file_tells_context_and_endpoints_and_the_backend_is_up(tiny: Path) -> None:
    async with running(tiny) as backend:
        await plain(backend, max_tokens=1)
        facts = backend.facts
        assert (facts.up, facts.fault, facts.context) == (True, None, 512)
        assert facts.endpoints == {CHAT, COMPLETIONS, "/v1/fim/completions", "/v1/infill", "/v1/completion"}
        assert not facts.tools  # its template has no form for them


async def test_a_chat_completion_has_openai_s_shape_and_true_counts(tiny: Path) -> None:
    async with running(tiny) as backend:
        answer = await plain(backend)
    completion = ChatCompletion.model_validate(answer)
    assert completion.choices[0].finish_reason == "stop"
    assert len(said(answer)) > 20
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] > 5


async def test_a_stream_says_the_same_as_a_plain_answer(tiny: Path) -> None:
    async with running(tiny) as backend:
        for text in ("one", "two 🚂", "Write a long text."):
            whole = await plain(backend, text)
            chunks = await events(backend, text)
            assert streamed(chunks) == said(whole)
            assert len(chunks) > 5


async def test_a_stream_begins_with_the_role_and_ends_with_reason_and_usage_when_asked_for(tiny: Path) -> None:
    async with running(tiny) as backend:
        chunks = await events(backend, max_tokens=4, stream_options={"include_usage": True})
        without = await events(backend, max_tokens=4)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert not any("usage" in chunk for chunk in without)


async def test_no_chunk_holds_a_broken_character(tiny: Path) -> None:
    async with running(tiny) as backend:
        chunks = await events(backend, logit_bias=NO_END, max_tokens=200)
    assert "🚂" in streamed(chunks)
    assert not any("\ufffd" in streamed([chunk]) for chunk in chunks)


async def test_a_stop_sequence_across_tokens_ends_the_answer_and_is_not_shown(tiny: Path) -> None:
    async with running(tiny) as backend:
        whole = said(await plain(backend))
        stop = whole[8:14]
        for answer in (said(await plain(backend, stop=stop)), streamed(await events(backend, stop=[stop, "never"]))):
            assert answer == whole[: whole.index(stop)]


async def test_a_seed_gives_the_same_text_again_and_another_seed_another(tiny: Path) -> None:
    async with running(tiny) as backend:

        async def draw(seed: int) -> str:
            return said(await plain(backend, temperature=8.0, top_k=0, top_p=1, min_p=0, seed=seed, max_tokens=40))

        first = await draw(7)
        assert await draw(7) == first != await draw(8)


async def test_penalties_and_biases_change_what_greedy_decoding_says(tiny: Path) -> None:
    async with running(tiny) as backend:
        base = said(await plain(backend, logit_bias=NO_END, max_tokens=150))
        penalty = {"frequency_penalty": 2, "presence_penalty": 2, "repeat_penalty": 1.5}
        assert said(await plain(backend, logit_bias=NO_END, max_tokens=150, **penalty)) != base
        error = await refused(backend, logit_bias={"99999": 1})
        assert "vocabulary" in error.message


async def test_a_json_schema_is_honoured(tiny: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"track": {"enum": ["left", "right"]}, "free": {"type": "boolean"}},
        "required": ["track", "free"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "track", "schema": schema}}
    async with running(tiny) as backend:
        answer = await plain(backend, response_format=wanted, temperature=2.0)
        assert set(json.loads(said(answer))) == {"track", "free"}
        assert answer["choices"][0]["finish_reason"] == "stop"
        any_json = await plain(backend, response_format={"type": "json_object"})
        assert isinstance(json.loads(said(any_json)), dict)


async def test_a_grammar_is_honoured_and_a_bad_one_refused(tiny: Path) -> None:
    async with running(tiny) as backend:
        answer = await plain(backend, grammar='root ::= " signal" (" box" | " lamp")+ "!"', max_tokens=30)
        assert said(answer).startswith(" signal")
        assert set(said(answer).split()) <= {"signal", "box", "lamp", "lamp!", "box!"}
        for bad in ("root ::= root", "root ::= missing", "a ::= [z", 5):
            await refused(backend, grammar=bad)
        assert said(await plain(backend))


async def test_log_probabilities_come_with_the_tokens_they_belong_to(tiny: Path) -> None:
    async with running(tiny) as backend:
        chat = await plain(backend, logprobs=True, top_logprobs=2, max_tokens=6)
        chunks = await events(backend, logprobs=True, top_logprobs=2, max_tokens=6)
        text = await plain(backend, path=COMPLETIONS, logprobs=2, max_tokens=6)
    ChatCompletion.model_validate(chat)
    entries = chat["choices"][0]["logprobs"]["content"]
    assert len(entries) == 6
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] <= 0 for entry in entries)
    parts = [c["logprobs"]["content"] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
    assert [entry["token"] for part in parts for entry in part] == [entry["token"] for entry in entries]
    assert "".join(text["choices"][0]["logprobs"]["tokens"]).startswith(said(text))


async def test_the_common_beginning_of_two_prompts_is_computed_once(tiny: Path) -> None:
    async with running(tiny) as backend:
        first = await plain(backend, "A long question about trains.")
        again = await plain(backend, "A long question about trains.")
        other = await plain(backend, "A long question about lamps.")
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == first["usage"]["prompt_tokens"] - 1
    assert 0 < other["usage"]["prompt_tokens_details"]["cached_tokens"] < other["usage"]["prompt_tokens"] - 3
    assert said(again) == said(first)


async def test_a_new_conversation_with_the_same_beginning_does_not_drive_out_the_one_before_it(tiny: Path) -> None:
    trains, lamps = "A question about trains, again and again.", "A question about lamps, now and then."
    async with running(tiny, parallel=2) as backend:
        for text in (trains, lamps):
            await plain(backend, text)
        again = [(await plain(backend, text))["usage"] for text in (trains, lamps, trains, lamps)]
    for usage in again:
        assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


async def test_a_prompt_longer_than_the_context_is_refused_with_the_code_clients_know(tiny: Path) -> None:
    async with running(tiny, n_ctx=256) as backend:
        error = await refused(backend, text="x" * 400)
        assert (error.status, error.code) == (400, "context_length_exceeded")
        assert "256" in error.message


async def test_max_tokens_beyond_the_context_are_cut_to_what_fits(tiny: Path) -> None:
    async with running(tiny, n_ctx=256) as backend:
        answer = await plain(backend, max_tokens=32000, logit_bias=NO_END)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["total_tokens"] == 256


async def test_completions_take_text_or_tokens_repeat_on_wish_and_fill_in(tiny: Path) -> None:
    async with running(tiny) as backend:
        text = await plain(backend, "signal", path=COMPLETIONS)
        assert text["object"] == "text_completion"
        assert text["usage"]["completion_tokens"] <= 16
        assert said(await plain(backend, path=COMPLETIONS, prompt=["signal"])) == said(text)
        assert said(await plain(backend, path=COMPLETIONS, prompt=[1, 40, 50], max_tokens=3))
        assert said(await plain(backend, "signal", path=COMPLETIONS, echo=True)) == "signal" + said(text)
        filled = await plain(backend, "signal", path=COMPLETIONS, suffix="box")
        # BOS and the three tokens around prefix, suffix and middle
        assert filled["usage"]["prompt_tokens"] == 4 + len("signal") + len("box")
        for wrong in ({"prompt": 5}, {"prompt": ["a", "b"]}, {"prompt": [10**6]}, {"prompt": ["a"], "suffix": 5}):
            await refused(backend, path=COMPLETIONS, **wrong)


async def test_a_suffix_is_refused_by_a_model_that_was_not_made_for_it(tmp_path: Path) -> None:
    async with running(tiny_gguf.write(tmp_path / "plain.gguf", fim=False)) as backend:
        error = await refused(backend, path=COMPLETIONS, suffix="x")
        assert "suffix" in error.message


async def test_a_required_tool_call_comes_as_one(tmp_path: Path) -> None:
    model = tiny_gguf.write(tmp_path / "tools.gguf", chat_template=TAGGED)
    parameters = {"type": "object", "properties": {"track": {"enum": [1, 2]}}, "required": ["track"]}
    tools = [{"type": "function", "function": {"name": "look", "parameters": parameters}}]
    async with running(model) as backend:
        answer = await plain(backend, tools=tools, tool_choice="required")
        assert backend.facts.tools
        named = {"type": "function", "function": {"name": "look"}}
        chunks = await events(backend, tools=tools, tool_choice=named)
        await refused(backend, tools=tools, tool_choice={"type": "function", "function": {"name": "other"}})
    ChatCompletion.model_validate(answer)
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    function = choice["message"]["tool_calls"][0]["function"]
    assert function["name"] == "look"
    assert json.loads(function["arguments"])["track"] in (1, 2)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert sum("tool_calls" in delta for delta in deltas) == 1
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_embeddings_are_of_length_one_and_the_same_in_both_encodings(tmp_path: Path) -> None:
    model = tiny_gguf.write(tmp_path / "embed.gguf", embeddings=True)
    async with running(model, embeddings=True) as backend:
        floats = await plain(backend, path=EMBEDDINGS, input=["a train", "a lamp", "a train"])
        packed = await plain(backend, path=EMBEDDINGS, input="a train", encoding_format="base64")
        tokens = await plain(backend, path=EMBEDDINGS, input=[[1, 40, 50], [1, 60]])
        assert backend.facts.endpoints == {EMBEDDINGS}
        for wrong in ({}, {"input": []}, {"input": [[]]}, {"input": [{}]}, {"input": "a", "dimensions": 5}):
            await refused(backend, path=EMBEDDINGS, **wrong)
        assert (await refused(backend, path=EMBEDDINGS, input="x" * 9000)).code == "context_length_exceeded"
        assert (await refused(backend)).status == 404
    CreateEmbeddingResponse.model_validate(floats)
    vectors = [row["embedding"] for row in floats["data"]]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in vectors)
    assert vectors[0] == pytest.approx(vectors[2]) and vectors[0] != pytest.approx(vectors[1])
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(vectors[0], abs=1e-6)
    assert tokens["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


async def test_a_missing_file_and_a_damaged_one_make_the_backend_down_with_the_reason(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF\x03" + bytes(400))
    for path, words in ((tmp_path / "none.gguf", "does not exist"), (damaged, "holds no weights|architecture")):
        async with running(path) as backend:
            with pytest.raises(BackendError, match=words) as raised:
                await backend.ask(call())
            assert raised.value.reason == "down"
            assert backend.facts.up is False
            assert str(path) in (backend.facts.fault or "")


async def test_llama_cpp_may_be_installed_while_the_proxy_runs(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = False
    monkeypatch.setattr(gguf, "llama_is_installed", lambda: here)
    monkeypatch.setattr(gguf, "LOOK_AGAIN", 0.02)
    async with running(tiny) as backend:
        with pytest.raises(BackendError, match="make llama") as caught:
            await plain(backend)
        assert caught.value.reason == "down"
        here = True
        until = perf_counter() + 20
        while backend.facts.up is not True and perf_counter() < until:
            await asyncio.sleep(0.02)
        assert (await plain(backend))["object"] == "chat.completion"


async def test_one_answers_while_others_wait_and_one_too_many_is_sent_on(tiny: Path) -> None:
    async with running(tiny, queue=1) as backend:
        await plain(backend, max_tokens=1)
        tasks = [asyncio.create_task(plain(backend, logit_bias=NO_END, max_tokens=300)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BackendError) as raised:
            await backend.ask(call())
        assert (raised.value.reason, raised.value.status) == ("full", 503)
        assert raised.value.retry_after
        answers = await asyncio.gather(*tasks)
        assert said(answers[0]) == said(answers[1])
        assert backend.slots.busy == 0


async def test_a_wait_that_is_too_long_is_sent_on(tiny: Path) -> None:
    async with running(tiny, queue_wait="1ms") as backend:
        async with asyncio.timeout(5):
            while backend.facts.up is None:
                await asyncio.sleep(0.005)
        task = asyncio.create_task(plain(backend, logit_bias=NO_END))
        await asyncio.sleep(0)
        with pytest.raises(BackendError) as raised:
            await backend.ask(call())
        assert raised.value.reason == "full"
        await task


async def test_parallel_requests_each_have_a_context_and_say_what_they_say_alone(tiny: Path) -> None:
    async with running(tiny) as alone:
        expected = [said(await plain(alone, f"question {i}")) for i in range(6)]
    async with running(tiny, parallel=3) as backend:
        answers = await asyncio.gather(*(plain(backend, f"question {i}") for i in range(6)))
        assert [said(answer) for answer in answers] == expected


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many layers that a long prompt takes many seconds."""
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "deep.gguf", layers=48, context=8192)


async def idle(backend: GgufBackend) -> float:
    """Seconds until nothing is computed any more."""
    start = perf_counter()
    async with asyncio.timeout(10):
        while backend.slots.busy:
            await asyncio.sleep(0.001)
    return perf_counter() - start


async def test_a_cancelled_request_stops_in_the_middle_of_its_prompt(deep: Path) -> None:
    async with running(deep) as backend:
        await plain(backend, max_tokens=1)
        task = asyncio.create_task(plain(backend, "a b c d " * 900))
        await asyncio.sleep(0.2)
        assert backend.slots.busy == 1
        task.cancel()
        assert await idle(backend) < 0.1
        assert said(await plain(backend, max_tokens=3))


async def test_an_aborted_stream_stops_within_a_token_and_the_next_one_is_sound(tiny: Path, deep: Path) -> None:
    async with running(deep) as backend:
        expected = said(await plain(backend, max_tokens=8))
        answer = await backend.ask(call(stream=True, logit_bias=NO_END))
        assert isinstance(answer, Events)
        await anext(answer.pieces)
        answer.abort()
        assert await idle(backend) < 0.1
        answer.abort()
        assert said(await plain(backend, max_tokens=8)) == expected


async def test_a_request_that_leaves_the_queue_is_never_computed(tiny: Path) -> None:
    async with running(tiny) as backend:
        await plain(backend, max_tokens=1)
        first = asyncio.create_task(plain(backend, logit_bias=NO_END))
        second = asyncio.create_task(plain(backend))
        await asyncio.sleep(0)
        second.cancel()
        assert said(await first)
        assert await idle(backend) < 0.1


async def test_closing_waits_for_the_answer_under_way_and_then_refuses(tiny: Path) -> None:
    backend = GgufBackend("tiny", Spec(kind="gguf", path=str(tiny)), Facts("tiny", "gguf"))
    await backend.start()
    await plain(backend, max_tokens=1)
    task = asyncio.create_task(plain(backend, logit_bias=NO_END, max_tokens=200))
    await asyncio.sleep(0)
    await backend.close()
    assert said(await task)
    with pytest.raises(BackendError) as raised:
        await backend.ask(call())
    assert raised.value.reason == "down"


async def test_a_close_that_is_cancelled_ends_the_answers_at_once(deep: Path) -> None:
    backend = GgufBackend("deep", Spec(kind="gguf", path=str(deep)), Facts("deep", "gguf"))
    await backend.start()
    task = asyncio.create_task(plain(backend, "a b c d " * 900))
    while not backend.slots.busy:
        await asyncio.sleep(0.01)
    closing = asyncio.create_task(backend.close())
    await asyncio.sleep(0.1)
    start = perf_counter()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert perf_counter() - start < 0.2
    with pytest.raises(BackendError):
        await task


async def test_the_loop_goes_on_while_the_model_computes(deep: Path) -> None:
    async with running(deep) as backend:
        await plain(backend, max_tokens=1)
        task = asyncio.create_task(plain(backend, logit_bias=NO_END, max_tokens=60))
        longest, last = 0.0, perf_counter()
        while not task.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, perf_counter() - last), perf_counter()
        await task
        assert longest < 0.1


async def test_nothing_of_llama_cpp_is_printed(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(tiny.read_bytes().replace(b"output_norm.weight", b"output_norm.waight"))
    async with running(tiny) as backend:
        await plain(backend)
    async with running(broken) as backend:
        with pytest.raises(BackendError, match="output_norm"):
            await backend.ask(call())
    assert capfd.readouterr() == ("", "")


async def test_tokens_are_counted_as_the_answer_counts_them(tiny: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    async with running(tiny) as backend:
        answer = await plain(backend, "the signal box é 🚂", tools=tools, max_tokens=2)
        counted = await backend.count_tokens(call("the signal box é 🚂", tools=tools).data)
        assert counted == answer["usage"]["prompt_tokens"]


async def test_what_cannot_be_counted_is_none_and_no_error(tiny: Path) -> None:
    async with running(tiny) as backend:
        assert await backend.count_tokens(call().data) is None  # it is loading
        await plain(backend, max_tokens=1)
        assert await backend.count_tokens({"messages": 5}) is None
        assert (
            await backend.count_tokens(call(messages=[{"role": "user", "content": [{"type": "image"}]}]).data) is None
        )
    assert await backend.count_tokens(call().data) is None
