"""What is private goes to the private backend and to nobody else: every socket and every file is watched.

strace sees each system call, whoever makes it: uvloop, threads, libraries in C. All else is switched on: a public
backend to fall back to, Redis, an embedder for similar questions, traces with content, the ledger, a debug log.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.absent import absent
from tests.redis_servers import RedisProcess, redis_server
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.telemetry.collector import Collector, collector
from tests.upstream import Request, Upstream, chat_answer, respond, upstream

CHAT = "/v1/chat/completions"
HIDDEN, SHOWN = "PlatypusBurrow", "WombatHighway"
"""Words of private requests, and of others. Answers repeat them."""
RULES = """
version: 1
backends:
  vault: {{url: "{vault}", model: v, dialects: [responses, messages], accepts: [text, image, audio, file]}}
  cloud: {{url: "{cloud}", model: c, dialects: [responses, messages], accepts: [text, image, audio, file]}}
  embedder: {{url: "{embedder}", model: e, dialects: [responses, messages]}}
keys:
  hermit: {{key: "${{HERMIT}}", private: true}}
routes:
  - name: locked
    when: {{header: {{x-room: locked}}}}
    to: vault
    private: true
    cache: 1h
  - name: shared
    to: [vault, cloud]
    cache: {{ttl: 1h, scope: everyone, sampled: true, similar: {{backend: embedder, threshold: 0.8}}}}
"""
WRITES = re.compile(r"^\d+ +(write|writev|pwrite64|pwritev2?|sendto|sendmsg|sendmmsg|sendfile|splice)\((\d+)<(.*?)>, ")
CALLS = "%network,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,vmsplice,io_uring_setup,process_vm_writev"


@dataclass
class Watched:
    """A proxy under strace, and those around it."""

    proxy: Signalbox
    vault: Upstream
    cloud: Upstream
    embedder: Upstream
    redis: RedisProcess
    traces: Collector
    log: Path

    def calls(self) -> list[str]:
        """What was called so far, a line each."""
        return self.log.read_text(errors="replace").splitlines()

    def receivers(self, word: str) -> dict[str, int]:
        """Where a word was written to, and how often: a file's path, a port, or `client`."""
        found: dict[str, int] = {}
        for line in self.calls():
            if word not in line or (match := WRITES.match(line)) is None:
                continue
            whom = self._whom(match[3])
            found[whom] = found.get(whom, 0) + 1
        return found

    def _whom(self, target: str) -> str:
        ends = re.search(r"\[(?:.*:)?(\d+)->(?:.*:)?(\d+)\]", target)
        if ends is None:
            return target
        names = {
            self.vault.port: "vault",
            self.cloud.port: "cloud",
            self.embedder.port: "embedder",
            self.redis.port: "redis",
            int(self.traces.url.rpartition(":")[2]): "traces",
        }
        return "client" if int(ends[1]) == self.proxy.port else names.get(int(ends[2]), target)


def outward() -> str:
    """An address of this machine that is not loopback, so that what listens there is not private by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        address = "127.0.0.1"
        with suppress(OSError):
            probe.connect(("198.51.100.1", 9))  # TEST-NET-2: nothing is sent
            address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


async def repeat(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers with what it was sent: plain, as a stream, as an error, or broken off, as the request wants it."""
    text = request.body.decode("latin-1")
    if request.method == "GET" and request.target.endswith("/models"):
        respond(writer, 200, {"object": "list", "data": []})
    elif "fail please" in text:
        respond(writer, 500, {"error": {"message": f"cannot do: {text}"}})
    elif '"stream": true' in text:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for said in (text[:200], text[200:]):
            event = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": said}}]}).encode() + b"\n\n"
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        if "break off please" in text:
            writer.transport.abort()
            return
        end = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).encode()
        writer.write(b"%x\r\ndata: %b\n\n\r\n" % (len(end) + 8, end))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    else:
        respond(writer, 200, chat_answer(text))


