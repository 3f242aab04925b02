"""What `kind: world` may be given, and what it is told when it is given something else."""

import pytest

from router.config.load import parse
from router.config.problems import RulesError

TOFY = "checkpoint: c.safetensors, vocabulary: v.txt"


def spec(options, environ=()):
    text = f"version: 1\nbackends:\n  w: {{kind: world, {options}}}\nroutes: [{{to: w}}]\n"
    return parse(text.encode(), "rules.yaml", dict(environ)).rules.backends["w"]


def test_without_any_path_it_is_the_embedded_yard():
    yard = spec("parallel: 2")
    assert (yard.checkpoint, yard.vocabulary, yard.decoder, yard.parallel) == (None, None, None, 2)


def test_several_requests_at_once_are_the_default():
    assert spec(TOFY).parallel == 4


def test_counts_may_be_written_short():
    assert spec(f"{TOFY}, n_ctx: 8k").n_ctx == 8000


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("checkpoint: c", "`checkpoint` needs a `vocabulary` beside it"),
        ("vocabulary: v", "`vocabulary` belongs to a `checkpoint`; without any path it is the embedded yard"),
        ("decoder: d.gguf", "`decoder` belongs to a `checkpoint`; without any path it is the embedded yard"),
        ("projection: p", "`projection` belongs to a `checkpoint`; without any path it is the embedded yard"),
        ("conditioning: text", "the embedded yard has no `conditioning: text`: its decoder reads a prefix only"),
        (f"{TOFY}, conditioning: numbers", "`conditioning` is one of: text, prefix"),
        (f"{TOFY}, condition_format: mean", "`condition_format` is one of: chunks, stats, both"),
        (f"{TOFY}, max_seq: 5000", "`max_seq` is at most 4096"),
        (f"{TOFY}, heads: 0", "`heads` is at least 1"),
        (f"{TOFY}, repeat_penalty: 0", "`repeat_penalty` is more than 0"),
        (f"{TOFY}, temperature: -1", "`temperature` is at least 0"),
        ("parallel: 0", "`parallel` is at least 1"),
        ("path: m.gguf", "`path` is no option in backend `w`"),
    ],
)
def test_a_faulty_world_is_told_in_a_sentence(options, told):
    with pytest.raises(RulesError) as caught:
        spec(options)
    assert [problem.message for problem in caught.value.problems] == [told]


def test_the_embedded_yard_may_say_that_it_reads_a_prefix():
    assert spec("conditioning: prefix").conditioning == "prefix"
