"""`keys:` of a rules file."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from router.config.client_keys import grants
from router.config.load import Loaded, parse
from router.config.problems import Problem, RulesError

DIGEST = "sha256:" + "ab" * 32
HEAD = """version: 1
backends:
  local: {url: "http://127.0.0.1:9/v1"}
  cloud: {url: "https://models.example/v1"}
routes:
  - {name: code, to: [local, cloud]}
keys:
"""


def loaded(text: str, **environ: str) -> Loaded:
    return parse((HEAD + text).encode(), "rules.yaml", environ)


def warnings(text: str, **environ: str) -> list[Problem]:
    return list(loaded(text, **environ).problems)


def faults(text: str, **environ: str) -> list[Problem]:
    with pytest.raises(RulesError) as caught:
        loaded(text, **environ)
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def test_a_key_is_a_digest_or_comes_from_the_environment() -> None:
    text = f"  a: {DIGEST}\n  b: {{key: {DIGEST[:-1]}c, private: true}}\n  c: ${{KEY}}\n"
    found = loaded(text, KEY="a-key-that-is-long-enough")
    assert found.problems == ()
    keys = found.rules.keys
    assert keys["a"].key.get_secret_value() == DIGEST
    assert keys["c"].key.get_secret_value() == "a-key-that-is-long-enough"
    assert list(grants(keys)) == ["b"]


def test_a_key_that_stands_in_the_file_as_it_is_is_a_warning_that_does_not_repeat_it() -> None:
    for said in ("plain-and-for-all-to-see", "{key: plain-and-for-all-to-see}"):
        (problem,) = warnings(f"  a: {said}\n")
        assert (problem.severity, problem.line) == ("warning", 8)
        assert "for everyone to read" in problem.message and "keys new --yaml" in str(problem.hint)
        assert "plain-and" not in str(problem)


def test_a_short_key_is_a_warning_wherever_it_is_from() -> None:
    (problem,) = warnings("  a: ${KEY}\n", KEY="hunter22")
    assert "can be guessed" in problem.message and "hunter22" not in str(problem)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"  a: {DIGEST}ff\n", "is no digest"),
        ("  a: sha256:secret\n", "is no digest"),
        ("  a: ${MISSING}\n", "MISSING is not set"),
        (f"  '-a': {DIGEST}\n", "is no alias"),
        (f"  'a b': {DIGEST}\n", "is no alias"),
        (f"  a: {{key: {DIGEST}, rotues: x}}\n", "`rotues` is no option"),
        (f"  a: {{key: {DIGEST}, routes: []}}\n", "`routes` is an empty list"),
        (f"  a: {{key: {DIGEST}, expires: 90d}}\n", "a date such as"),
        (f"  a: {{key: {DIGEST}, expires: 2027-02-30}}\n", "a date such as"),
        ("  a: {private: true}\n", "`key` is missing"),
        ("  a: {key: [my-secret-key]}\n", "`key` is a text"),
        ("  a: 12345678\n", "`a` is a mapping"),
        ("  - my-secret-key\n", "`keys` is a mapping"),
    ],
)
def test_a_fault_is_told_with_its_line_and_without_a_secret(text: str, told: str) -> None:
    problem = faults(text)[0]
    assert told in problem.message
    assert problem.line == 8 or problem.line == 7
    assert "secret" not in str(problem) and "ab" * 8 not in str(problem)


def test_limits_that_fit_nothing_are_warnings_with_a_suggestion() -> None:
    text = f"  a: {{key: {DIGEST}, routes: [cod, direct, 'c*'], backends: [locl, 'clo*']}}\n"
    told = [(problem.message, problem.hint) for problem in warnings(text)]
    assert told == [
        ("key `a` is for route `cod`, which there is not", 'did you mean "code"?'),
        ("key `a` is for backend `locl`, which there is not", 'did you mean "local"?'),
    ]


def test_a_private_key_without_a_private_backend_is_a_warning() -> None:
    text = (HEAD + f"  a: {{key: {DIGEST}, private: true}}\n").replace("127.0.0.1:9", "models.example")
    (problem,) = parse(text.encode(), "rules.yaml", {}).problems
    assert "none of its requests can be answered" in problem.message


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("2027-01-31", datetime.datetime(2027, 2, 1)),
        ("2027-01-31T18:00", datetime.datetime(2027, 1, 31, 18)),
        ("2027-01-31T18:00+00:00", datetime.datetime(2027, 1, 31, 18, tzinfo=datetime.UTC)),
    ],
)
def test_a_date_is_good_to_its_end_and_a_time_to_the_minute(said: str, last: datetime.datetime) -> None:
    key = loaded(f"  a: {{key: {DIGEST}, expires: '{said}'}}\n").rules.keys["a"]
    assert key.expires == last.timestamp()


def test_a_dump_of_the_rules_holds_no_key() -> None:
    rules = loaded("  a: {key: '${KEY}', routes: code}\n", KEY="a-key-that-is-long-enough").rules
    dumped: Any = json.loads(rules.model_dump_json())
    assert "long-enough" not in json.dumps(dumped) and "long-enough" not in repr(rules)


def test_sending_clients_keys_unencrypted_is_a_warning() -> None:
    text = (HEAD + f"  a: {DIGEST}\n").replace("https://models.example/v1", "http://models.example/v1")
    text = text.replace('example/v1"}', 'example/v1", pass_key: true}')
    (problem,) = parse(text.encode(), "rules.yaml", {}).problems
    assert "nothing encrypts them" in problem.message


def test_a_password_in_a_url_is_refused_without_being_repeated() -> None:
    with pytest.raises(RulesError) as caught:
        parse(b"version: 1\nbackends:\n  a: {url: 'http://me:hunter22@host/v1'}\nroutes: [{to: a}]\n", "r.yaml", {})
    assert "holds a user or a password" in str(caught.value)
    assert "hunter22" not in str(caught.value)
