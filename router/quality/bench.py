"""The whole of it, backend by backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from router.quality.asking import Asker, Heard
from router.quality.coding import CODING, CodingTask, code_in
from router.quality.fence import run_apart
from router.quality.forms import OFFER, SCHEMAS, TOOLS, SchemaTask, ToolTask
from router.quality.score import Done, Score
from router.quality.speed import Progress, Speed, measure, probe_context

__all__ = ["PARTS", "Part", "Result", "bench"]

Part = Literal["speed", "coding", "tools", "json"]
PARTS: tuple[Part, ...] = ("speed", "coding", "tools", "json")

MOST_CODE, MOST_CALL = 2048, 512
"""Tokens of an answer; never more than half of the context."""
HOPELESS = 3
"""Questions in a row that are not answered: the rest of the part would not be either."""


@dataclass(slots=True)
class Result:
    """Of one backend. What was not asked stays None."""

    name: str
    model: str
    context: int | None
    speed: Speed | None = None
    context_probe: str | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    """By part: `coding`, `tools`, `json`."""
    usd: float | None = None
    """What it cost; None where no price is known."""
    free: bool = False
    questions: int = 0
    complete: bool = False
    """Everything that was wanted has been asked."""
    fault: str | None = None
    """Why nothing could be asked."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "backend": self.name,
            "model": self.model,
            "context": self.context,
            "context_probe": self.context_probe,
            "speed": self.speed.as_dict() if self.speed is not None else None,
            **{part: score.as_dict() for part, score in self.scores.items()},
            "questions": self.questions,
            "usd": self.usd,
            "complete": self.complete,
            "fault": self.fault,
        }


async def bench(asker: Asker, parts: Collection[Part], probe: bool, progress: Progress, result: Result) -> None:
    """Fill in `result` as it goes: what was measured before an interruption stands there."""
    try:
        if "speed" in parts:
            result.speed = await measure(asker, progress)
            result.fault = result.speed.fault
            if result.fault is not None:
                return
        if probe:
            result.context_probe = await probe_context(asker, progress)
        if "coding" in parts:
            await _all(asker, "coding", CODING, lambda task: _code(asker, task), progress, result)
        if "tools" in parts:
            await _all(asker, "tools", TOOLS, lambda task: _tool(asker, task), progress, result)
        if "json" in parts:
            await _all(asker, "json", SCHEMAS, lambda task: _json(asker, task), progress, result)
        result.complete = True
    finally:
        result.usd, result.free, result.questions = asker.usd, asker.free, asker.questions


async def _all(
    asker: Asker,
    part: str,
    tasks: Iterable[Any],
    do: Callable[[Any], Awaitable[tuple[str | None, Heard]]],
    progress: Progress,
    result: Result,
) -> None:
    done: list[Done] = []
    silent = 0
    for task in tasks:
        progress(f"{asker.name}: {part}, {task.name}")
        if silent >= HOPELESS:
            done.append(Done(task.name, "not asked: it had not answered those before"))
        else:
            fault, heard = await do(task)
            silent = silent + 1 if heard.fault is not None else 0
            done.append(Done(task.name, fault))
        result.scores[part] = Score(tuple(done))


async def _code(asker: Asker, task: CodingTask) -> tuple[str | None, Heard]:
    heard = await asker.ask([{"role": "user", "content": task.prompt}], _most(asker, MOST_CODE))
    if (fault := _unsaid(heard)) is not None:
        return fault, heard
    cases = [[list(given), want] for given, want in task.cases]
    return (await run_apart(code_in(heard.text, task.name), task.name, cases)).fault, heard


async def _tool(asker: Asker, task: ToolTask) -> tuple[str | None, Heard]:
    words = [{"role": "user", "content": task.words}]
    heard = await asker.ask(words, _most(asker, MOST_CALL), tools=OFFER, tool_choice="auto")
    return heard.fault or task.fault(heard.calls, heard.text), heard


async def _json(asker: Asker, task: SchemaTask) -> tuple[str | None, Heard]:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": task.schema}}
    words = f"Write down as JSON what you are told. {task.words} The fields: {', '.join(task.properties)}."
    messages = [{"role": "user", "content": words}]
    heard = await asker.ask(messages, _most(asker, MOST_CALL), response_format=form)
    return _unsaid(heard) or task.fault(heard.text), heard


def _unsaid(heard: Heard) -> str | None:
    if heard.fault is not None:
        return heard.fault
    if heard.text.strip():
        return None
    return "it came to no answer within its tokens" if heard.reason == "length" else "it says nothing"


def _most(asker: Asker, tokens: int) -> int:
    context = asker.backend.facts.context
    return tokens if context is None else max(16, min(tokens, context // 2))
