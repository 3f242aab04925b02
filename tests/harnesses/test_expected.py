"""What counts as expected: a deviation is known by all that was seen of it, and by nothing less."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.harnesses.__main__ import expected
from tests.harnesses.driving import Outcome, at_llama
from tests.harnesses.install import CLIENTS

BROKEN = {"route": "the rest", "status": 200, "outcome": "broken"}
CUT = Outcome(
    "openai-python", "cut", "no answer, exit code 1", 1.0, 1, [BROKEN], "openai.APIConnectionError: Connection error."
)


def test_a_deviation_that_is_seen_again_is_expected() -> None:
    assert expected(CUT)


@pytest.mark.parametrize(
    "other",
    [
        {"verdict": "ok", "exit": 0},
        {"verdict": "not ended after 180 s", "exit": -1},
        {"printed": "ModuleNotFoundError: No module named 'openai'"},
        {"requests": []},
        {"requests": [{**BROKEN, "status": 502}]},
        {"requests": [BROKEN, {**BROKEN, "outcome": "ok"}]},
    ],
)
def test_any_other_end_is_not_expected(other: dict[str, Any]) -> None:
    assert not expected(replace(CUT, **other))


def test_a_client_that_is_not_installed_is_expected_only_where_the_list_tells_why() -> None:
    for name, client in CLIENTS.items():
        assert expected(Outcome(name, "chat", "not installed")) is bool(client.absent)


def test_llama_cpp_is_passed_over_only_because_its_server_says_that_the_request_is_too_long() -> None:
    passed = [{"attempts": [["llama", "broken"], ["general", None]]}]
    assert at_llama(passed, "ValueError: Requested tokens (9000) exceed context window of 8192") == "ok"
    assert at_llama(passed, "") == "llama.cpp: broken"
    assert at_llama(passed, "TypeError: can only concatenate str") == "llama.cpp: broken"
    assert at_llama([{"attempts": [["llama", None]]}], "") == "ok"
    assert at_llama([{"attempts": [["general", None]]}], "") == "llama.cpp was not asked"
