"""A real Prometheus for tests: it scrapes once a second and follows the rules that ship."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.absent import absent
from tests.signalbox import Signalbox, free_port

__all__ = ["RULES", "Prometheus", "installed", "prometheus"]

RULES = Path(__file__).parents[1] / "deploy" / "prometheus"
SHORTER = {"interval: 1m": "interval: 2s", "offset 30s": "offset 3s", "offset 90s": "offset 5s"}
"""Only the recorded minute, and how long ago it ends, are shorter here: nobody waits for real ones."""


def installed(program: str) -> str:
    """Its path. Without it the test is skipped, and in CI it fails."""
    path = shutil.which(program)
    if path is None:
        absent(f"{program} is not installed: apt-get install prometheus")
    return path


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    port: int

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query, now. AssertionError with Prometheus' words where it is none."""
        return self._get("query", query=expr)

    def over(self, expr: str, since: float, step: float = 1) -> list[dict[str, Any]]:
        """The series of a range query from `since` (seconds of the epoch) until now."""
        return self._get("query_range", query=expr, start=str(since), end=str(time.time()), step=str(step))

    def value(self, expr: str) -> float:
        """Of a query with one number; 0 where there is none."""
        found = self.query(expr)
        assert len(found) < 2, found
        return float(found[0]["value"][1]) if found else 0.0

    def wait(self, expr: str, wanted: float, patience: float = 20) -> None:
        """Until a query has this value."""
        until = time.monotonic() + patience
        while (value := self.value(expr)) != wanted:
            assert time.monotonic() < until, f"{expr} is {value} and not {wanted}"
            time.sleep(0.2)

    def _get(self, what: str, **asked: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}"
        try:
            with urllib.request.urlopen(url, urllib.parse.urlencode(asked).encode(), timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{asked['query']}: {error.read().decode()}") from None


@contextmanager
def prometheus(*proxies: Signalbox, key: str = "") -> Iterator[Prometheus]:
    """Scrapes these, with the client key where one is needed."""
    program = installed("prometheus")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        for file in ("recorded.yaml", "alerts.yaml"):
            rules = (RULES / file).read_text()
            for real, here in SHORTER.items():
                rules = rules.replace(real, here)
            (folder / file).write_text(rules)
        scrape: dict[str, Any] = {
            "job_name": "signalbox",
            "static_configs": [{"targets": [f"127.0.0.1:{proxy.port}" for proxy in proxies]}],
        }
        if key:
            scrape["authorization"] = {"credentials": key}
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": ["recorded.yaml", "alerts.yaml"], "scrape_configs": [scrape]}
        (folder / "prometheus.yaml").write_text(json.dumps(config))  # JSON is YAML
        command = [program, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        server = Prometheus(port)
        try:
            until = time.monotonic() + 20
            while not _ready(port):
                assert running.poll() is None and time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.05)
            server.wait('sum(up{job="signalbox"})', len(proxies))
            yield server
        finally:
            running.terminate()
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
