"""Requests of real clients, where they are at hand."""

from __future__ import annotations

import orjson

from router.commands.recorded import read_recorded
from router.request.signals import Signals
from router.routing.explain import explain
from router.routing.index import Index
from tests import captures
from tests.routing.sample import facts, plan

ROUTES = plan(
    {"when": {"image": True}, "to": "eyes", "old_images": "drop"},
    {"when": {"task": ["title", "summary"]}, "to": "cloud"},
    {"when": {"harness": "open*", "tools": "> 5"}, "to": ["home", "cloud"]},
    {"when": {"any": [{"tokens": "> 8k"}, {"tool_loop": True}], "stream": True}, "to": "home"},
    {"when": {"text": r"\bhi\b", "not": {"system": "codex"}}, "to": "home"},
    {"when": {"language": "python"}, "to": "home"},
    {"to": ["home", "cloud"]},
)


def test_every_recorded_request_is_decided_and_explained() -> None:
    recordings = captures.needed()
    index = Index([route.condition for route in ROUTES.routes])
    seen = set()
    for file in sorted(recordings.rglob("*-v1-*.json")):
        signals = Signals(read_recorded(file.read_bytes()).envelope())
        told = explain(ROUTES, signals, facts())
        orjson.dumps(told)
        number = index.first(signals)
        assert number is not None
        assert told["rules"][-1] == {**told["rules"][-1], "name": f"r{number}", "matched": True}
        assert told["backend"] is not None
        seen.add(number)
    assert len(seen) >= len(ROUTES.routes) - 1
