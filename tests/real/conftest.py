"""A scripted server for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upstream import Upstream, upstream


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as running:
        yield running
