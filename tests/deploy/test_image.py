"""deploy/Dockerfile. No Docker is needed: its instructions are read here; image_by_hand.py follows them."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.dockerfile import COPIED, LINES, ROOT, TEXT, said


def test_it_has_two_stages_from_one_pinned_small_image() -> None:
    (version,) = re.findall(r"PYTHON=(\S+)", TEXT)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", version)
    assert said("FROM") == ["${PYTHON} AS build", "${PYTHON}"]
    assert sum("--from=build" in rest for rest in said("COPY")) == 1


def test_it_runs_as_nobody_and_is_looked_at() -> None:
    (user,) = said("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert LINES.index(["USER", user]) < LINES.index(["ENTRYPOINT", said("ENTRYPOINT")[0]])
    (health,) = said("HEALTHCHECK")
    assert "/health" in json.loads(health[health.index("CMD") + 3 :])[2]


@pytest.mark.parametrize("source", COPIED)
def test_what_it_copies_is_there_and_let_through(source: str) -> None:
    assert (ROOT / source).exists()
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*" and f"!{Path(source)}" in ignored


def test_no_secret_and_nothing_else_goes_to_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    assert sorted(let_through) == sorted(str(Path(source)) for source in COPIED)
    assert not any(fnmatch(".env", pattern) for pattern in let_through)


def test_the_versions_are_the_tested_ones() -> None:
    assert any("--constraint constraints.txt" in rest for rest in said("RUN"))
