"""Small rules and requests for the tests of this room."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from router.config.facts import Facts
from router.config.grant import Grant
from router.config.problems import Problem
from router.config.schema import Rules
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals
from router.routing.conditions import Condition, compile_when
from router.routing.plan import Plan, compile_plan
from router.telemetry.load import Load

CHAT = "/v1/chat/completions"
SATURDAY_NIGHT = datetime(2026, 11, 21, 23, 0)
PIXEL = "data:image/png;base64,iVBORw0KGgo="

IMAGE = {
    "role": "user",
    "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
}
TITLE = {"role": "system", "content": "You are a title generator. You output only a thread title."}


def signals(
    text: str = "hello",
    *,
    path: str = CHAT,
    headers: dict[str, str] | None = None,
    key: str | None = None,
    grant: Grant | None = None,
    at: datetime = SATURDAY_NIGHT,
    **body: Any,
) -> Signals:
    """Of a request with one user message, or with the messages given."""
    data = {"messages": [{"role": "user", "content": text}], **body}
    return Signals(Envelope(path, data, Headers.of(headers or {}), orjson.dumps(data), key=key, grant=grant), at)


def condition(when: dict[str, Any]) -> Condition:
    """A condition that has no faults."""
    problems: list[Problem] = []
    compiled = compile_when(when, ("when",), problems)
    assert problems == []
    return compiled


def faults(when: dict[str, Any]) -> list[Problem]:
    """What is wrong with a condition."""
    problems: list[Problem] = []
    compile_when(when, ("when",), problems)
    return problems


def rules(*routes: dict[str, Any], backends: tuple[str, ...] = ("home", "eyes", "cloud"), **more: Any) -> Rules:
    """Rules with these routes; a route without a name is called r0, r1, …"""
    named = [{"name": f"r{number}", **route} for number, route in enumerate(routes)]
    specs = {name: {"url": "http://127.0.0.1:9/v1"} for name in backends}
    return Rules.model_validate({"version": 1, "backends": specs, "routes": named, **more})


def plan(*routes: dict[str, Any], **more: Any) -> Plan:
    """`rules`, compiled."""
    return compile_plan(rules(*routes, **more))


def facts(**changes: dict[str, Any]) -> dict[str, Facts]:
    """`home` is private, `eyes` sees images, `cloud` does neither; `changes` are by name."""
    known = {
        "home": Facts("home", "http", private=True, context=32_768),
        "eyes": Facts("eyes", "http", accepts=frozenset({"text", "image"}), private=True),
        "cloud": Facts("cloud", "litellm"),
    }
    for name, fields in changes.items():
        for field, value in fields.items():
            setattr(known[name], field, value)
    return known


class Still(Load):
    """A load whose figures are said; its clock stands still until it is set."""

    def __init__(self, parallel: int | None = None, busy: int = 0, waiting: int = 0, eldest: float = 0.0):
        self.now = 1000.0
        super().__init__(parallel, 64, lambda: self.now)
        self.busy, self._queued, self._eldest = busy, waiting, eldest

    @property
    def waiting(self) -> int:
        return self._queued

    @property
    def eldest(self) -> float:
        return self._eldest


def tools(*names: str) -> list[dict[str, Any]]:
    """Tools as chat completions offer them."""
    return [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]


class Open:
    """A circuit that is not closed: `reason` is why nobody may pass, None when one request may."""

    def __init__(self, reason: str | None):
        self.reason = reason

    def why(self) -> str | None:
        return self.reason

    def look_again(self) -> None:
        raise AssertionError("the gates change nothing")


OPEN = Open("circuit open for another 12 s after 5 failures: connection refused")
