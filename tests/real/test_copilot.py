"""GitHub Copilot from the login to the answer: the real LiteLLM, and a GitHub of the tests' own."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from router.cli import main
from tests.backends.github import TOKEN, GitHub, github
from tests.signalbox import Signalbox, post, signalbox

CHAT = "/v1/chat/completions"
RULES = """
version: 1
backends:
  copilot: {kind: litellm, model: github_copilot/gpt-4.1, accepts: [text, image], price: 0}
  codex: {kind: litellm, model: github_copilot/gpt-5.3-codex, price: 0}
routes: [{to: copilot}]
"""
USER = {"role": "user", "content": "Fix the bug"}
SYSTEM = {"role": "system", "content": "You are a helpful person."}
LOOK = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED = [USER, {"role": "assistant", "content": "", "tool_calls": [LOOK]}]
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "seen"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@dataclass
class Done:
    """What the command came to."""

    returncode: int
    stdout: str
    stderr: str


def login(hub: GitHub, *arguments: str) -> Done:
    """In this process: an import of LiteLLM for each would take longer than all the rest."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in hub.environ.items():
            patch.setenv(name, value)
        code = main(["login", "copilot", *arguments])
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    with github(tmp_path_factory.mktemp("github") / "login") as hub:
        yield hub


@pytest.fixture(scope="module")
def down_then_up(hub: GitHub) -> Iterator[tuple[Signalbox, list[Any]]]:
    """A proxy that began without a login, what it said then, and what the login said."""
    with signalbox(RULES, ready=False, **hub.environ) as proxy:
        said: list[Any] = [_refusal(proxy)]
        hub.answers = [
            {"error": "authorization_pending"},
            {"error": "slow_down", "interval": 0.02},
            {"access_token": TOKEN},
        ]
        said.append(login(hub))
        proxy.wait_ready()
        yield proxy, said


@pytest.fixture
def proxy(down_then_up: tuple[Signalbox, list[Any]]) -> Signalbox:
    return down_then_up[0]


def _refusal(proxy: Signalbox) -> tuple[int, bytes]:
    """Once LiteLLM is imported."""
    until = time.monotonic() + 30
    while True:
        status, _, body = post(proxy, CHAT, json.dumps({"model": "copilot", "messages": [USER]}).encode())
        if b"signalbox login" in body or time.monotonic() > until:
            return status, body
        time.sleep(0.1)


def chat(proxy: Signalbox, messages: list[Any], **headers: str) -> tuple[int, bytes]:
    status, _, body = post(proxy, CHAT, json.dumps({"model": "copilot", "messages": messages}).encode(), **headers)
    return status, body


def test_without_a_login_the_backend_is_down_and_says_what_to_do(
    down_then_up: tuple[Signalbox, list[Any]], hub: GitHub
) -> None:
    status, body = down_then_up[1][0]
    assert status == 503
    assert b"run `signalbox login copilot`" in body
    assert len([each for each in hub.server.requests if each.target == "/device"]) == 1  # the command's own


def test_a_login_shows_address_and_code_and_waits(down_then_up: tuple[Signalbox, list[Any]], hub: GitHub) -> None:
    done = down_then_up[1][1]
    assert done.returncode == 0, done.stderr
    assert "AB-12" in done.stdout and "/login" in done.stdout and "Logged in" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert (hub.folder / "access-token").read_text() == TOKEN
    modes = [oct(path.stat().st_mode & 0o777) for path in (hub.folder, *sorted(hub.folder.iterdir()))]
    assert modes == ["0o700", "0o600", "0o600"]


def test_a_running_proxy_finds_the_login(proxy: Signalbox, hub: GitHub) -> None:
    status, body = chat(proxy, [SYSTEM, USER])
    assert status == 200, body
    asked = hub.chats[-1]
    assert asked.json["messages"] == [SYSTEM, USER]  # a system prompt stays one
    assert asked.headers["authorization"].startswith("Bearer tid=")
    assert asked.headers["editor-version"] and asked.headers["copilot-integration-id"]
    assert asked.headers["user-agent"].startswith("GitHubCopilotChat/")


@pytest.mark.parametrize(
    ("messages", "headers", "who"),
    [
        ([USER], {}, "user"),
        ([SYSTEM, USER], {}, "user"),
        ([USER, {"role": "assistant", "content": "Done."}, {"role": "user", "content": "Now the tests"}], {}, "user"),
        ([*CALLED, RESULT], {}, "agent"),
        ([*CALLED, RESULT, {"role": "user", "content": [PICTURE]}], {}, "agent"),
        ([*CALLED, RESULT, {"role": "user", "content": "And now?"}], {}, "user"),
        ([{"role": "user", "content": "<system-reminder>Remember.</system-reminder>"}], {}, "agent"),
        ([{"role": "system", "content": "You are a title generator. You output titles."}, USER], {}, "agent"),
        ([{"role": "user", "content": "Write a commit message for this change: x = 1"}], {}, "user"),
        ([USER], {"x-parent-session-id": "ses_1"}, "agent"),
        ([USER], {"x-initiator": "agent"}, "agent"),
        ([*CALLED, RESULT], {"x-initiator": "user"}, "user"),
        ([USER], {"x-initiator": "nobody"}, "user"),
    ],
)
def test_who_began_is_told_from_the_turn(
    proxy: Signalbox, hub: GitHub, messages: list[Any], headers: dict[str, str], who: str
) -> None:
    status, body = chat(proxy, messages, **headers)
    assert status == 200, body
    assert hub.chats[-1].headers["x-initiator"] == who


