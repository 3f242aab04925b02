"""The proxy as a user starts it: a process of its own, a rules file, a port."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Signalbox", "ask", "free_port", "open_stream", "post", "signalbox"]


_GIVEN: set[int] = set()


def free_port() -> int:
    """A port nobody listens on: of those that no system gives to whoever asks for any, and never the same twice."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port


@dataclass
class Signalbox:
    """A running proxy."""

    port: int
    rules: Path
    """In a folder of its own, where the ledger lies too."""
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.root + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self, patience: float = 30) -> None:
        """Until a backend can serve."""
        until, said = time.monotonic() + patience, ""
        while True:
            with contextlib.suppress(OSError):  # a machine that is busy
                status, said = self.get("/ready")
                if status == 200:
                    return
            assert time.monotonic() < until, said + self.log.read_text()
            time.sleep(0.02)


def ask(
    proxy: Signalbox,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    patience: float = 10,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case names) and body of one request on a connection of its own, in `patience` seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=patience)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def post(proxy: Signalbox, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """`ask` with a JSON body."""
    return ask(proxy, "POST", path, body, {"content-type": "application/json", **headers})


@contextmanager
def open_stream(proxy: Signalbox) -> Iterator[http.client.HTTPResponse]:
    """A streamed chat completion of which the first line has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.readline()
    try:
        yield answer
    finally:
        connection.close()


@contextmanager
def signalbox(
    rules: str,
    *arguments: str,
    ready: bool = True,
    under: tuple[str, ...] = (),
    program: str = "router.cli",
    **environment: str,
) -> Iterator[Signalbox]:
    """Started with these rules, `under` another program if there is to be one, and ended with SIGTERM; its log must
    hold no traceback. `program`: the module that is run."""
    with tempfile.TemporaryDirectory() as folder:
        path, log, port = Path(folder, "rules.yaml"), Path(folder, "log"), free_port()
        path.write_text(rules)
        command = [
            *under,
            sys.executable,
            "-m",
            program,
            "serve",
            "--rules",
            str(path),
            "--port",
            str(port),
            *arguments,
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "REDIS_"))}
        clean["SIGNALBOX_DATA_DIR"] = folder
        with log.open("wb") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=sink, env={**clean, **environment})
        proxy = Signalbox(port, path, process, log)
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    proxy.get("/health")
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < until, log.read_text()
                    time.sleep(0.02)
            if ready:
                proxy.wait_ready()
            yield proxy
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert "Traceback" not in log.read_text(), log.read_text()
