"""A real Phoenix server shows a routed request with its fallback as one trace. `make test-phoenix` installs it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.phoenix.conftest import VENV
from tests.signalbox import free_port, post, signalbox
from tests.upstream import Upstream, upstream

pytestmark = pytest.mark.real

RULES = """
version: 1
backends:
  flaky: {{url: "{flaky}", model: big, price: 0}}
  here: {{url: "{here}", model: small, price: {{input: 1, output: 2}}}}
routes:
  - {{name: code, to: [flaky, here]}}
"""
TRACE = """
query ($id: ID!) { projects { edges { node { traceCount tokenCountTotal trace(traceId: $id) {
  numSpans errorCount
  rootSpan { name cumulativeTokenCountPrompt cumulativeTokenCountCompletion numChildSpans }
} } } } }
"""


def _fetch(url: str, data: dict[str, Any] | None = None) -> Any:
    body = json.dumps(data).encode() if data is not None else None
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("phoenix"), free_port()
    said = {"PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(free_port())}
    said |= {"PHOENIX_WORKING_DIR": str(folder), "PHOENIX_TELEMETRY_ENABLED": "false"}
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [VENV / "bin" / "phoenix", "serve"], env={**os.environ, **said}, stdout=sink, stderr=sink
        )
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 90
    try:
        while True:
            try:
                _fetch(f"{url}/v1/projects")
                break
            except (OSError, urllib.error.URLError):
                assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def flaky() -> Iterator[Upstream]:
    """Tells its models, and hangs up on every question."""
    with upstream() as server:
        server.play = server.hang_up
        yield server


def _spans(url: str, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 30
    while True:
        found: list[dict[str, Any]] = _fetch(f"{url}/v1/projects/default/spans?limit=100")["data"]
        if len(found) >= count:
            return sorted(found, key=lambda span: span["start_time"])
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_phoenix_shows_a_fallback_as_one_trace_with_its_attempts(
    phoenix: str, flaky: Upstream, server: Upstream
) -> None:
    rules = RULES.format(flaky=flaky.url, here=server.url)
    with signalbox(rules, OTEL_EXPORTER_OTLP_ENDPOINT=phoenix, OTEL_BSP_SCHEDULE_DELAY="50") as proxy:
        question = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "fix it"}]}
        assert post(proxy, "/v1/chat/completions", json.dumps(question).encode())[0] == 200
        whole, failed, answered = _spans(phoenix, 3)
    assert len({span["context"]["trace_id"] for span in (whole, failed, answered)}) == 1
    assert failed["parent_id"] == answered["parent_id"] == whole["context"]["span_id"]
    assert (whole["span_kind"], failed["span_kind"], answered["span_kind"]) == ("CHAIN", "LLM", "LLM")
    assert (whole["status_code"], failed["status_code"], answered["status_code"]) == ("UNSET", "ERROR", "UNSET")
    assert failed["status_message"] == "broken"
    assert answered["attributes"]["llm.model_name"] == "small"
    assert answered["attributes"]["llm.token_count.prompt"] == 5

    asked = {"query": TRACE, "variables": {"id": whole["context"]["trace_id"]}}
    (project,) = _fetch(f"{phoenix}/graphql", asked)["data"]["projects"]["edges"]
    assert project["node"]["traceCount"] == 1
    assert project["node"]["trace"] == {
        "numSpans": 3,
        "errorCount": 1,
        "rootSpan": {
            "name": "signalbox code",
            # What a person reads beside the trace: added up over its spans, and counted once.
            "cumulativeTokenCountPrompt": 5,
            "cumulativeTokenCountCompletion": 2,
            "numChildSpans": 2,
        },
    }
