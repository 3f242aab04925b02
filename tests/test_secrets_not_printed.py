"""`signalbox` never prints a secret: every command, fine and with faults, with a secret in every place for one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from router.cli import COMMANDS, main
from tests.signalbox import Signalbox, signalbox
from tests.upstream import Upstream, upstream

MARK = "Capybara"
"""Stands in each secret."""
SECRET = f"sk-{MARK}-0123456789abcdef"
ENVIRONMENT = {
    "SIGNALBOX_KEYS": f"me:{SECRET}",
    "SIGNALBOX_ADMIN_KEY": f"{SECRET}admin",
    "REDIS_URL": f"redis://user:{SECRET}@127.0.0.1:9/0",
    "OPENAI_API_KEY": f"{SECRET}openai",
    "ANTHROPIC_API_KEY": f"{SECRET}anthropic",
    "FROM_ENVIRONMENT": f"{SECRET}environment",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}",
}
RULES = f"""
version: 1
backends:
  here:
    url: "URL"
    api_key: {SECRET}literal
    headers: {{x-token: {SECRET}, x-other: "${{FROM_ENVIRONMENT}}"}}
  path: {{url: "https://gateway.example/${{FROM_ENVIRONMENT}}/v1?key={SECRET}", optional: true}}
  cloud:
    kind: litellm
    model: openai/gpt-4o
    api_key: "${{FROM_ENVIRONMENT}}"
    api_base: http://127.0.0.1:9
    params: {{organization: {SECRET}}}
keys:
  plain: {SECRET}plain
  variable: "${{FROM_ENVIRONMENT}}"
routes:
  - {{name: headed, when: {{header: {{authorization: "Bearer {MARK}x*", x-api-key: "*{MARK}y"}}}}, to: here}}
  - {{name: cloudy, when: {{model: cloudy}}, to: cloud}}
  - {{name: rest, to: [here, cloud]}}
tests:
  - {{name: fails, headers: {{authorization: "Bearer {SECRET}"}}, request: {{messages: []}}, expect: {{route: headed}}}}
"""
REQUEST = {"headers": {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET}, "body": {"messages": []}}

FAULTS = [
    ("api_key: {SECRET}literal", "api_key: [{SECRET}]"),
    ("api_key: {SECRET}literal", "api_key: {{a: {SECRET}}}"),
    ("api_key: {SECRET}literal", "api_kee: {SECRET}"),
    ("headers: {{x-token: {SECRET}", "headers: {{x-token: [{SECRET}]"),
    ("params: {{organization: {SECRET}}}", "params: {SECRET}"),
    ("plain: {SECRET}plain", "plain: {{key: [{SECRET}]}}"),
    ("plain: {SECRET}plain", "plain: {{kee: {SECRET}}}"),
    ("plain: {SECRET}plain", "plain: sha256:{SECRET}"),
    ("plain: {SECRET}plain", "plain: {{key: {SECRET}, expires: {SECRET}}}"),
    ("plain: {SECRET}plain", "plain: [{SECRET}]"),
    ("version: 1", 'version: "${{FROM_ENVIRONMENT}}"'),
    ("to: cloud", 'to: "${{FROM_ENVIRONMENT}}"'),
    ("model: cloudy", 'tokens: "${{FROM_ENVIRONMENT}}"'),
    ("model: cloudy", 'text: "(${{FROM_ENVIRONMENT}}"'),
    ("model: cloudy", 'task: "${{FROM_ENVIRONMENT}}"'),
    ('url: "URL"', 'url: "http://me:{SECRET}@127.0.0.1/v1"'),
    ('url: "URL"', 'url: "${{FROM_ENVIRONMENT}}"'),
    ("kind: litellm", 'kind: "${{FROM_ENVIRONMENT}}"'),
]


@pytest.fixture(scope="module")
def server() -> object:
    with upstream() as running:
        yield running


Run = Callable[..., str]


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, and returns what it says on both outputs."""

    def ran(*words: str, **environment: str) -> str:
        for name in [name for name in os.environ if name.startswith(("SIGNALBOX_", "REDIS_"))]:
            monkeypatch.delenv(name)
        for name, value in {**ENVIRONMENT, "SIGNALBOX_DATA_DIR": str(folder / "data"), **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        capfd.readouterr()
        before = dict(os.environ)
        with contextlib.suppress(SystemExit):  # argparse
            main(list(words))
        os.environ.clear()  # `serve` tells its workers what it was told
        os.environ.update(before)
        said = "".join(capfd.readouterr())
        assert "Traceback" not in said, said
        return said

    return ran


@pytest.fixture
def folder(tmp_path: Path, server: Upstream) -> Path:
    (tmp_path / "signalbox.yaml").write_text(RULES.replace("URL", server.url))
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    return tmp_path


COMMAND_LINES = {
    "serve": [["serve", "--host", "0.0.0.0", "--port", "70000"], ["serve", "--rules", "nowhere.yaml"]],
    "setup": [["setup"], ["setup", "--json"], ["setup", "--yes", "--file", "new.yaml"]],
    "check": [["check"], ["check", "--json"]],
    "test": [["test"]],
    "doctor": [["doctor", "--patience", "1s"], ["doctor", "--json", "--paid", "--patience", "1s"], ["doctor", "heer"]],
    "connect": [["connect"], ["connect", "codex"], ["connect", "opencode", "--json"], ["connect", "openai"]],
    "models": [["models"], ["models", "--json"]],
    "login": [["login", "copilot", "--status"]],
    "explain": [
        ["explain", "request.json"],
        ["explain", "--json", "request.json"],
        ["explain", "--key", "plain", "--header", f"authorization: Bearer {SECRET}", "request.json"],
    ],
    "keys": [["keys", "list"], ["keys", "list", "--json"], ["keys", "revoke", "me"]],
    "spend": [["spend"], ["spend", "--json"]],
    "budget": [["budget"], ["budget", "--json"]],
    "extras": [["extras"]],
    "cache": [
        ["cache", "stats"],
        ["cache", "clear", "--json"],
        ["cache", "stats", "--proxy", "http://127.0.0.1:9", "--key", SECRET],
    ],
    "world": [["world", "ask", "--checkpoint", "nowhere", "x"], ["world", "encode", "x"]],
    "schema": [["schema"]],
}


def test_no_command_is_forgotten() -> None:
    assert COMMAND_LINES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("words", [line for lines in COMMAND_LINES.values() for line in lines], ids=" ".join)
def test_no_command_prints_a_secret(words: list[str], run: Run) -> None:
    said = run(*words)
    assert MARK not in said, said


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[1][:40])
@pytest.mark.parametrize("words", [["check"], ["check", "--json"], ["explain", "request.json"], ["test"]], ids=" ".join)
def test_no_fault_of_the_rules_prints_a_secret(
    words: list[str], fault: tuple[str, str], folder: Path, run: Run
) -> None:
    rules = folder / "signalbox.yaml"
    before, after = (text.format(SECRET=SECRET) for text in fault)
    written = rules.read_text()
    if before.startswith("url:"):
        before = next(line.strip() for line in written.splitlines() if line.strip().startswith("url:"))
    assert before in written
    rules.write_text(written.replace(before, after, 1))
    said = run(*words)
    assert said and MARK not in said, said


