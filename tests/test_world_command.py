"""`signalbox world encode`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from router.cli import main
from router.world.condition import as_text
from router.world.model import WorldModel
from tests.world.checkpoints import write_checkpoint

Files = tuple[Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_checkpoint(tmp_path)


def encode(files: Files, *more: str) -> int:
    return main(
        ["world", "encode", "--checkpoint", str(files[0]), "--vocabulary", str(files[1]), "--heads", "4", *more]
    )


def test_json_holds_every_number(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert encode(files, "--max-seq", "9", "--json", "train on track ?") == 0
    told = json.loads(capsys.readouterr().out)
    imagined = WorldModel.load(*files, heads=4, max_seq=9).imagine("train on track ?")
    assert told["prompt"] == "train on track ?"
    assert told["tokens"] == ["train", "on", "track", "?"]
    assert told["ids"] == [3, 1, 4, 5, 0, 0, 0, 0, 0]
    assert told["length"] == 4
    for name in ("latent", "next_latent", "conditioning"):
        np.testing.assert_array_equal(np.array(told[name], np.float32), getattr(imagined, name))
    for form in ("chunks", "stats", "both"):
        assert told[form] == as_text(imagined.conditioning, form)


def test_a_person_reads_the_beginning_of_each_vector_and_all_text_forms(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert encode(files, "--max-seq", "9", "train on track ?") == 0
    printed = capsys.readouterr().out
    imagined = WorldModel.load(*files, heads=4, max_seq=9).imagine("train on track ?")
    assert "tokens        train on track ?\n" in printed
    assert "ids           3 1 4 5 … and 5 times 0, the padding\n" in printed
    assert "length        4\n" in printed
    assert f"latent        {imagined.latent[0]:.4f} {imagined.latent[1]:.4f} " in printed
    assert f"next latent   {imagined.next_latent[0]:.4f} " in printed
    assert f"conditioning  {imagined.conditioning[0]:.4f} " in printed
    assert "… and 24 more" in printed
    for form in ("chunks", "stats", "both"):
        assert f"{form:14}{as_text(imagined.conditioning, form)}\n" in printed
    wrapped = [line for line in printed.splitlines() if not line.startswith(("chunks", "stats", "both"))]
    assert max(map(len, wrapped)) <= 60


def test_words_that_the_encoder_does_not_reach_are_counted(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert encode(files, "--max-seq", "2", "train track ? .") == 0
    printed = capsys.readouterr().out
    assert "tokens        train track … and 2 that the encoder does not read\n" in printed
    assert "ids           3 4\n" in printed


def test_the_prompt_may_come_from_standard_input(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("track ?\n"))
    assert encode(files, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == ["track", "?"]


def test_an_argument_that_is_no_text_does_not_break_it(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert encode(files, "track \udcff") == 0
    assert "tokens        track ?\n" in capsys.readouterr().out


def test_a_damaged_file_is_exit_1_and_one_sentence(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files[0].write_bytes(files[0].read_bytes()[:-5])
    assert encode(files, "train") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"{files[0]} is truncated: tensor ") and printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong", [["--heads", "0"], ["--heads", "x"], ["--max-seq", "4097"], ["--colour"], ["one", "two"], []]
)
def test_wrong_usage_is_exit_2(files: Files, capsys: pytest.CaptureFixture[str], wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        encode(files, *wrong)
    assert exit_.value.code == 2
    assert "usage: signalbox" in capsys.readouterr().err


def test_world_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["world", "--help"])
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert " encode " in printed and " ask " in printed
