"""`signalbox models` as a user starts it: against servers that answer rightly and wrongly, and a real model."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from router.backends.llama.installed import llama_is_installed
from router.cli import main
from tests import tiny_gguf
from tests.quality.solutions import right_answer
from tests.upstream import Request, Upstream, respond, upstream


async def streamed(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    """In a few events, with the usage."""
    content = message["content"] or ""
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": content[at : at + 40]} for at in range(0, len(content), 40)]
    deltas += [{"tool_calls": message["tool_calls"]}] if "tool_calls" in message else []
    events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    events.append({"choices": [], "usage": usage})
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for event in events:
        data = b"data: " + json.dumps({"object": "chat.completion.chunk", **event}).encode() + b"\n\n"
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await asyncio.sleep(0.001)
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def clever(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.method == "GET":
        respond(writer, 200, {"data": [{"id": "clever", "max_model_len": 8192, "owned_by": "vllm"}]})
    else:
        await streamed(writer, right_answer(request.json))


async def silly(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.method == "GET":
        respond(writer, 200, {"data": [{"id": "silly"}]})
    else:
        await streamed(writer, {"role": "assistant", "content": "I am not sure about that, to be honest."})


async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.method == "POST":
        await asyncio.sleep(0.2)
    await clever(request, writer)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    with upstream(clever) as one, upstream(silly) as two, upstream(slow) as three:
        yield {"clever": one, "silly": two, "slow": three}


@pytest.fixture
def rules(servers: dict[str, Upstream], tmp_path: Path) -> Path:
    lines = [f"  {name}: {{url: '{server.url}', price: 0}}" for name, server in servers.items()]
    lines.append(f"  paid: {{url: '{servers['clever'].url}', private: false, price: {{input: 1, output: 2}}}}")
    lines.append("  gone: {url: 'http://127.0.0.1:9/v1'}")
    lines.append("  vectors: {kind: gguf, path: none.gguf, embeddings: true}")
    file = tmp_path / "rules.yaml"
    file.write_text(
        "version: 1\nbackends:\n" + "\n".join(lines) + "\naliases: {best: clever}\nroutes: [{to: clever}]\n"
    )
    return file


def command(rules: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "router.cli", "models", *words, "--rules", str(rules)]


@dataclass
class Ran:
    returncode: int
    stdout: str
    stderr: str


def ran(rules: Path, *words: str) -> Ran:
    """In this process: a new one takes a second to import."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command(rules, *words)[3:])
    return Ran(code, out.getvalue(), err.getvalue())


def test_right_answers_get_full_marks_and_wrong_ones_none(rules: Path) -> None:
    told = ran(rules, "bench", "best", "silly", "--run-code", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    good, bad = json.loads(told.stdout)["results"]
    scores = {part: (good[part]["right"], good[part]["of"], bad[part]["right"]) for part in ("coding", "tools", "json")}
    assert scores == {"coding": (12, 12, 0), "tools": (6, 6, 0), "json": (6, 6, 0)}
    assert (good["model"], good["context"], good["complete"], good["usd"]) == ("clever", 8192, True, 0.0)
    speed = good["speed"]
    assert (speed["runs"], speed["estimated"]) == (5, False)
    assert 0 < speed["first_token"] < 5
    assert speed["write_rate"] > 0 < speed["prompt_rate"]


def test_the_table_says_what_may_be_concluded(rules: Path) -> None:
    told = ran(rules, "bench", "clever", "silly", "--only", "tools", "--only", "json")
    assert "6/6 (61%-100%)" in told.stdout
    assert "0/6 (0%-39%)" in told.stdout
    assert "tool calls: clever above silly" in told.stdout


def test_code_is_run_only_when_the_user_says_so(rules: Path, servers: dict[str, Upstream]) -> None:
    before = len(servers["clever"].asked)
    told = ran(rules, "bench", "clever", "--only", "coding")
    assert "--run-code" in told.stderr
    assert len(servers["clever"].asked) == before


def test_what_costs_money_is_asked_only_when_the_user_says_so(rules: Path) -> None:
    told = ran(rules, "bench", "paid", "--only", "json")
    assert (told.returncode, "paid costs money" in told.stderr) == (2, True)
    told = ran(rules, "bench", "paid", "--only", "json", "--paid", "--json")
    # six questions of 100 tokens read and 50 written, at 1 and 2 dollars for a million
    assert json.loads(told.stdout)["results"][0]["usd"] == pytest.approx(6 * 200e-6)


def test_a_backend_that_is_down_is_told_and_counts_as_a_failure(rules: Path) -> None:
    told = ran(rules, "bench", "gone", "--only", "speed")
    assert (told.returncode, "gone was not measured: cannot connect" in told.stdout) == (1, True)


@pytest.mark.parametrize(("name", "why"), [("clevr", 'did you mean "clever"'), ("vectors", "does not chat")])
def test_a_name_that_cannot_be_measured_is_refused(rules: Path, name: str, why: str) -> None:
    told = ran(rules, "bench", name)
    assert (told.returncode, why in told.stderr) == (2, True)


def test_an_interruption_keeps_what_was_measured(rules: Path, servers: dict[str, Upstream]) -> None:
    before = len(servers["slow"].asked)
    process = subprocess.Popen(command(rules, "bench", "slow", "--only", "tools", "--json"), stdout=subprocess.PIPE)
    until = time.monotonic() + 30
    while len(servers["slow"].asked) < before + 3:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    told = json.loads(out)
    assert (process.returncode, told["complete"], told["results"][0]["complete"]) == (130, False, False)
    assert 1 <= told["results"][0]["tools"]["of"] < 6


def test_the_list_is_that_of_the_proxy(rules: Path) -> None:
    told = ran(rules, "--json")
    entries = {entry["id"]: entry for entry in json.loads(told.stdout)["data"]}
    assert set(entries) == {"auto", "clever", "silly", "slow", "paid", "gone", "vectors", "best"}
    assert entries["best"]["context_length"] == 8192
    table = ran(rules).stdout
    assert "8,192" in table
    assert "down: cannot connect" in table


@pytest.mark.skipif(not llama_is_installed(), reason="llama.cpp is not installed")
def test_a_real_model_has_a_real_speed_and_random_weights_do_nothing_right(tmp_path: Path) -> None:
    model = tiny_gguf.write(tmp_path / "tiny.gguf", context=1024)
    file = tmp_path / "rules.yaml"
    file.write_text(f"version: 1\nbackends: {{tiny: {{kind: gguf, path: {model}}}}}\nroutes: [{{to: tiny}}]\n")
    told = ran(file, "bench", "--only", "speed", "--only", "json", "--probe-context", "--json")
    (result,) = json.loads(told.stdout)["results"]
    assert result["context"] == 1024
    assert result["json"]["right"] == 0
    assert result["speed"]["first_token"] > 0
    assert result["speed"]["prompt_rate"] > 1
    assert result["context_probe"].startswith(("refused", "answered"))
