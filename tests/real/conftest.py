"""Scripted servers: one for the tests of a module, two that are new for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upstream import Upstream, upstream


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture
def first() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


@pytest.fixture
def second() -> Iterator[Upstream]:
    with upstream() as server:
        yield server
