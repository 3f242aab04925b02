"""The doctor at a real llama.cpp server and at a real Signalbox in front of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_gguf
from tests.llama_server import llama_server
from tests.signalbox import signalbox

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor")
    tiny_gguf.write(folder / "tiny.gguf")
    return folder


@pytest.fixture(scope="module")
def llama(folder: Path) -> Iterator[str]:
    """URL of a running `python -m llama_cpp.server`."""
    with llama_server(folder / "tiny.gguf") as url:
        yield url


def doctor(rules: Path, *words: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and each check by backend and title."""
    command = [
        sys.executable,
        "-m",
        "router.cli",
        "doctor",
        "--rules",
        str(rules),
        "--json",
        "--patience",
        "60s",
        *words,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, {f"{c['backend']} {c['title']}": c for c in json.loads(ran.stdout)["checks"]}


def test_a_real_llama_server_is_examined(llama: str, folder: Path) -> None:
    rules = folder / "rules.yaml"
    rules.write_text(
        f"version: 1\nbackends:\n  server: {{url: '{llama}', model: tiny, price: 0}}\n"
        f"  inside: {{kind: gguf, path: '{folder / 'tiny.gguf'}'}}\nroutes: [{{name: r, to: [server, inside]}}]\n"
    )
    code, told = doctor(rules, "server", "inside")
    assert code == 0, told
    assert told["server reachable"]["state"] == told["server models"]["state"] == "ok"
    stream = told["server stream"]
    assert stream["state"] == "warning" and "no usage" in stream["detail"]  # as it is with llama_cpp.server
    assert "pieces" in stream["detail"]
    assert told["server tool call"]["state"] == "warning"  # random weights call nothing
    assert told["inside file"]["state"] == "ok" and "512" in told["inside context"]["detail"]


def test_a_signalbox_in_front_is_recognised_and_examined_like_any_server(llama: str, folder: Path) -> None:
    behind = f"version: 1\nbackends: {{tiny: {{url: '{llama}', model: tiny}}}}\nroutes: [{{name: r, to: tiny}}]\n"
    with signalbox(behind) as proxy:
        rules = folder / "chain.yaml"
        rules.write_text(
            f"version: 1\nbackends: {{box: {{url: '{proxy.url}', model: auto, price: 0}}}}\nroutes: [{{to: box}}]\n"
        )
        code, told = doctor(rules, "box")
    assert code == 0 and told["box reachable"]["about"].endswith("a Signalbox")
    assert told["box stream"]["state"] in ("ok", "warning") and told["box models"]["state"] == "ok"
