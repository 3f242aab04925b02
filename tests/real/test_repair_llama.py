"""A chat template that takes one system message, at the beginning, in llama.cpp itself: a server, and in process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_gguf
from tests.real.attempted import CHAT
from tests.signalbox import Signalbox, free_port, post, signalbox

pytestmark = pytest.mark.real

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}"
    "{% if message.role not in ['system', 'user', 'assistant', 'tool'] %}"
    "{{ raise_exception('Unexpected message role.') }}{% endif %}"
    "<|{{ message.role }}|>{{ message.content }}</s>{% endfor %}<|assistant|>"
)
RULES = """
version: 1
backends:
  server: {{url: "{url}", model: tiny}}
  inside: {{kind: gguf, path: "{path}", n_ctx: 512}}
routes:
  - {{to: [server, inside]}}
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signalbox]:
    model = tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", chat_template=TEMPLATE)
    with llama(model) as url, signalbox(RULES.format(url=url, path=model)) as running:
        until = time.monotonic() + 30
        while "down" in running.get("/ready")[1] and time.monotonic() < until:
            time.sleep(0.05)
        yield running


class llama:
    """`python -m llama_cpp.server` while the block runs; its URL."""

    def __init__(self, model: Path):
        self.model = model

    def __enter__(self) -> str:
        port = free_port()
        command = [sys.executable, "-m", "llama_cpp.server", "--model", str(self.model), "--model_alias", "tiny"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "512"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2).read()
                return f"http://127.0.0.1:{port}/v1"
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, "llama_cpp.server did not start"
                time.sleep(0.1)

    def __exit__(self, *reason: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def says(*said: tuple[str, str], **fields: Any) -> bytes:
    messages = [{"role": role, "content": content} for role, content in said]
    return json.dumps({"messages": messages, "max_tokens": 4, "temperature": 0, **fields}).encode()


@pytest.mark.parametrize("backend", ["server", "inside"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_template_that_takes_no_late_system_message_is_given_none(
    proxy: Signalbox, backend: str, stream: bool
) -> None:
    talk = says(("developer", "a"), ("system", "b"), ("user", "c"), ("system", "d"), model=backend, stream=stream)
    status, headers, body = post(proxy, CHAT, talk)
    assert (status, headers["x-signalbox-backend"]) == (200, backend), body
    # In process a developer is the system already.
    renamed = "developer->system, " if backend == "server" else ""
    assert headers["x-signalbox-changed"] == renamed + "system merged, system->user"
    assert (b"[DONE]" in body) == stream
    status, headers, _ = post(proxy, CHAT, talk)
    assert (status, headers["x-signalbox-attempts"]) == (200, "1")


@pytest.mark.parametrize("backend", ["server", "inside"])
def test_what_the_template_takes_is_not_changed(proxy: Signalbox, backend: str) -> None:
    status, headers, _ = post(proxy, CHAT, says(("system", "a"), ("user", "b"), model=backend))
    assert (status, "x-signalbox-changed" in headers) == (200, False)
