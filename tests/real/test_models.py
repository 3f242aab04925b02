"""The list of models through the SDKs that read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.signalbox import Signalbox, signalbox
from tests.upstream import Upstream

RULES = """
version: 1
backends:
  here: {{url: "{url}", model: m, context: 8192, max_output: 1024}}
  there: {{url: "{url}", model: m}}
aliases: {{gpt-4o: auto, "org/fast:1": here}}
routes: [{{to: here}}]
"""
NAMES = ["auto", "here", "there", "gpt-4o", "org/fast:1"]


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url)) as running:
        yield running


def test_the_openai_sdk_lists_and_retrieves(proxy: Signalbox) -> None:
    client = OpenAI(base_url=proxy.url, api_key="any")
    assert [model.id for model in client.models.list()] == NAMES
    model = client.models.retrieve("org/fast:1")
    assert (model.id, model.object, model.owned_by) == ("org/fast:1", "model", "signalbox")
    assert model.model_dump()["context_length"] == 8192


@pytest.mark.parametrize("size", [1, 2, 20])
def test_the_anthropic_sdk_lists_page_by_page_and_retrieves(proxy: Signalbox, size: int) -> None:
    with Anthropic(base_url=proxy.root, api_key="any", _strict_response_validation=True) as client:
        assert [model.id for model in client.models.list(limit=size)] == NAMES
        model = client.models.retrieve("here")
    assert (model.type, model.display_name, model.created_at.year) == ("model", "here", 2025)
