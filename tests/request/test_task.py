"""The task of a request: measured on written requests, on requests kept apart, and on recorded ones."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from router.request.signals import TASKS
from tests import captures
from tests.request import labelled
from tests.request.bodies import chat, signals


def test_the_written_requests_are_told_apart() -> None:
    share, table = labelled.confusion(labelled.written("task_cases.yaml"))
    assert share >= 0.97, f"\n{table}"


def test_the_requests_kept_apart_are_told_apart_nearly_as_well() -> None:
    share, table = labelled.confusion(labelled.written("task_heldout.yaml"))
    assert share >= 0.9, f"\n{table}"


def test_nothing_written_as_chat_is_taken_for_anything_else() -> None:
    cases = [*labelled.written("task_cases.yaml"), *labelled.written("task_heldout.yaml")]
    wrong = [case.name for case in cases if case.task == "chat" and case.signals.task != "chat"]
    assert len(wrong) <= 2, wrong


def test_the_recorded_requests_are_told_apart() -> None:
    captures.needed()
    cases = labelled.captures() or ()
    share, table = labelled.confusion(cases)
    assert share >= 0.98, f"\n{table}"


def test_the_written_requests_cover_every_task() -> None:
    counts = Counter(case.task for case in labelled.written("task_cases.yaml"))
    assert set(counts) == set(TASKS)
    assert counts.total() >= 150


@pytest.mark.parametrize(
    "piece",
    ["\n", "fun f(", "const a ", "track 1: ", "def x()", "<system-reminder>", "(1,1) robot ", ".", "a ", "<fim_"],
)
def test_a_long_text_made_to_be_slow_is_not(piece: str) -> None:
    found = signals(chat(("system", "robot state " + piece * 40_000), ("user", "write summary " + piece * 40_000)))
    start = time.perf_counter()
    assert found.task in TASKS
    assert found.language is not None
    assert time.perf_counter() - start < 0.5
