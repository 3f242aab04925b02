"""The tasks: each can be done, and each can be done wrongly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from router.quality import fence
from router.quality.coding import CODING, code_in
from router.quality.fence import run_apart
from router.quality.forms import SCHEMAS, TOOLS
from tests.quality.solutions import PROGRAMS


def ran(code: str, name: str = "f", cases: Any = (((1,), 2),)) -> str | None:
    return asyncio.run(run_apart(code, name, [[list(given), want] for given, want in cases])).fault


def test_every_coding_task_has_a_program_that_is_right() -> None:
    async def all_of_them() -> list[tuple[str, str | None]]:
        out = []
        for task in CODING:
            cases = [[list(given), want] for given, want in task.cases]
            out.append((task.name, (await run_apart(PROGRAMS[task.name], task.name, cases)).fault))
        return out

    assert asyncio.run(all_of_them()) == [(task.name, None) for task in CODING]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def f(x): return x + 1", None),
        ("def f(x): return x", "wrong"),
        ("def f(x): return True + 1.0", "wrong"),
        ("def f(x) return", "SyntaxError"),
        ("def g(x): return x", "defines no f"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(0)", "ended"),
        ("def f(x):\n import socket; socket.create_connection(('127.0.0.1', 1)); return 2", "PermissionError"),
        ("def f(x):\n open('/etc/hostname').read(); return 2", "PermissionError"),
        ("def f(x):\n open('here', 'w'); return 2", "PermissionError"),
        ("import os\nos.remove('/tmp/nothing')", "PermissionError"),
        ("import subprocess\nsubprocess.run(['true'])", "PermissionError"),
        ("def f(x): return len([0] * 10**9)", "MemoryError"),
        ("print('x' * 10**6)\ndef f(x): return 2", None),
        ("import os\nos.write(1, b'[1, null, true]')\ndef f(x): return 3", "wrong"),
    ],
)
def test_a_program_is_judged_behind_a_fence(code: str, why: str | None) -> None:
    fault = ran(code)
    assert fault == why if why is None else why in (fault or "")


def test_a_program_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "SECONDS", 1)
    assert "ended" in (ran("def f(x):\n while True: pass") or "")
    monkeypatch.setattr(fence, "PATIENCE", 1.0)
    assert "does not end" in (ran("import time\ndef f(x): time.sleep(60)") or "")


def test_what_is_given_must_stay_as_it_is() -> None:
    cases = ((([2, 1],), [1, 2]),)
    assert ran("def f(x): return sorted(x)", cases=cases) is None
    assert ran("def f(x):\n x.sort()\n return x", cases=cases) == "it changes what it is given"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("def f(): pass", "def f(): pass"),
        ("Here:\n```python\ndef f(): pass\n```\nand\n```\nf()\n```", "def f(): pass\n"),
        ("```py\ndef f(): 1\n```\nbetter:\n```py\ndef f(): 2\n```", "def f(): 2\n"),
        ("<think>```\ndef f(): bad\n```</think>\n```python\ndef f(): good\n```", "def f(): good\n"),
        ("<think>never ends", ""),
    ],
)
def test_the_program_is_found_in_an_answer(answer: str, code: str) -> None:
    assert code_in(answer, "f") == code


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": json.dumps(arguments)}}


@pytest.mark.parametrize("task", TOOLS, ids=lambda task: task.name)
def test_a_right_call_is_right_and_no_other_is(task: Any) -> None:
    if task.call is None:
        assert task.fault([], "It is 42.") is None
        assert task.fault([], "41")
        assert task.fault([call("search", {"pattern": "42"})], "42")
        return
    assert task.fault([call(task.call, task.arguments)], "") is None
    assert task.fault([], "I would call it")
    assert task.fault([call("other", task.arguments)], "")
    assert task.fault([call(task.call, task.arguments)] * 2, "")
    assert task.fault([call(task.call, {})], "")
    assert task.fault([call(task.call, {**task.arguments, "more": 1})], "")
    assert task.fault([{"function": {"name": task.call, "arguments": "{"}}], "")
    wrong = {name: "x" if isinstance(value, str) else 99 for name, value in task.arguments.items()}
    assert task.fault([call(task.call, wrong)], "")


@pytest.mark.parametrize("task", SCHEMAS, ids=lambda task: task.name)
def test_a_right_object_is_right_and_no_other_is(task: Any) -> None:
    assert task.fault(json.dumps(task.values)) is None
    assert task.fault("```json\n" + json.dumps(task.values) + "\n```") == "it is no JSON"
    assert task.fault("{}")
    assert task.fault("[]")
    assert task.fault(json.dumps({**task.values, "more": 1}))
    first = next(iter(task.values))
    assert task.fault(json.dumps({**task.values, first: 3.5}))
