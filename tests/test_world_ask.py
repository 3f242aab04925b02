from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp")

from router.cli import main
from router.world.yard.model import DECODER, SHIPPED
from tests.backends.world.worlds import files

QUESTION = "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F. Move C to track 2."
AFTER = "Track 1: A D. Track 2: C. Track 3: B. Track 4: E F."

shipped = pytest.mark.skipif(not (SHIPPED / DECODER).is_file(), reason="no trained yard is shipped yet")


@shipped
def test_the_yard_answers_and_draws_what_it_imagined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "ask", QUESTION]) == 0
    out = capsys.readouterr().out
    assert AFTER in out
    assert "[B]" in out and "1. track 3 to track 2" in out


@shipped
def test_steps_draws_each_state_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    question = f"{QUESTION} Then move F to track 2."
    assert main(["world", "ask", question]) == 0
    assert "1. track" not in capsys.readouterr().out
    assert main(["world", "ask", "--steps", question]) == 0
    out = capsys.readouterr().out
    assert "1. track 3 to track 2" in out and "2. track 4 to track 2" in out


@shipped
def test_json_holds_the_answer_and_all_that_was_imagined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "ask", "--json", QUESTION]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["world"]["spoken"] == AFTER and AFTER in told["answer"]
    assert told["usage"]["completion_tokens"] > 10


@shipped
def test_ablated_it_does_not_know_the_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "ask", "--ablate", QUESTION]) == 0
    assert AFTER not in capsys.readouterr().out


def test_a_tofy_answers_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = files(tmp_path)
    paths = [word for name in ("checkpoint", "vocabulary", "decoder") for word in (f"--{name}", said[name])]
    assert main(["world", "ask", *paths, "--heads", "4", "--json", "Where is the train?"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answer"] and told["world"]["condition"].startswith("chunks=[")


def test_what_cannot_be_is_a_sentence_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = files(tmp_path)
    Path(said["checkpoint"]).write_bytes(b"no checkpoint")
    broken = ["--checkpoint", said["checkpoint"], "--vocabulary", said["vocabulary"], "--decoder", said["decoder"]]
    for options, words in ((broken, said["checkpoint"]), (["--decoder", "x"], "belongs to a `checkpoint`")):
        assert main(["world", "ask", *options, "hi"]) == 1
        told = capsys.readouterr()
        assert words in told.err and not told.out
