"""Without Phoenix its test is not collected; `make test-phoenix` installs it and runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upstream import Upstream, upstream

VENV = Path(os.environ.get("PHOENIX_VENV", Path(__file__).parents[2] / ".venv-phoenix"))

collect_ignore = [] if (VENV / "bin" / "phoenix").exists() else ["test_phoenix.py"]


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as running:
        yield running
