"""The rules files that come with Signalbox: they hold what they promise, and the manual is complete."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from bench.yard_phrasings import samples
from router.cli import main
from router.config.conditions import SIGNALS
from router.config.discover import YARD_WORDS
from router.config.document import read_document
from router.config.editor import schema, schema_text
from router.config.known import is_private
from router.config.load import packaged
from router.config.wording import KINDS, model_at, options
from router.routing.rulebook import open_rules
from tests.request.bodies import chat, signals

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(path.stem for path in RULES.glob("*.yaml"))
CLOUD_KEYS = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}


def data(name):
    return read_document((RULES / f"{name}.yaml").read_bytes()).data


def errors(document):
    validator = jsonschema.Draft202012Validator(schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_there_are_rules_to_start_from():
    assert {"default", "home-lab", "offline", "reference"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_they_are_in_the_package_too(name):
    assert packaged(name).read_bytes() == (RULES / f"{name}.yaml").read_bytes()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("environ", [{}, CLOUD_KEYS], ids=["without keys", "with keys"])
def test_they_can_be_used_and_lack_nothing_but_keys(name, environ):
    rulebook = open_rules(RULES / f"{name}.yaml", environ)
    remarks = [problem.message for problem in rulebook.problems if "is left out" not in problem.message]
    assert remarks == []
    assert environ == {} or not rulebook.problems


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("environ", [{}, CLOUD_KEYS], ids=["without keys", "with keys"])
def test_their_own_tests_pass(name, environ, monkeypatch, capsys):
    for variable in CLOUD_KEYS:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert main(["test", str(RULES / f"{name}.yaml")]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_an_editor_finds_no_fault_in_them_and_is_told_the_schema(name):
    text = (RULES / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    assert errors(data(name)) == []


@pytest.mark.parametrize("name", FILES)
def test_another_reader_of_yaml_reads_the_same(name):
    """The files are YAML for everyone: what an editor's parser sees is what is in force."""
    text = (RULES / f"{name}.yaml").read_text()
    plain = yaml.load(text, Loader=yaml.BaseLoader)
    ours = data(name)
    assert list(plain) == list(ours)
    assert [route["name"] for route in plain["routes"]] == [route["name"] for route in ours["routes"]]


def test_the_schema_file_is_what_the_models_say():
    assert (RULES / "schema.json").read_text() == schema_text(), "run: signalbox schema > rules/schema.json"


def test_the_schema_is_one_and_explains_every_option():
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    for name, model in {"Rules": made, **made["$defs"]}.items():
        for option, said in model["properties"].items():
            assert said.get("description"), f"{name}.{option} has no description"


def test_signalbox_schema_prints_it(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


EXAMPLE = """
version: 1
backends:
  qwen-coder: {url: http://localhost:8080/v1, model: qwen2.5-coder-14b-instruct, context: 32768, parallel: 4}
  vision: {url: http://localhost:11434/v1, model: "qwen2.5vl:7b", accepts: [text, image]}
  haiku: {kind: litellm, model: anthropic/claude-haiku-5-5, api_key: "${ANTHROPIC_API_KEY}"}
  copilot: {kind: litellm, model: github_copilot/gpt-6-luna}
routes:
  - {name: screenshots, when: {image: true}, to: [vision, haiku]}
  - name: world model
    when: {any: [{model: [tofy, "world/*"]}, {header: {x-task: world}}, {task: world}]}
    to: haiku
  - {name: code, when: {task: code}, to: [qwen-coder, copilot]}
  - {name: titles and summaries, when: {task: [title, summary]}, to: haiku}
  - {name: fast chat, when: {tokens: "< 2000", tools: false}, to: haiku}
  - {name: everything else, to: [qwen-coder, haiku]}
tests:
  - name: a screenshot goes to the vision model
    request:
      messages:
        - {role: user, content: [{type: image_url, image_url: {url: "data:image/png;base64,iVBORw0KGgo="}}]}
    expect: {route: screenshots, backend: vision}
"""


def test_the_example_of_the_design_is_valid_and_passes(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    assert errors(read_document(EXAMPLE.encode()).data) == []
    file = tmp_path / "signalbox.yaml"
    file.write_text(EXAMPLE)
    assert main(["test", str(file)]) == 0


BACKEND = {"version": 1, "backends": {"a": {"url": "http://x"}}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"backends": {}},
        {**BACKEND, "rotues": []},
        {"version": 1, "backends": {"a": {"ur": "http://x"}}},
        {"version": 1, "backends": {"a": {"kind": "litelm", "model": "x"}}},
        {"version": 1, "backends": {"a": {"url": "http://x", "timeouts": {"idle": "1 year"}}}},
        {"version": 1, "backends": {"a": {"url": "http://x", "context": "much"}}},
        {**BACKEND, "routes": [{"to": "a", "when": {"tokns": "< 3"}}]},
        {**BACKEND, "routes": [{"to": "a", "when": {"tokens": "about 3"}}]},
        {**BACKEND, "routes": [{"to": "a", "when": {"image": "yes"}}]},
        {**BACKEND, "routes": [{"to": "a", "when": {"task": "coding"}}]},
        {**BACKEND, "routes": [{"to": "a", "when": {"any": {"image": True}}}]},
        {**BACKEND, "routes": [{"to": "a", "when": {"not": [{"time": "at night"}]}}]},
        {**BACKEND, "routes": [{"to": []}]},
        {**BACKEND, "routes": [{"to": {"backend": "a", "weigth": 3}}]},
        {**BACKEND, "routes": [{"to": ["a", {"weight": 3}]}]},
        {**BACKEND, "routes": [{"to": "a", "choice": "fastest"}]},
        {**BACKEND, "tests": [{"name": "t", "request": {}, "expect": {}, "given": {"a": "gone"}}]},
        {"version": 1, "backends": {"a": {"kind": "world", "checkpoint": "c"}}},
        {"version": 1, "backends": {"a": {"kind": "world", "decoder": "d"}}},
        {"version": 1, "backends": {"a": {"kind": "world", "conditioning": "numbers"}}},
        {"version": 1, "backends": {"a": {"kind": "world", "max_seq": 5000}}},
    ],
)
def test_an_editor_underlines_a_fault(wrong):
    assert errors(wrong)


