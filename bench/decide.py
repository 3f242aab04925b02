"""What a decision costs: `python -m bench.decide`.

Five routes as a person writes them, also with each `choice` at the last; then a thousand in several shapes, with the
index and without. The request is small and answered by the last route, so that every route has to be ruled out.
Signals are made anew for each decision ("cold") as on the server, or once ("routing alone").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson

from router.backends.slots import Slots
from router.config.facts import Facts
from router.config.schema import Rules
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals
from router.routing.plan import Plan, compile_plan

SECONDS = 0.15
"""Per figure; the best of five is told, as the machine may be busy with something else."""

BODY = {
    "model": "auto",
    "stream": True,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {
            "role": "user",
            "content": "Please tell me in one sentence why the sky is blue at noon and red in the evening.",
        },
    ],
}

FIVE: list[dict[str, Any]] = [
    {"name": "screenshots", "when": {"image": True}, "to": "eyes"},
    {"name": "world", "when": {"any": [{"model": ["tofy", "world/*"]}, {"header": {"x-task": "world"}}]}, "to": "home"},
    {"name": "night", "when": {"key": "team-*", "time": "22:00..07:00"}, "to": "home"},
    {"name": "agents", "when": {"tools": ">= 8"}, "to": ["home", "cloud"]},
    {"name": "the rest", "to": ["home", "cloud"]},
]

CHOICES: dict[str, dict[str, Any]] = {
    "weighted": {"choice": "weighted", "to": [{"backend": "home", "weight": 3}, "cloud"]},
    "least busy": {"choice": "least_busy", "to": ["home", "cloud"]},
    "sticky": {"choice": "sticky", "to": ["home", "cloud"]},
    "wait": {"to": [{"backend": "home", "wait": "5s"}, "cloud"]},
    "backend: up": {"when": {"backend": {"home": "up"}}, "to": ["home", "cloud"]},
    "backend: warm": {"when": {"not": {"backend": {"home": "warm"}}}, "to": ["home", "cloud"]},
}
"""What the last of five routes says."""

SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "model: exact": lambda n: {"model": f"model-{n}"},
    "model: glob": lambda n: {"model": f"vendor-{n}/*"},
    "header and key": lambda n: {"header": {"x-team": f"team-{n}"}, "key": f"key-{n}"},
    "tokens: range": lambda n: {"tokens": f"{1000 + 10 * n}..{1009 + 10 * n}"},
    "task and turns": lambda n: {"task": "code", "turns": n + 2},
    "any of three": lambda n: {"any": [{"model": f"m-{n}"}, {"key": f"k-{n}"}, {"header": {"x-task": f"t-{n}"}}]},
    "not": lambda n: {"not": {"model": ["auto", f"m-{n}"]}},
    "text: regex": lambda n: {"text": rf"\bsubject{n}\b.*(ticket|order) *{n}"},
    "text: no word": lambda n: {"text": rf"\d{{{n % 50 + 3}}}x?{n}?"},
    "mixed": lambda n: _mixed(n),
}


def main() -> None:
    """Print one line per figure."""
    envelope = _envelope()
    print(f"{'routes':24}{'cold µs':>10}{'alone µs':>10}{'no index':>10}{'compile ms':>12}")
    _line("5, as a person writes", _rules(FIVE), envelope)
    for name, last in CHOICES.items():
        _line(f"5, {name}", _rules([*FIVE[:-1], {"name": "the rest", **last}]), envelope)
    for name, shape in SHAPES.items():
        routes: list[dict[str, Any]] = [{"name": f"r{n}", "when": shape(n), "to": "home"} for n in range(999)]
        _line(f"1000, {name}", _rules([*routes, {"name": "the rest", "to": ["home", "cloud"]}]), envelope)


def _mixed(n: int) -> dict[str, Any]:
    shapes: list[dict[str, Any]] = [
        {"model": f"m-{n}/*", "stream": True},
        {"text": f"topic number {n}!", "image": False},
        {"tokens": f"> {20_000 + n}", "key": f"k-{n}"},
        {"tools": f"tool_{n}", "path": "/v1/chat/*"},
    ]
    return shapes[n % 4]


def _line(name: str, rules: Rules, envelope: Envelope) -> None:
    begin = time.perf_counter()
    plan = compile_plan(rules)
    compiled = (time.perf_counter() - begin) * 1e3
    facts = {backend: Facts(backend, "http", context=32_768) for backend in rules.backends}
    facts["eyes"].accepts = frozenset({"text", "image"})
    for about in facts.values():
        about.load = Slots(4, 64, 60.0)
        about.load.warm.put((b"another conversation",))
    signals = Signals(envelope)
    assert plan.decide(signals, facts).route == "the rest"
    cold = _best(lambda: plan.decide(Signals(envelope), facts))
    alone = _best(lambda: plan.decide(signals, facts))
    loop = _best(lambda: _plain(plan, signals))
    print(f"{name:24}{cold:10.1f}{alone:10.1f}{loop:10.1f}{compiled:12.0f}", flush=True)


def _plain(plan: Plan, signals: Signals) -> object:
    return next((route for route in plan.routes if route.condition.holds(signals)), None)


def _best(call: Callable[[], object]) -> float:
    """Microseconds per call."""
    call()
    begin = time.perf_counter()
    call()
    once = max(time.perf_counter() - begin, 1e-7)
    number = max(1, int(SECONDS / 5 / once))
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(number):
            call()
        best = min(best, (time.perf_counter() - begin) / number)
    return best * 1e6


def _rules(routes: list[dict[str, Any]]) -> Rules:
    backends = {name: {"url": "http://127.0.0.1:9/v1"} for name in ("home", "eyes", "cloud")}
    return Rules.model_validate({"version": 1, "backends": backends, "routes": routes})


def _envelope() -> Envelope:
    headers = Headers.of({"host": "127.0.0.1:4000", "user-agent": "bench", "content-type": "application/json"})
    return Envelope("/v1/chat/completions", BODY, headers, orjson.dumps(BODY))


if __name__ == "__main__":
    main()
