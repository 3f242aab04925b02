"""What a route may say of its cache, and what is told when it says something else."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from router.config.editor import schema
from router.config.load import parse
from router.config.problems import RulesError
from router.config.schema import Route

BACKENDS = """
version: 1
backends:
  here: {url: "http://127.0.0.1:1/v1"}
  vouched: {url: "http://example.org/v1", private: true}
  cloud: {url: "http://example.org/v1"}
"""


def route(said: str) -> Route:
    return parse(f"{BACKENDS}routes: [{{{said}}}]\n".encode(), "rules.yaml", {}).rules.routes[0]


def test_without_a_word_nothing_is_cached() -> None:
    assert route("to: here").cache is None


@pytest.mark.parametrize(("said", "ttl"), [("1h", 3600), ("90", 90), ("500ms", 0.5), ("{ttl: 2d}", 172800)])
def test_a_bare_duration_is_the_time_to_live(said: str, ttl: float) -> None:
    cache = route(f"to: here, cache: {said}").cache
    assert cache is not None
    assert cache.ttl == ttl
    assert (cache.scope, cache.streams, cache.tool_turns, cache.sampled) == ("key", True, False, False)
    assert (cache.revision, cache.max_bytes, cache.similar) == ("", 1_000_000, None)


def test_a_revision_may_be_a_number_and_a_size_be_short() -> None:
    cache = route("to: here, cache: {ttl: 1h, revision: 2, max_bytes: 2M}").cache
    assert cache is not None
    assert (cache.revision, cache.max_bytes) == ("2", 2_000_000)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("to: here, cache: soon", "`cache`: a duration is a number of seconds or like 500ms, 30s, 5m, 1h, 2d"),
        ("to: here, cache: true", "`cache`: a duration is a number of seconds or like 500ms, 30s, 5m, 1h, 2d"),
        ("to: here, cache: {ttl: 0}", "`ttl` is more than 0, not 0"),
        ("to: here, cache: {scope: key}", "`ttl` is missing in route 1"),
        ("to: here, cache: {ttl: 1h, scope: all}", "`scope` is one of: key, everyone, not all"),
        ("to: here, cache: {ttl: 1h, max_bytes: 17M}", "`max_bytes` is at most 1.6e+07, not 17M"),
        ("to: here, cache: {ttl: 1h, stream: true}", "`stream` is no option in route 1"),
        ("to: here, cache: {ttl: 1h, similar: {}}", "`backend` is missing in route 1"),
        ("to: here, cache: {ttl: 1h, similar: {backend: her}}", "there is no backend `her`"),
        ("to: here, cache: {ttl: 1h, similar: {backend: here, threshold: 2}}", "`threshold` is at most 1, not 2"),
        (
            "name: r, to: here, private: true, cache: {ttl: 1h, scope: everyone}",
            "route `r` is private, and its answers would be cached for everyone",
        ),
        (
            "to: [cloud, vouched], cache: {ttl: 1h, scope: everyone}",
            "backend `vouched` is private, and its answers would be cached for everyone",
        ),
        (
            "name: r, to: here, private: true, cache: {ttl: 1h, similar: {backend: cloud}}",
            "route `r` is private, but backend `cloud`, which would read its questions, is not",
        ),
    ],
)
def test_a_faulty_cache_is_told_in_a_sentence(said: str, told: str) -> None:
    with pytest.raises(RulesError) as caught:
        route(said)
    assert [problem.message for problem in caught.value.problems] == [told]
    assert all(problem.line for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("said", "valid"),
    [("1h", True), ("30", True), ("${TTL}", True), ("{ttl: 1h, sampled: true}", True), ("{}", False), ("soon", False)],
)
def test_editors_are_told_the_same(said: str, valid: bool) -> None:
    written = said if said.startswith("{") else repr(said)
    rules = yaml.safe_load(f"{BACKENDS}routes: [{{to: here, cache: {written}}}]")
    assert jsonschema.Draft202012Validator(schema()).is_valid(rules) is valid