@pytest.mark.parametrize(
    "fine",
    [
        {**BACKEND, "x-anchors": {"anything": 1}},
        {"version": 1, "backends": {"a": {"kind": "gguf", "path": "x"}, "b": {"kind": "gguf", "model": "x"}}},
        {
            "version": 1,
            "backends": {"a": {"url": "${URL}", "parallel": "${N}", "tools": "${T:-true}", "context": "32k"}},
        },
        {
            "version": 1,
            "backends": {"a": {"kind": "world"}, "b": {"kind": "world", "checkpoint": "c", "vocabulary": "v"}},
        },
        {"version": 1, "backends": {"a": {"url": "http://x", "queue_wait": "500ms", "timeouts": {"idle": 3}}}},
        {**BACKEND, "routes": [{"to": {"backend": "a", "wait": "5s"}, "choice": "sticky"}]},
        {**BACKEND, "routes": [{"to": ["a", {"backend": "b", "weight": "${W}", "wait": 5}]}]},
        {**BACKEND, "tests": [{"name": "t", "request": {}, "expect": {}, "given": {"a": "down", "b": {"queue": 3}}}]},
    ],
)
def test_an_editor_leaves_alone_what_is_fine(fine):
    assert errors(fine) == []


VALUES = {
    "model": ["gpt-4o*", ["a", "b/*"]],
    "path": ["/v1/embeddings"],
    "dialect": ["openai", ["responses", "anthropic"]],
    "header": [{"x-a": "b*", "x-c": True, "x-d": ["e", "f"]}],
    "harness": ["opencode", ["aider", "cline"], "open*"],
    "key": ["laptop", "team-*"],
    "task": ["code", ["title", "summary"]],
    "tools": [True, 3, "> 10", "bash", ["bash", "edit_*"]],
    "tokens": [5, "5", "< 2000", "<= 2k", "> 1", ">= 8k", "1k..32k", [1, "> 5"]],
    "language": ["python", ["rust", "go"]],
    "text": ["refactor|rename", ["a", "b"]],
    "time": ["22:00..07:00", "mon..fri", "sat", "mon..fri 09:00..17:00", ["sat", "sun"]],
    "backend": [{"a": "up"}, {"a": ["busy", "cold"], "b": {"queue": "< 3", "up": True}}, {"a": [{"queue": 0}, "free"]}],
}
WRONG = {
    "backend": ["a", {"a": "upp"}, {"a": []}, {"a": {}}, {"a": {"queu": 1}}, {"a": {"queue": "few"}}, {"a": {"up": 1}}],
    "model": [True],
    "image": [1, "true"],
    "tokens": [-1, "much", True],
    "task": ["coding"],
    "time": ["night", 7],
}


