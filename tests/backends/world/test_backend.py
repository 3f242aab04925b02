from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

pytest.importorskip("llama_cpp")

from router.backends.contract import BackendError, Events
from router.backends.world import link
from router.backends.world.backend import WorldBackend
from tests.backends.world.worlds import COMPLETIONS, NO_END, call, content, eventually, files, plain, running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def tofy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return files(tmp_path_factory.mktemp("tofy"))


async def events(backend: WorldBackend, **fields: Any) -> list[dict[str, Any]]:
    answer = await backend.ask(call(stream=True, **fields))
    parts = (await answer.read()).decode().split("\n\n")
    assert parts[-2:] == ["data: [DONE]", ""]
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-2]]


async def endless(backend: WorldBackend) -> Events:
    """A stream that goes on until it is cancelled or the context is full."""
    answer = await backend.ask(call(stream=True, logit_bias=NO_END))
    assert isinstance(answer, Events)
    return answer


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_plain_answer_and_a_stream_say_the_same_in_openai_s_shapes(tofy: dict[str, Any]) -> None:
    async with running(**tofy) as backend:
        whole = await plain(backend)
        chunks = await events(backend, stream_options={"include_usage": True})
        text = json.loads(await (await backend.ask(call(path=COMPLETIONS))).read())
    completion = ChatCompletion.model_validate(whole)
    assert (completion.model, completion.choices[0].finish_reason) == ("tofy", "stop")
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert said == content(whole) == text["choices"][0]["text"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert [chunks[-1]["usage"][key] for key in counts] == [whole["usage"][key] for key in counts]
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


async def test_what_was_imagined_comes_beside_the_answer_only_when_asked_for(tofy: dict[str, Any]) -> None:
    async with running(**tofy) as backend:
        assert "signalbox" not in await plain(backend)
        assert not any("signalbox" in chunk for chunk in await events(backend))
        told = (await plain(backend, signalbox={"world": True}))["signalbox"]["world"]
        *others, last = await events(backend, signalbox={"world": True})
    assert told["condition"].startswith("chunks=[")
    assert last["signalbox"]["world"] == told
    assert last["choices"][0]["finish_reason"] == "stop"
    assert not any("signalbox" in chunk for chunk in others)


async def test_a_cancelled_stream_gives_its_sequence_back_at_once(tofy: dict[str, Any]) -> None:
    async with running(**tofy, parallel=2) as backend:
        for _ in range(10):
            answer = await endless(backend)
            answer.abort()
            await eventually(lambda: backend.slots.busy == 0, 2)
        assert content(await plain(backend))


async def test_a_request_whose_task_is_cancelled_gives_its_sequence_back(tofy: dict[str, Any]) -> None:
    async with running(**tofy, parallel=1) as backend:
        await plain(backend, max_tokens=1)
        task = asyncio.create_task(plain(backend, logit_bias=NO_END))
        await eventually(lambda: backend.slots.busy == 1)
        task.cancel()
        await eventually(lambda: backend.slots.busy == 0, 2)


async def test_one_too_many_is_sent_on(tofy: dict[str, Any]) -> None:
    async with running(**tofy, parallel=1, queue=1) as backend:
        await plain(backend, max_tokens=1)
        first = await endless(backend)
        second = asyncio.create_task(plain(backend))
        await eventually(lambda: backend.slots.waiting == 1)
        with pytest.raises(BackendError) as raised:
            await plain(backend)
        assert (raised.value.reason, raised.value.status) == ("full", 503)
        first.abort()
        assert content(await second)


async def test_several_at_once_are_answered_as_each_by_itself(tofy: dict[str, Any]) -> None:
    questions = [
        "Where?",
        "Which lamp is it",
        "count to three",
        "no",
        "é",
        "when it rains",
        "a b c d e f",
        "train track",
    ]
    async with running(**tofy) as backend:
        alone = [content(await plain(backend, question)) for question in questions]
        together = await asyncio.gather(*(plain(backend, question) for question in questions))
    assert len(set(alone)) > 1
    assert [content(answer) for answer in together] == alone


async def test_a_process_that_dies_ends_its_answers_and_is_started_again(
    tofy: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with running(**tofy) as backend:
        await plain(backend, max_tokens=1)
        pid = backend.link.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(plain(backend))
        await eventually(lambda: backend.slots.busy == 1)
        os.kill(pid, signal.SIGSEGV)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(BackendError, match=r"was ended by SIGSEGV \(signal 11\)") as raised:
            await waiting
        assert raised.value.reason == "broken"
        await eventually(lambda: backend.facts.up is False)
        assert "SIGSEGV" in (backend.facts.fault or "")
        with pytest.raises(BackendError, match="SIGSEGV"):
            await plain(backend)
        await eventually(lambda: backend.facts.up)
        assert backend.facts.fault is None and backend.slots.busy == 0
        assert content(await plain(backend))
    assert "is started again in 0.5 s" in caplog.text


async def test_a_process_that_gives_no_sign_of_life_while_it_is_asked_is_killed(
    tofy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SILENCE", 0.5)
    monkeypatch.setattr(link, "PATIENCE", 1.5)
    async with running(**tofy) as backend:
        await plain(backend, max_tokens=1)
        assert backend.link.pid is not None
        os.kill(backend.link.pid, signal.SIGSTOP)
        with pytest.raises(BackendError, match="no sign of life"):
            await plain(backend)
        await eventually(lambda: backend.facts.up)


async def test_a_long_computation_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SILENCE", 0.1)
    monkeypatch.setattr(link, "PATIENCE", 1.2)
    async with running(**files(tmp_path, layers=8)) as backend:
        await backend.link.known.wait()
        pid, begun = backend.link.pid, monotonic()
        while monotonic() - begun < 2:  # plain: the process has nothing to say until the end
            answer = await backend.ask(call(logit_bias=NO_END, max_tokens=600))
            assert json.loads(await answer.read())["usage"]["completion_tokens"] == 600
        assert backend.link.pid == pid


async def test_damaged_files_make_it_down_with_a_sentence_until_they_are_mended(tmp_path: Path) -> None:
    said = files(tmp_path)
    checkpoint = Path(said["checkpoint"])
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:-100])
    async with running(**said) as backend:
        with pytest.raises(BackendError, match=str(checkpoint)) as raised:
            await plain(backend)
        assert raised.value.reason == "down"
        assert backend.facts.up is False and str(checkpoint) in (backend.facts.fault or "")
        checkpoint.write_bytes(whole)
        await eventually(lambda: backend.facts.up)
        assert content(await plain(backend))


async def test_it_comes_up_when_llama_cpp_is_installed_while_it_runs(
    tofy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LOOK_AGAIN", 0.1)
    monkeypatch.setattr(link, "llama_is_installed", lambda: False)
    async with running(**tofy) as backend:
        with pytest.raises(BackendError, match="make llama"):
            await plain(backend)
        assert backend.link.pid is None
        monkeypatch.setattr(link, "llama_is_installed", lambda: True)
        await eventually(lambda: backend.facts.up)
        assert content(await plain(backend))


async def test_closing_lets_answers_end_and_leaves_no_process(tofy: dict[str, Any]) -> None:
    async with running(**tofy) as backend:
        await plain(backend, max_tokens=1)
        pid = backend.link.pid
        assert pid is not None
        under_way = asyncio.create_task(plain(backend, logit_bias=NO_END, max_tokens=300))
        await eventually(lambda: backend.slots.busy == 1)
        await backend.close()
        assert (await under_way)["usage"]["completion_tokens"] == 300
        assert not alive(pid)
        with pytest.raises(BackendError, match="being closed"):
            await plain(backend)


async def test_closing_that_is_cancelled_ends_answers_at_once(tofy: dict[str, Any]) -> None:
    async with running(**tofy) as backend:
        await plain(backend, max_tokens=1)
        pid = backend.link.pid
        assert pid is not None
        answer = await endless(backend)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await backend.close()
        assert not alive(pid)
        with pytest.raises(BackendError):
            await answer.read()


async def test_debug_tells_speed_and_tokens_on_standard_error(
    tofy: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(**tofy, debug=True) as backend:
        usage = (await plain(backend, max_tokens=7))["usage"]
    line = capsys.readouterr().err
    assert line.startswith("tofy: Prompt: ") and " t/s | Generation: " in line
    assert f"({usage['prompt_tokens']} tokens in, 7 out)" in line


async def test_refusals_reach_the_client_as_they_are(tofy: dict[str, Any]) -> None:
    async with running(**tofy) as backend:
        for fields, status in (({"temperature": "x"}, 400), ({"path": "/v1/embeddings"}, 404), ({"n": 3}, 400)):
            with pytest.raises(BackendError) as raised:
                await backend.ask(call(**fields))
            assert (raised.value.reason, raised.value.status) == ("refused", status)
        assert backend.slots.busy == 0


async def test_importing_the_proxy_s_side_loads_neither_numpy_nor_llama_cpp() -> None:
    code = "import sys, router.backends.world.backend as b; print({'numpy', 'llama_cpp', 'jinja2'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"set()"


async def test_a_crowd_of_requests_with_cancels_in_between_leaves_nothing_stuck(tofy: dict[str, Any]) -> None:
    async with running(**tofy, queue=100) as backend:

        async def one(number: int) -> bool:
            answer = await backend.ask(call(f"train {number}", stream=True, max_tokens=60, logit_bias=NO_END))
            if number % 3:
                await answer.read()
                return True
            answer.abort()
            return False

        ended = await asyncio.gather(*(one(number) for number in range(60)))
        assert sum(ended) == 40
        await eventually(lambda: backend.slots.busy == 0, 5)
        assert content(await plain(backend)) == content(await plain(backend))