def test_pictures_are_announced(proxy: Signalbox, hub: GitHub) -> None:
    chat(proxy, [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}])
    assert hub.chats[-1].headers["copilot-vision-request"] == "true"
    chat(proxy, [USER])
    assert "copilot-vision-request" not in hub.chats[-1].headers


def test_a_stream_comes_through(proxy: Signalbox, hub: GitHub) -> None:
    body = json.dumps({"model": "copilot", "messages": [*CALLED, RESULT], "stream": True}).encode()
    status, _, answer = post(proxy, CHAT, body)
    assert status == 200
    assert b'"hel"' in answer and answer.endswith(b"data: [DONE]\n\n")
    assert hub.chats[-1].headers["x-initiator"] == "agent"


def test_a_model_of_the_responses_api_is_told_too(proxy: Signalbox, hub: GitHub) -> None:
    post(proxy, CHAT, json.dumps({"model": "codex", "messages": [*CALLED, RESULT]}).encode())
    asked = hub.chats[-1]
    assert asked.target == "/responses"
    assert asked.headers["x-initiator"] == "agent" and asked.headers["editor-version"]
    assert asked.headers["user-agent"].startswith("GitHubCopilotChat/")


def test_a_key_that_has_run_out_is_renewed_and_nothing_else_waits(proxy: Signalbox, hub: GitHub) -> None:
    run_out(hub)
    before, hub.slow = hub.keys, 0.5
    try:
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(chat, proxy, [USER])
            answered = 0
            while not asking.done():
                proxy.get("/health")
                answered += 1
        assert asking.result()[0] == 200
    finally:
        hub.slow = 0.0
    assert hub.keys == before + 1
    assert answered >= 5  # a loop that waits answers one, whenever it is free again
    assert oct((hub.folder / "api-key.json").stat().st_mode & 0o777) == "0o600"


def run_out(hub: GitHub) -> None:
    told = json.loads((hub.folder / "api-key.json").read_text())
    (hub.folder / "api-key.json").write_text(json.dumps({**told, "expires_at": time.time() - 1}))


@pytest.mark.parametrize("behind", [7200.0, -7200.0])
def test_a_key_holds_for_its_time_whatever_the_clocks_say(proxy: Signalbox, hub: GitHub, behind: float) -> None:
    run_out(hub)
    before, hub.behind = hub.keys, behind
    try:
        assert [chat(proxy, [USER])[0] for _ in range(3)] == [200] * 3
    finally:
        hub.behind = 0.0
    assert hub.keys == before + 1
    kept = json.loads((hub.folder / "api-key.json").read_text())
    assert 0 < kept["expires_at"] - time.time() <= hub.lifetime
    assert oct((hub.folder / "api-key.json").stat().st_mode & 0o777) == "0o600"


def test_a_key_that_ended_before_it_came_is_told_and_never_renewed_in_the_loop(proxy: Signalbox, hub: GitHub) -> None:
    run_out(hub)
    before, hub.behind, hub.tells_refresh = hub.keys, 7200.0, False
    try:
        status, body = chat(proxy, [USER])
    finally:
        hub.behind, hub.tells_refresh = 0.0, True
    assert status == 503 and b"is the clock of this machine right?" in body
    assert hub.keys == before + 1
    run_out(hub)
    assert chat(proxy, [USER])[0] == 200


def test_a_login_that_is_refused_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    with github(tmp_path / "login") as other:
        other.answers = [{"error": "access_denied", "error_description": "The user has denied it."}]
        done = login(other)
        assert done.returncode == 1
        assert "The user has denied it." in done.stderr
        assert login(other, "--status").returncode == 1


def test_an_answer_of_another_shape_is_told_without_a_traceback(tmp_path: Path) -> None:
    with github(tmp_path / "login") as other:
        other.answers = [["odd"]]  # type: ignore[list-item]
        done = login(other)
        assert done.returncode == 1
        assert "no JSON object" in done.stderr


def test_an_account_without_copilot_is_told_so(tmp_path: Path) -> None:
    with github(tmp_path / "login") as other:
        other.subscribed = False
        done = login(other)
        assert done.returncode == 1
        assert "subscription" in done.stderr and "Traceback" not in done.stderr
        assert not list((tmp_path / "login").iterdir())


def test_status_and_logout(tmp_path: Path) -> None:
    with github(tmp_path / "login") as other:
        assert login(other).returncode == 0
        assert login(other, "--status").stdout.startswith("logged in; ")
        assert login(other, "--logout").stdout == "logged out\n"
        assert login(other, "--logout").stdout == "there was no login\n"