async def embed(request: Request, writer: asyncio.StreamWriter) -> None:
    respond(writer, 200, {"object": "list", "data": [{"index": 0, "object": "embedding", "embedding": [1.0, 0.5]}]})


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if shutil.which("strace") is None:
        absent("strace is not installed: `make servers`, or apt-get install strace")
    if subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not look at other processes here")
    log, address = tmp_path_factory.mktemp("strace") / "calls", outward()
    with ExitStack() as stack:
        vault = stack.enter_context(upstream(repeat))
        cloud = stack.enter_context(upstream(repeat, host=address))
        embedder = stack.enter_context(upstream(embed, host=address))
        redis, traces = stack.enter_context(redis_server()), stack.enter_context(collector())
        rules = RULES.format(vault=vault.url, cloud=cloud.url, embedder=embedder.url)
        settings = {
            "HERMIT": "the-key-of-the-hermit",
            "SIGNALBOX_KEYS": "free:the-key-of-the-free",
            "SIGNALBOX_LOG": "debug",
            "REDIS_URL": redis.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": traces.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        }
        # What a ring sends no system call shows: there is none to be had.
        no_ring = ("-e", "inject=io_uring_setup:error=ENOSYS")
        strace = ("strace", "-f", "-qq", "-yy", "-s", "10000000", "-e", f"trace={CALLS}", *no_ring, "-o", str(log))
        with signalbox(rules, under=strace, **settings) as proxy:
            yield Watched(proxy, vault, cloud, embedder, redis, traces, log)
            _end(proxy)


def _end(proxy: Signalbox) -> None:
    """End the proxy itself; strace then ends by itself."""
    pid = proxy.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    proxy.process.wait(15)


def asked(word: str, **more: Any) -> dict[str, Any]:
    """A request full of this word."""
    return {
        "model": "auto",
        "messages": [
            {"role": "system", "content": f"You are {word}."},
            {"role": "user", "content": f"tell me of {word}"},
        ],
        "stop": [f"{word}stop"],
        "user": f"{word}user",
        "metadata": {"about": f"{word}metadata"},
        "tools": [{"type": "function", "function": {"name": f"{word}tool", "parameters": {}}}],
        **more,
    }


def send(watched: Watched, key: str, body: dict[str, Any], path: str = CHAT, **headers: str) -> int:
    told = {"authorization": f"Bearer the-key-of-the-{key}", **headers}
    try:
        return post(watched.proxy, path, json.dumps(body).encode(), **told)[0]
    except http.client.IncompleteRead:  # a stream that was cut
        return 0


def private_requests(watched: Watched, key: str, **headers: str) -> list[int]:
    """All kinds of them."""
    told = {"x-session-id": f"{HIDDEN}session", "x-note": HIDDEN, **headers}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{HIDDEN}"}}
    form = f'--x\r\ncontent-disposition: form-data; name="file"; filename="{HIDDEN}.wav"\r\n\r\n{HIDDEN}\r\n--x--\r\n'
    authorization = {"authorization": f"Bearer the-key-of-the-{key}"}
    kind = {"content-type": "multipart/form-data; boundary=x"}
    done = [
        send(watched, key, asked(HIDDEN), **told),
        send(watched, key, asked(HIDDEN), **told),  # kept, or not, by now
        send(watched, key, asked(HIDDEN, stream=True), **told),
        send(watched, key, asked(HIDDEN, stream=True, note="break off please"), **told),
        send(watched, key, asked(HIDDEN, note="fail please"), **told),
        send(watched, key, asked(HIDDEN, model="cloud"), **told),
        send(watched, key, asked(HIDDEN, model=f"{HIDDEN}-large"), **told),
        send(watched, key, asked(HIDDEN, messages=[{"role": "user", "content": [picture]}]), **told),
        send(watched, key, {"model": "auto", "prompt": f"def {HIDDEN}"}, "/v1/completions", **told),
        send(watched, key, {"model": "auto", "input": HIDDEN}, "/v1/responses", **told),
        send(watched, key, {"model": "auto", "input": HIDDEN}, "/v1/embeddings", **told),
        send(watched, key, {**asked(HIDDEN), "max_tokens": 5}, "/v1/messages", **told),
        ask(watched.proxy, "POST", "/v1/audio/transcriptions", form.encode(), {**authorization, **kind, **told})[0],
    ]
    time.sleep(1.5)  # until ledger, log and traces are written
    return done


def nowhere_else(watched: Watched) -> None:
    """The private words have been to the vault and back, and nowhere else."""
    receivers = watched.receivers(HIDDEN)
    assert receivers.keys() == {"vault", "client"}, receivers
    for line in watched.calls():
        assert " process_vm_writev(" not in line
        assert " io_uring_setup(" not in line or "INJECTED" in line
    for server in (watched.cloud, watched.embedder):
        assert HIDDEN not in str([(request.headers, request.target, request.body) for request in server.requests])
    assert HIDDEN.encode() not in watched.traces.raw
    folder = watched.proxy.rules.parent
    for file in folder.iterdir():
        assert HIDDEN.encode() not in file.read_bytes(), file
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        assert database.execute(
            "SELECT count(*) FROM requests WHERE route IN ('locked', 'shared', 'direct')"
        ).fetchone()[0]


def test_words_of_others_go_everywhere_so_that_this_would_be_seen(watched: Watched) -> None:
    wanted = {"vault", "cloud", "embedder", "redis", "traces", "client"}
    until, times = time.monotonic() + 60, 0
    # More than once: Redis gets 45 ms for an answer, which a busy machine under strace may not have.
    while not wanted <= watched.receivers(SHOWN).keys():
        assert time.monotonic() < until, watched.receivers(SHOWN)
        times += 1
        assert send(watched, "free", asked(SHOWN, model="cloud", times=times)) == 200
        assert send(watched, "free", asked(SHOWN, times=times)) == 200
        time.sleep(0.5)
    assert SHOWN.encode() in watched.traces.raw


def test_what_a_private_route_is_asked_goes_to_its_backend_alone(watched: Watched) -> None:
    done = private_requests(watched, "free", **{"x-room": "locked"})
    assert done.count(200) >= 9 and 400 in done, done
    nowhere_else(watched)


def test_what_a_private_key_asks_goes_to_private_backends_alone_on_any_route(watched: Watched) -> None:
    done = private_requests(watched, "hermit")
    assert done.count(200) >= 9, done
    assert done[5] == 400, "the cloud, named, is refused"
    nowhere_else(watched)


def test_while_the_private_backend_is_away_nothing_is_sent_elsewhere(watched: Watched) -> None:
    watched.vault.stop()
    try:
        for key, room in (("free", "locked"), ("hermit", "open")):
            assert send(watched, key, asked(HIDDEN, note=f"away {key}"), **{"x-room": room}) == 503
        time.sleep(1)
    finally:
        watched.vault.start()
    nowhere_else(watched)


def test_what_is_kept_of_it_is_for_its_key_alone_and_not_in_redis(watched: Watched) -> None:
    names = watched.redis.cli("--scan").splitlines()
    private = [name for name in names if ":locked:" in name]
    assert private == [] and not [name for name in names if ":direct:" in name]
    body = asked(HIDDEN, note="kept")
    for key, wanted in (("hermit", "miss"), ("hermit", "hit"), ("free", "miss")):
        told = {"authorization": f"Bearer the-key-of-the-{key}", "x-room": "locked"}
        assert post(watched.proxy, CHAT, json.dumps(body).encode(), **told)[1]["x-signalbox-cache"] == wanted


def test_it_connects_to_nobody_but_those_that_are_configured(watched: Watched) -> None:
    connected = set()
    for line in watched.calls():
        if " connect(" in line and (port := re.search(r"sin6?_port=htons\((\d+)\)", line)):
            connected.add(int(port[1]))
    around = (watched.vault, watched.cloud, watched.embedder, watched.redis)
    ports = {*(each.port for each in around), int(watched.traces.url.rpartition(":")[2])}
    assert connected == ports
