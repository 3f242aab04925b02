"""Starting, reloading and stopping, with requests on their way."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from router.config.discover import SERVERS
from tests.absent import absent
from tests.signalbox import Signalbox, free_port, open_stream, post, signalbox
from tests.upstream import Upstream, upstream

RULES = """
version: 1
backends:
  here: {{url: "{url}", model: m}}
routes:
  - {{name: "{name}", to: here}}
"""
CHAT = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'


def route_of(proxy: Signalbox) -> str:
    return post(proxy, "/v1/chat/completions", CHAT)[1]["x-signalbox-route"]


def wait_for_route(proxy: Signalbox, name: str, patience: float = 1.0) -> None:
    until = time.monotonic() + patience
    while route_of(proxy) != name:
        assert time.monotonic() < until, f"not reloaded within {patience} s"
        time.sleep(0.02)


def write_in_place(path: Path, text: str) -> None:
    with path.open("w") as file:
        for at in range(0, len(text), 40):
            file.write(text[at : at + 40])
            file.flush()


def replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.mark.parametrize("save", [write_in_place, replace])
def test_saving_the_file_swaps_the_rules_within_a_second(save: object) -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="old")) as proxy:
        assert route_of(proxy) == "old"
        save(proxy.rules, RULES.format(url=server.url, name="new"))  # type: ignore[operator]
        wait_for_route(proxy, "new")


def test_a_bad_edit_changes_nothing_and_shows() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="good")) as proxy:
        proxy.rules.write_text(RULES.format(url=server.url, name="bad").replace("to: here", "to: heer"))
        until = time.monotonic() + 2
        while "signalbox_config_valid 0.0" not in proxy.get("/metrics")[1]:
            assert time.monotonic() < until
            time.sleep(0.02)
        status, answer = proxy.get("/ready")
        told = json.loads(answer)
        assert (status, told["ready"], told["config_valid"]) == (200, True, False)
        assert 'did you mean "here"?' in told["config_error"]
        assert route_of(proxy) == "good"
        assert proxy.log.read_text().count("did you mean") == 1
        replace(proxy.rules, RULES.format(url=server.url, name="better"))
        wait_for_route(proxy, "better")
        assert "signalbox_config_valid 1.0" in proxy.get("/metrics")[1]


def test_a_hundred_edits_under_load_lose_no_request_and_no_stream() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="0")) as proxy:
        stop, failed, answered = threading.Event(), [], [0]

        def load(stream: bool) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            body = json.dumps({**json.loads(CHAT), "stream": stream})
            while not stop.is_set():
                connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200 or (stream and not text.endswith(b"[DONE]\n\n")):
                    failed.append((answer.status, text[-200:]))
                answered[0] += 1
            connection.close()

        threads = [threading.Thread(target=load, args=(number % 2 == 0,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 101):
            (replace if number % 2 else write_in_place)(proxy.rules, RULES.format(url=server.url, name=str(number)))
            time.sleep(0.05)
        wait_for_route(proxy, "100", 3)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert failed == []
        assert answered[0] > 200


def test_a_running_stream_outlives_the_removal_of_its_backend() -> None:
    with upstream() as server, upstream() as other, signalbox(RULES.format(url=server.url, name="old")) as proxy:
        server.pieces, server.pause = ["x"] * 40, 0.05
        with open_stream(proxy) as answer:
            replace(proxy.rules, RULES.format(url=other.url, name="new").replace("here", "there"))
            wait_for_route(proxy, "new")
            assert answer.read().endswith(b"[DONE]\n\n")


def test_sigterm_lets_a_stream_finish_takes_no_new_one_and_exits_with_0() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="all")) as proxy:
        server.pieces, server.pause = ["x"] * 20, 0.05
        with open_stream(proxy) as answer:
            proxy.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            with pytest.raises(OSError, match="refused"):
                proxy.get("/health")
            assert answer.read().endswith(b"[DONE]\n\n")
            assert proxy.process.wait(5) == 0


def test_several_workers_that_stop_take_nobody_in_whom_they_would_let_wait() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="all"), "--workers", "2") as proxy:
        server.pieces, server.pause = ["x"] * 80, 0.05
        with open_stream(proxy) as answer:
            proxy.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 3
            refused = False
            while not refused:
                assert time.monotonic() < until
                try:
                    proxy.get("/health")
                except OSError as error:  # one that came in this very moment may be let go
                    refused = "refused" in str(error)
                time.sleep(0.1)
            assert answer.read().endswith(b"[DONE]\n\n")
            assert proxy.process.wait(5) == 0


def test_sigterm_ends_a_stream_that_takes_longer_than_the_grace_time() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="all"), SIGNALBOX_GRACE="1") as proxy:
        server.pieces, server.pause = ["x"] * 200, 0.05
        with open_stream(proxy) as answer:
            begun = time.monotonic()
            proxy.process.send_signal(signal.SIGTERM)
            assert proxy.process.wait(8) == 0
            assert time.monotonic() - begun < 4
            with pytest.raises(http.client.IncompleteRead):
                answer.read()


def test_several_workers_serve_on_one_port_and_stop_together() -> None:
    with upstream() as server, signalbox(RULES.format(url=server.url, name="all"), "--workers", "2") as proxy:
        assert {route_of(proxy) for _ in range(30)} == {"all"}
        replace(proxy.rules, RULES.format(url=server.url, name="new"))
        time.sleep(1.5)
        assert {route_of(proxy) for _ in range(30)} == {"new"}
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(10) == 0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    command = [sys.executable, "-m", "router.cli", "serve", *arguments]
    return subprocess.run(
        command, env={**clean, **environment}, capture_output=True, text=True, timeout=20, check=False
    )


def test_an_open_address_without_keys_is_refused_with_the_reason(tmp_path: Path) -> None:
    ended = run("--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "there are no client keys" in ended.stderr
    assert "signalbox keys new" in ended.stderr


def test_faults_of_the_settings_and_the_rules_are_told_in_a_line_each(tmp_path: Path) -> None:
    ended = run(SIGNALBOX_KEYS="secret-without-alias", SIGNALBOX_WORKERS="many")
    assert ended.returncode == 2
    assert "SIGNALBOX_WORKERS" in ended.stderr
    assert "secret" not in ended.stderr
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\nroutes:\n  - {name: a, to: nobody}\n")
    ended = run("--rules", str(file))
    assert ended.returncode == 1
    assert "rules.yaml:3:" in ended.stderr
    assert run("--rules", str(tmp_path / "absent.yaml")).returncode == 1


def test_it_is_ready_before_any_backend_is_and_says_who_is_missing() -> None:
    rules = RULES.format(url=f"http://127.0.0.1:{free_port()}/v1", name="all")
    with signalbox(rules, ready=False) as proxy:
        time.sleep(0.3)
        status, answer = proxy.get("/ready")
        assert status == 503
        assert "here: cannot connect to" in json.loads(answer)["reasons"][0]


def test_without_a_rules_file_a_server_started_later_is_found(tmp_path: Path) -> None:
    """It listens on one of the usual ports. Where a server of the user's own does so, that one would be found."""
    for usual in SERVERS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", usual.port)) == 0:
                absent(f"something listens on port {usual.port}, where {usual.title} would: end it to run this test")
    ours = ("_API_KEY", "SIGNALBOX_")
    port, clean = free_port(), {n: v for n, v in os.environ.items() if not (n.endswith(ours) or n.startswith(ours))}
    command = [sys.executable, "-m", "router.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env=clean, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    proxy = Signalbox(port, tmp_path / "signalbox.yaml", process, tmp_path / "log")
    server = Upstream()
    try:
        assert process.stderr is not None
        said = next((line for line in process.stderr if b"lms server start" in line), b"")
        assert b"LM Studio" in said
        code, _, answer = post(proxy, "/v1/chat/completions", CHAT)
        assert (code, b"there is no backend yet" in answer) == (503, True)
        server.start(1234)
        until = time.monotonic() + 15
        while post(proxy, "/v1/chat/completions", CHAT)[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        proxy.rules.write_text(RULES.format(url=server.url, name="mine"))
        wait_for_route(proxy, "mine")
    finally:
        server.end()
        process.terminate()
        assert process.wait(10) == 0
        process.stderr.close()
