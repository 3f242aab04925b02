"""World backends behind the real proxy: a Tofy with random weights, and the embedded yard."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

pytest.importorskip("llama_cpp")

from router.world.yard.model import DECODER, SHIPPED
from tests.backends.world.worlds import NO_END, files
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Upstream, upstream

pytestmark = pytest.mark.real

CHAT = "/v1/chat/completions"
QUESTION = (
    "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F. "
    "What does the yard look like after the last wagon of track 3 goes to track 2?"
)
AFTER = "Track 1: A D. Track 2: C. Track 3: B. Track 4: E F."


def rules(other: str, said: dict[str, Any], **options: Any) -> str:
    tofy = json.dumps({"kind": "world", **said, **options})
    return (
        f'version: 1\nbackends:\n  tofy: {tofy}\n  yard: {{kind: world}}\n  other: {{url: "{other}", model: m}}\n'
        "routes:\n  - {name: world, when: {model: world}, to: [tofy, other]}\n"
        "  - {name: states, when: {task: world}, to: yard}\n  - {name: rest, to: other}\n"
    )


@pytest.fixture(scope="module")
def other() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


@pytest.fixture(scope="module")
def tofy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return files(tmp_path_factory.mktemp("tofy"), layers=4)


@contextmanager
def proxied(other: Upstream, said: dict[str, Any], **options: Any) -> Iterator[Signalbox]:
    with signalbox(rules(other.url, said, **options)) as running:
        up(running)
        yield running


@pytest.fixture(scope="module")
def proxy(other: Upstream, tofy: dict[str, Any]) -> Iterator[Signalbox]:
    with proxied(other, tofy) as running:
        yield running


def is_up(proxy: Signalbox, backend: str) -> bool:
    return f'signalbox_backend_up{{backend="{backend}"}} 1.0' in proxy.get("/metrics")[1]


def up(proxy: Signalbox, backend: str = "tofy", patience: float = 30) -> None:
    until = time.monotonic() + patience
    while not is_up(proxy, backend):
        assert time.monotonic() < until, proxy.log.read_text()
        time.sleep(0.05)


def children(proxy: Signalbox, backend: str) -> list[int]:
    """Processes of that backend: their command line, at whatever width of the terminal, ends with its name."""
    found = subprocess.run(["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    wanted = f"router.backends.world.child {backend}"
    return [int(pid) for pid, parent, words in rows if int(parent) == proxy.process.pid and words.endswith(wanted)]


def ask(proxy: Signalbox, model: str, **fields: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    body = {"model": model, "messages": [{"role": "user", "content": "Where is the train?"}], **fields}
    status, headers, answer = post(proxy, CHAT, json.dumps(body).encode())
    return status, headers, json.loads(answer)


@contextmanager
def open_answer(proxy: Signalbox, model: str, **fields: Any) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    messages = [{"role": "user", "content": "go on"}]
    body = {"model": model, "stream": True, "messages": messages, "logit_bias": NO_END, **fields}
    connection.request("POST", CHAT, json.dumps(body), {"content-type": "application/json"})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def client(proxy: Signalbox) -> OpenAI:
    return OpenAI(base_url=proxy.url, api_key="sk-local", max_retries=0, timeout=30)


def test_the_model_list_shows_tofy_owned_by_tofy(proxy: Signalbox) -> None:
    listed = {model.id: model.owned_by for model in client(proxy).models.list()}
    assert listed["tofy"] == "Tofy"


def test_the_sdk_gets_plain_answers_and_streams_that_agree(proxy: Signalbox) -> None:
    settings: dict[str, Any] = {"model": "tofy", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
    api = client(proxy).chat.completions
    plain = api.create(**settings).choices[0].message.content
    chunks = list(api.create(**settings, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == plain != ""
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_an_agent_that_always_offers_tools_is_answered(proxy: Signalbox) -> None:
    tools = [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}]
    status, headers, answer = ask(proxy, "tofy", tools=tools, tool_choice="auto", max_tokens=5)
    assert (status, headers["x-signalbox-backend"]) == (200, "tofy")
    assert answer["choices"][0]["message"]["content"]


def test_a_client_that_leaves_stops_the_decoder(proxy: Signalbox) -> None:
    for _ in range(8):  # of four sequences
        with open_answer(proxy, "tofy") as answer:
            answer.readline()
    begun = time.monotonic()
    assert ask(proxy, "tofy", max_tokens=1)[0] == 200
    assert time.monotonic() - begun < 2


def test_the_proxy_answers_in_milliseconds_while_the_decoder_works(proxy: Signalbox) -> None:
    with open_answer(proxy, "tofy", max_tokens=3000) as answer:
        answer.readline()
        times = []
        for _ in range(30):
            begun = time.perf_counter()
            assert proxy.get("/health")[0] == 200
            times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < 0.05


def test_a_process_that_is_killed_before_its_first_word_leaves_the_request_to_the_next_backend(
    proxy: Signalbox,
) -> None:
    (pid,) = children(proxy, "tofy")
    os.kill(pid, signal.SIGSTOP)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    connection.request("POST", CHAT, json.dumps({"model": "world", "messages": [{"role": "user", "content": "hi"}]}))
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.headers["x-signalbox-backend"]) == (200, "other")
    assert answer.headers["x-signalbox-attempts"] == "2"
    assert ask(proxy, "world")[1]["x-signalbox-backend"] in ("other", "tofy")
    up(proxy)
    assert ask(proxy, "world", max_tokens=2)[1]["x-signalbox-backend"] == "tofy"


def test_a_process_that_is_killed_in_the_middle_of_a_stream_cuts_it_and_the_proxy_serves_on(proxy: Signalbox) -> None:
    up(proxy)
    (pid,) = children(proxy, "tofy")
    with open_answer(proxy, "tofy", max_tokens=4000) as answer:
        answer.readline()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    assert proxy.get("/health")[0] == 200
    assert ask(proxy, "nothing-special")[1]["x-signalbox-backend"] == "other"
    up(proxy)
    assert ask(proxy, "tofy", max_tokens=2)[0] == 200
    assert children(proxy, "tofy") != [pid]


def test_a_full_queue_is_a_503_that_says_when_to_come_back(other: Upstream, tofy: dict[str, Any]) -> None:
    with (
        proxied(other, tofy, parallel=1, queue=0) as proxy,
        open_answer(proxy, "tofy", max_tokens=4000) as answer,
    ):
        answer.readline()
        status, headers, _ = ask(proxy, "tofy")
        assert status == 503
        assert int(headers["retry-after"]) >= 1


def test_a_damaged_file_takes_one_backend_down_and_no_other(other: Upstream, tmp_path: Path) -> None:
    said = files(tmp_path)
    Path(said["decoder"]).write_bytes(b"not a GGUF at all, but long enough to be one")
    with signalbox(rules(other.url, said)) as proxy:
        status, _, answer = ask(proxy, "tofy")
        assert status == 503
        assert said["decoder"] in answer["error"]["message"] and "GGUF" in answer["error"]["message"]
        assert ask(proxy, "world")[1]["x-signalbox-backend"] == "other"


def test_no_process_is_left_when_the_proxy_is_killed(other: Upstream, tofy: dict[str, Any]) -> None:
    with proxied(other, tofy) as proxy:
        pids = [*children(proxy, "tofy"), *children(proxy, "yard")]
        assert len(pids) == 2
        with open_answer(proxy, "tofy", max_tokens=4000) as answer:
            answer.readline()
            proxy.process.kill()
            proxy.process.wait()
        until = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < until, "a process outlived the proxy"
            time.sleep(0.02)


@pytest.mark.skipif(not (SHIPPED / DECODER).is_file(), reason="no trained yard is shipped yet")
@pytest.mark.parametrize("stream", [False, True])
def test_a_question_about_the_yard_is_routed_to_it_and_answered(proxy: Signalbox, stream: bool) -> None:
    up(proxy, "yard")
    body = {"model": "auto", "messages": [{"role": "user", "content": QUESTION}], "stream": stream}
    status, headers, answer = post(proxy, CHAT, json.dumps({**body, "signalbox": {"world": True}}).encode())
    assert (status, headers["x-signalbox-backend"]) == (200, "yard")
    if stream:
        events = [json.loads(event[6:]) for event in answer.decode().split("\n\n")[:-2]]
        said = "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
        told = events[-1]["signalbox"]["world"]
    else:
        whole = json.loads(answer)
        said, told = whole["choices"][0]["message"]["content"], whole["signalbox"]["world"]
        assert whole["usage"]["prompt_tokens"] > 17 and whole["usage"]["completion_tokens"] > 10
    assert AFTER in said
    assert told["steps"][0]["state"] == AFTER
