"""The model list, as clients read it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from router.accounts.bills import Bills
from router.api.models import model_list, one_model
from router.box import State
from router.refusal import Refusal
from router.routing.rulebook import read_rules

RULES = b"""
version: 1
backends:
  yard: {kind: world}
  local: {url: "http://127.0.0.1:9/v1", context: 32k}
aliases: {tofy: yard, gpt-4o: auto}
routes: [{to: [yard, local]}]
"""


def state(tmp_path: Path) -> State:
    rulebook = read_rules(RULES, tmp_path / "rules.yaml")
    return State(rulebook, {}, rulebook.facts, strict_models=False, own_names=frozenset(), bills=Bills(rulebook.rules))


def test_what_leads_to_a_world_model_is_owned_by_tofy_and_nothing_else_is(tmp_path: Path) -> None:
    here = state(tmp_path)
    entries = {entry["id"]: entry for entry in orjson.loads(model_list(here))["data"]}
    assert {name: entry["owned_by"] for name, entry in entries.items()} == {
        "auto": "signalbox",
        "yard": "Tofy",
        "local": "signalbox",
        "tofy": "Tofy",
        "gpt-4o": "signalbox",
    }
    assert entries["tofy"]["backend"] == "yard"
    assert orjson.loads(one_model(here, "tofy")) == entries["tofy"]


def test_a_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not exist"):
        one_model(state(tmp_path), "tofu")


def listed(here: State, query: bytes) -> tuple[list[str], bool]:
    page = orjson.loads(model_list(here, query=query))
    names = [entry["id"] for entry in page["data"]]
    assert (page["first_id"], page["last_id"]) == ((names[0], names[-1]) if names else (None, None))
    return names, page["has_more"]


ALL = ["auto", "yard", "local", "tofy", "gpt-4o"]


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        (b"", ALL, False),
        (b"limit=1000", ALL, False),
        (b"limit=2", ALL[:2], True),
        (b"limit=2&after_id=yard", ALL[2:4], True),
        (b"limit=2&after_id=local", ALL[3:], False),
        (b"after_id=gpt-4o", [], False),
        (b"limit=2&before_id=tofy", ALL[1:3], True),
        (b"after_id=nobody&unknown=1", ALL, False),
    ],
)
def test_the_list_is_paged_as_anthropic_does(tmp_path: Path, query: bytes, names: list[str], more: bool) -> None:
    assert listed(state(tmp_path), query) == (names, more)


@pytest.mark.parametrize("limit", [b"0", b"-1", b"x", b"9999", b"9" * 5000, "²".encode()])
def test_a_page_of_no_size_is_refused(tmp_path: Path, limit: bytes) -> None:
    with pytest.raises(Refusal, match="limit"):
        model_list(state(tmp_path), query=b"limit=" + limit)