def compiled(signal, value):
    from router.routing.conditions import compile_when

    problems = []
    compile_when({signal: value}, ("routes", 0, "when"), problems)
    return [problem for problem in problems if problem.severity == "error"]


def routed(signal, value):
    return errors({**BACKEND, "routes": [{"to": "a", "when": {signal: value}}]})


@pytest.mark.parametrize(("signal", "value"), [(signal, value) for signal in VALUES for value in VALUES[signal]])
def test_what_an_editor_accepts_in_a_condition_is_accepted(signal, value):
    assert routed(signal, value) == []
    assert compiled(signal, value) == []


@pytest.mark.parametrize(("signal", "value"), [(signal, value) for signal in WRONG for value in WRONG[signal]])
def test_what_an_editor_refuses_in_a_condition_is_refused(signal, value):
    assert routed(signal, value)
    assert compiled(signal, value)


def test_the_schema_knows_exactly_the_signals_that_conditions_know():
    from router.routing.conditions import READERS

    assert set(SIGNALS) == {*READERS, "header", "backend"}


def test_offline_rules_never_let_anything_out():
    rulebook = open_rules(RULES / "offline.yaml", {})
    assert all(route.private for route in rulebook.rules.routes)
    assert all(is_private(spec) for spec in rulebook.rules.backends.values())


WITH_YARD = ["default", "home-lab", "offline"]


@pytest.mark.parametrize("name", WITH_YARD)
def test_questions_about_the_yard_reach_its_world_model_in_the_words_of_many_people(name):
    rulebook = open_rules(RULES / f"{name}.yaml", {})
    asked = [chat(("user", sample.text)) for sample in samples(300, seed=2)]
    backends = [rulebook.plan.decide(signals(body), rulebook.facts).backend for body in asked]
    assert backends.count("yard") >= 0.97 * len(asked)


@pytest.mark.parametrize("name", WITH_YARD)
def test_the_words_of_the_yard_are_those_of_rules_made_without_a_file(name):
    (route,) = [route for route in open_rules(RULES / f"{name}.yaml", {}).rules.routes if route.name == "world model"]
    assert route.when == {"task": "world", "text": YARD_WORDS}


def used(value, place=(), root=None, found=None):
    """(model, option) for every option that stands in the data."""
    found = set() if found is None else found
    root = value if root is None else root
    if isinstance(value, dict):
        model = model_at(place, root)
        for key, item in value.items():
            if model is not None and key in options(model):
                found.add((model, key))
            used(item, (*place, key), root, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            used(item, (*place, index), root, found)
    return found


def test_the_manual_shows_every_option_of_the_schema():
    from router.config.backend import Power, Price, Timeouts
    from router.config.schema import Cache, Case, Expect, Route, Rules, Similar
    from router.config.states import Given
    from router.config.target import Target

    shown = used(data("reference"))
    common = (
        set(options(KINDS["http"])) & set(options(KINDS["litellm"])) & set(options(KINDS["gguf"])) - {"kind", "model"}
    )
    for model in (Rules, Timeouts, Price, Power, Route, Target, Cache, Similar, Case, Given, Expect, *KINDS.values()):
        missing = {option for option in options(model) if (model, option) not in shown}
        if model in KINDS.values():
            missing -= {option for option in common if any((kind, option) in shown for kind in KINDS.values())}
        assert not missing, f"rules/reference.yaml does not show {model.__name__}: {', '.join(sorted(missing))}"


def conditions(value):
    for key, item in value.items():
        yield key
        for nested in item if isinstance(item, list) else [item]:
            if key in ("any", "all", "not"):
                yield from conditions(nested)


def test_the_manual_shows_every_signal_and_every_way_to_combine_them():
    shown = {name for route in data("reference")["routes"] for name in conditions(route.get("when", {}))}
    assert {*SIGNALS, "any", "all", "not"} - shown == set()


def test_the_manual_names_the_default_of_every_option_that_has_one():
    text = (RULES / "reference.yaml").read_text()
    _, *parts = text.partition("\naliases:")[0].split("  # kind: ")
    by_kind = {part.split()[0]: part for part in parts}
    for kind, model in KINDS.items():
        for name, field in model.model_fields.items():
            if not isinstance(field.default, bool | int | float) or name == "kind":
                continue
            lines = (by_kind[kind] + by_kind["http"]).splitlines()  # what all kinds have is shown at the first
            line = next(line for line in lines if line.strip().startswith(f"{name}:"))
            shown = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default:g}"
            assert f"default: {shown}" in line, line
