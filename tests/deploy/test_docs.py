"""docs/dashboards.md tells of each dashboard, each alert and each variable of the compose file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grafana.dashboards import DASHBOARDS
from tests.grafana.asked import alerts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dashboards.md").read_text()
VARIABLES = set(re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose.yaml").read_text()))


@pytest.mark.parametrize("name", [*[board.uid for board in DASHBOARDS], *alerts(), *sorted(VARIABLES)])
def test_it_is_told_of(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`", PAGE, re.MULTILINE)


def test_it_names_files_that_are_there() -> None:
    for path in re.findall(r"`((?:grafana|deploy|tests)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path


def test_it_starts_the_containers_as_the_compose_file_says() -> None:
    (shell,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    head = (ROOT / "deploy" / "compose.yaml").read_text()
    assert all(f"#   {line}" in head for line in shell.splitlines())
