"""What a person sees at the start."""

from __future__ import annotations

import json
import re

import pytest

from router.accounts.bills import Bills
from router.backends.registry import build
from router.banner import banner
from router.box import Box, State
from router.routing.rulebook import read_rules
from router.settings import Settings
from tests.request.bodies import signals

pytestmark = pytest.mark.anyio

YARD = "version: 1\nbackends:\n  yard: {kind: world}\n"
BOTH = YARD + "  local: {url: 'http://127.0.0.1:9/v1'}\n"
TOFY = "version: 1\nbackends:\n  tofy: {kind: world, checkpoint: w.safetensors, vocabulary: v.txt, decoder: d.gguf}\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def shown(text: str) -> str:
    rulebook = read_rules(text.encode(), "rules.yaml")
    facts = rulebook.facts
    backends = {name: build(name, spec, facts[name]) for name, spec in rulebook.rules.backends.items()}
    box = Box(Settings(), rulebook)
    box.state = State(
        rulebook, backends, facts, strict_models=False, own_names=frozenset(), bills=Bills(rulebook.rules)
    )
    return banner(box, colour=False)


def tried(text: str) -> dict[str, object]:
    (body,) = re.findall(r"curl \S+/v1/chat/completions -d '(.*)'", shown(text))
    asked: dict[str, object] = json.loads(body)
    return asked


async def test_where_only_the_yard_is_here_the_curl_to_try_asks_about_it() -> None:
    assert signals(tried(YARD)).task == "world"


async def test_where_another_backend_is_here_the_curl_to_try_is_a_greeting() -> None:
    assert signals(tried(BOTH)).task == "chat"


async def test_it_says_where_a_world_model_is_from() -> None:
    assert "switch yard, shipped here" in shown(YARD)
    assert "w.safetensors" in shown(TOFY)
