"""What one request teaches for those of others."""

from __future__ import annotations

import json
from time import thread_time
from typing import Any

import pytest

from router.backends.contract import Call
from router.config.backend import HttpBackend
from router.config.facts import Facts
from router.repair.lessons import LOOKED_THROUGH, speaks_so
from router.repair.needs import NOTHING, Needs, dropping
from router.repair.repairs import Repairs
from router.repair.taught import Taught

HELLO = [{"role": "user", "content": "hello"}]


def taught() -> Taught:
    spec = HttpBackend(url="http://127.0.0.1:1/v1")
    return Taught(Repairs(spec, Facts("b", "http")), "m")


def refused(known: Taught, message: str, data: dict[str, Any], number: int = 1) -> bool:
    body = json.dumps({"error": {"message": message, "request_id": f"req-{number}"}}).encode()
    return known.by(400, body, Call("/v1/chat/completions", b"", data, [], False))


def learned(known: Taught) -> Needs:
    return known.repairs.needs("m")


def test_what_helped_is_known_for_others() -> None:
    known = taught()
    assert refused(known, "Unsupported parameter: 'seed'", {"messages": HELLO, "seed": 1})
    assert learned(known) is NOTHING
    known.settle()
    assert learned(known) == dropping("seed")


def test_nothing_is_kept_of_what_did_not_help_though_each_error_has_its_number() -> None:
    known = taught()
    assert refused(known, "Unsupported parameter: 'seed'", {"messages": HELLO, "seed": 1})
    assert not refused(known, "Unsupported parameter: 'seed'", {"messages": HELLO}, 2)
    assert learned(known) is NOTHING


def test_a_lesson_for_one_request_repairs_it_and_is_not_kept() -> None:
    known = taught()
    message = "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model."
    assert refused(known, message, {"messages": HELLO, "reasoning_effort": "xhigh"})
    known.settle()
    assert known.all_needs() == dropping("reasoning_effort")
    assert learned(known) is NOTHING


@pytest.mark.parametrize(
    "words", ["Unsupported parameter: 'top_p'", "It supports at most 1 completion tokens", "roles must alternate"]
)
@pytest.mark.parametrize("where", ["value", "message", "deep"])
def test_a_client_that_is_quoted_by_an_error_changes_nothing_for_others(words: str, where: str) -> None:
    known = taught()
    said: dict[str, Any] = {"messages": [*HELLO, *HELLO], "top_p": 1, "max_tokens": 9}
    more: dict[str, Any] = {
        "value": {"seed": words},
        "message": {"messages": [*HELLO, {"role": "user", "content": "x" * 20_000 + words}]},
        "deep": {"metadata": {"a": [{"b": words.replace("'", "\\'")}]}},
    }
    refused(known, f"Input should be a number, input: {words!r}", said | more[where])
    known.settle()
    assert learned(known) is NOTHING


def test_ordinary_words_do_not_hinder_learning() -> None:
    agent = {
        "model": "m",
        "messages": [{"role": "developer", "content": "You are a developer. Your role: write code."}, *HELLO],
        "tools": [{"type": "function", "function": {"name": "read", "strict": True, "parameters": {"type": "object"}}}],
        "store": False,
    }
    assert not speaks_so(agent)


@pytest.mark.alone
@pytest.mark.parametrize("piece", ["role ", "unsupported parameter: ", "'loc': (", "maximum context length is 1"])
def test_looking_through_a_request_is_quick(piece: str) -> None:
    began = thread_time()
    speaks_so({"messages": [{"role": "user", "content": piece * (LOOKED_THROUGH // len(piece))}]})
    assert speaks_so({"messages": [{"role": "user", "content": "a" * (LOOKED_THROUGH + 1)}]})
    assert thread_time() - began < 1