@pytest.mark.parametrize(
    "wrong",
    [
        {"SIGNALBOX_KEYS": SECRET},
        {"SIGNALBOX_KEYS": f"a:{SECRET},a:{SECRET}"},
        {"SIGNALBOX_ADMIN_KEY": MARK},
        {"REDIS_URL": f"{MARK}://{SECRET}"},
        {"REDIS_URL": f"redis://:{SECRET}@:{SECRET}/x"},
    ],
    ids=lambda wrong: str(len(str(wrong))),
)
@pytest.mark.parametrize("words", [["serve"], ["cache", "stats"], ["keys", "list"], ["keys", "new", "x"], ["spend"]])
def test_no_fault_of_the_settings_prints_a_secret(words: list[str], wrong: dict[str, str], run: Run) -> None:
    said = run(*words, **wrong)
    assert said and MARK.lower() not in said.lower(), said


def test_serving_with_a_fault_in_the_rules_prints_no_secret(folder: Path) -> None:
    rules = folder / "signalbox.yaml"
    rules.write_text(rules.read_text().replace("to: here", 'to: "${FROM_ENVIRONMENT}"'))
    command = [sys.executable, "-m", "router.cli", "serve", "--port", "0"]
    told = {**os.environ, **ENVIRONMENT, "SIGNALBOX_DATA_DIR": str(folder)}
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "signalbox.yaml:" in done.stderr
    assert MARK not in done.stdout + done.stderr


def test_a_proxy_that_runs_logs_and_answers_without_a_secret(server: Upstream) -> None:
    """Nothing of it stands in the banner, the log, errors or pages."""
    rules = RULES.replace("URL", server.url)
    for form in ("text", "json"):
        with signalbox(rules, SIGNALBOX_LOG="debug", SIGNALBOX_LOG_FORMAT=form, **ENVIRONMENT) as proxy:
            bodies = BODIES if form == "text" else BODIES[1:]
            said = [asked(proxy, "/v1/chat/completions", body) for body in bodies]
            question = {"headers": REQUEST["headers"], "body": {"messages": []}}
            said.append(asked(proxy, "/api/explain", question, f"{SECRET}admin"))
            said += [asked(proxy, path, None, f"{SECRET}admin") for path in PAGES]
            said += [asked(proxy, path, None, SECRET) for path in PAGES]
            assert any("authentication_error" in text for text in said)
            proxy.rules.write_text(rules.replace("version: 1", 'version: "${FROM_ENVIRONMENT}"'))
            until = time.monotonic() + 20
            while json.loads(proxy.get("/ready")[1])["config_valid"]:
                assert time.monotonic() < until
                time.sleep(0.1)
            said += [proxy.get("/ready")[1], proxy.log.read_text()]
            assert "is not valid" in said[-1] and "me" in said[-1]
            for text in said:
                assert MARK not in text, text


PAGES = ["/api/cache", "/metrics", "/ready", "/docs", "/openapi.json", "/v1/models", "/nowhere"]
USER = [{"role": "user", "content": "hi"}]
BODIES: list[dict[str, object]] = [
    {"model": "cloudy", "messages": USER},
    {"messages": USER},
    {"model": "path", "messages": []},
    {"messages": 7},
]
"""The first takes the seconds in which LiteLLM is imported."""


def asked(proxy: Signalbox, path: str, body: object, key: str = SECRET) -> str:
    """Headers and body of the answer. LiteLLM takes its time to be imported."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(proxy.root + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.headers) + answer.read().decode()
    except urllib.error.HTTPError as error:
        return str(error.headers) + error.read().decode()
