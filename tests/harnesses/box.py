"""A Signalbox of its own for each client, with rules, in front of the scripted backends and a llama.cpp server."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import tiny_gguf
from tests.harnesses.server import Backends, backends
from tests.signalbox import Signalbox, free_port, signalbox

__all__ = ["WORDS", "Box", "Llama", "box", "llama_server"]

CONTEXT = 8192
"""Tokens of the llama.cpp server, which are characters for its tiny model: what coding agents send does not fit."""
WORDS = frozenset(tiny_gguf.TEXT.split())
"""What its answers consist of."""
RULES = """
version: 1
backends:
  small:   {{url: {small}, model: small-model, price: 0}}
  vision:  {{url: {vision}, model: vision-model, price: 0, accepts: [text, image]}}
  coder:   {{url: {coder}, model: coder-model, price: 0}}
  general: {{url: {general}, model: general-model, price: 0}}
  llama:   {{url: "{llama}", model: tiny, price: 0, parallel: 1, queue_wait: 5m}}
routes:
  - {{name: titles,    when: {{task: [title, summary]}},  to: small}}
  - {{name: pictures,  when: {{image: true}},             to: vision}}
  - {{name: llama.cpp, when: {{text: "^\\\\W*ask llama"}},  to: [llama, general]}}
  - {{name: code,      when: {{task: code}},              to: coder}}
  - {{name: the rest,                                   to: general}}
"""


ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception): .*$", re.MULTILINE)
"""The last line of a traceback."""


@dataclass(frozen=True)
class Llama:
    """The llama.cpp server that runs, for one client."""

    url: str
    log: Path

    def size(self) -> int:
        """Bytes that it has logged."""
        return self.log.stat().st_size

    def errors(self, since: int) -> list[str]:
        """Those that it logged after its log had `since` bytes, each kind once."""
        return list(dict.fromkeys(ERROR.findall(self.log.read_bytes()[since:].decode(errors="replace"))))


@dataclass
class Box:
    """One that runs."""

    proxy: Signalbox
    backends: Backends
    llama: Llama

    def said(self) -> list[dict[str, Any]]:
        """Its log: one record for each request, in the order of their ends."""
        lines = [line for line in self.proxy.log.read_text().splitlines() if line.startswith("{")]
        return [record for record in map(json.loads, lines) if "route" in record]


@contextmanager
def box(llama: Llama) -> Iterator[Box]:
    """Started and ended."""
    with (
        backends() as behind,
        signalbox(RULES.format(llama=llama.url, **behind.urls), SIGNALBOX_LOG_FORMAT="json") as proxy,
    ):
        yield Box(proxy, behind, llama)


@contextmanager
def llama_server(folder: Path) -> Iterator[Llama]:
    """llama.cpp's server for Python with a tiny model."""
    model = tiny_gguf.write(folder / "tiny.gguf", context=CONTEXT)
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", "tiny"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT), "--n_threads", "1"]
    command += ["--interrupt_requests", "false"]  # or a question for its models breaks off an answer
    log = folder / "llama.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2).read()
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("llama_cpp.server did not start")
            time.sleep(0.2)
        yield Llama(f"http://127.0.0.1:{port}/v1", log)
    finally:
        process.kill()  # it may be in the middle of an answer that nobody waits for
        process.wait(10)
