"""Usage in any backend's words becomes the same tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.accounts.tokens import tokens_of
from router.telemetry.record import Tokens
from tests.accounts.usages import USAGES


@pytest.mark.parametrize("name", USAGES)
def test_the_usage_of_each_provider_is_understood(name: str) -> None:
    usage, tokens = USAGES[name]
    assert tokens_of(usage) == tokens


@pytest.mark.parametrize("usage", [{}, {"total_tokens": 5}, {"search_units": 1}])
def test_what_tells_of_no_tokens_is_none(usage: dict[str, Any]) -> None:
    assert tokens_of(usage) is None


ODD = (
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers() | st.lists(st.integers(), max_size=2)
)
NAMES = st.sampled_from(sorted({name for usage, _ in USAGES.values() for name in usage}))


@given(st.dictionaries(NAMES, ODD | st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), ODD)))
def test_whatever_types_it_holds_a_part_is_never_more_than_its_whole(usage: dict[str, Any]) -> None:
    tokens = tokens_of(usage)
    if tokens is not None:
        assert 0 <= tokens.cached + tokens.cache_write <= tokens.input
        assert 0 <= tokens.reasoning <= tokens.output


def test_a_count_of_a_wrong_type_counts_as_nothing() -> None:
    assert tokens_of({"prompt_tokens": "12", "completion_tokens": -3}) == Tokens()
