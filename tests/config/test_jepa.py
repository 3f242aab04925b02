"""The environment variables of a Tofy server as defaults of `kind: world`."""

import pytest

from router.config.backend import WorldBackend
from router.config.jepa import VARIABLES, said_by_environment
from router.config.load import parse
from router.config.problems import RulesError

ALL = {
    "JEPA_DECODER_MODEL": "m.gguf",
    "JEPA_DECODER_CTX": "2048",
    "JEPA_DECODER_NGL": "12",
    "JEPA_DECODER_TEMP": "0.25",
    "JEPA_DECODER_REPEAT_PENALTY": "1.3",
    "JEPA_DECODER_COND_FORMAT": "both",
    "JEPA_DEBUG": "1",
}
TOFY = {"kind": "world", "checkpoint": "c", "vocabulary": "v"}
RULES = b"""
version: 1
backends:
  tofy: {kind: world, checkpoint: c, vocabulary: v, temperature: 0.9}
  yard: {kind: world}
routes: [{to: [tofy, yard]}]
"""


def world(environ, **said):
    return WorldBackend.model_validate(said, context={"environ": environ})


def test_each_variable_stands_for_an_option_of_a_tofy():
    assert set(ALL) == set(VARIABLES)
    spec = world(ALL, **TOFY)
    assert (spec.decoder, spec.n_ctx, spec.n_gpu_layers) == ("m.gguf", 2048, 12)
    assert (spec.temperature, spec.repeat_penalty, spec.condition_format, spec.debug) == (0.25, 1.3, "both", True)


def test_what_the_yaml_says_goes_before_the_environment():
    rules = parse(RULES, "rules.yaml", ALL).rules
    assert (rules.backends["tofy"].temperature, rules.backends["tofy"].n_ctx) == (0.9, 2048)


def test_the_embedded_yard_is_not_turned_by_variables_about_a_decoder():
    assert world(ALL, kind="world") == world({"JEPA_DEBUG": "1"}, kind="world")
    assert world(ALL, kind="world").debug


def test_without_variables_the_defaults_are_those_of_a_tofy_server(monkeypatch):
    monkeypatch.setenv("JEPA_DECODER_TEMP", "0.1")
    spec = world({}, **TOFY)
    assert (spec.n_ctx, spec.n_gpu_layers, spec.temperature, spec.repeat_penalty) == (4096, 99, 0.7, 1.12)
    assert (spec.max_tokens, spec.heads, spec.max_seq, spec.condition_format) == (4096, 8, 128, "chunks")
    assert WorldBackend(**TOFY).temperature == 0.1, "outside of a rules file, the process's own environment counts"


def test_a_changed_variable_changes_what_a_backend_is_known_by():
    assert world(ALL, **TOFY).model_dump_json() != world({}, **TOFY).model_dump_json()


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_says_nothing(empty):
    assert said_by_environment(dict.fromkeys(ALL, empty), decoder=True) == {}


@pytest.mark.parametrize(("text", "debug"), [("1", True), ("true", True), ("ON", True), ("0", False), ("no", False)])
def test_debug_is_a_yes_or_a_no(text, debug):
    assert said_by_environment({"JEPA_DEBUG": text}, decoder=False) == {"debug": debug}


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("JEPA_DECODER_CTX", "lots", "a whole number of tokens"),
        ("JEPA_DECODER_CTX", "0", "a whole number of tokens"),
        ("JEPA_DECODER_NGL", "1.5", "a whole number of layers"),
        ("JEPA_DECODER_TEMP", "-1", "a number of at least 0"),
        ("JEPA_DECODER_TEMP", "nan", "a number of at least 0"),
        ("JEPA_DECODER_REPEAT_PENALTY", "0", "a number above 0"),
        ("JEPA_DECODER_REPEAT_PENALTY", "inf", "a number above 0"),
        ("JEPA_DECODER_COND_FORMAT", "mean", "one of chunks, stats, both"),
        ("JEPA_DEBUG", "perhaps", "1 or 0"),
    ],
)
def test_a_wrong_value_is_told_where_the_backend_stands_and_is_not_repeated(variable, value, wanted):
    with pytest.raises(RulesError) as caught:
        parse(RULES, "rules.yaml", {variable: value})
    problem = caught.value.problems[0]
    assert problem.message == f"the environment variable {variable} cannot be used: {wanted} is wanted"
    assert problem.line == 4
