from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_cpp")

from router.backends.contract import BackendError
from router.backends.world.hearing import Listener
from router.backends.world.question import Question
from router.backends.world.settings import Settings, settings
from router.backends.world.speaker import Spoken
from router.backends.world.tofy import TofySpeaker
from router.config.backend import WorldBackend as Spec
from router.world.files import WorldError
from tests import tiny_gguf
from tests.backends.world.worlds import NO_END, asked, files

ZEROS = "chunks=[" + ",".join(["0.000"] * 8) + "]"


def of(folder: Path, decoder: dict[str, Any] | None = None, **options: Any) -> Settings:
    said = {**files(folder, **(decoder or {})), "temperature": 0, **options}
    return settings("tofy", Spec.model_validate({"kind": "world", **said}))


@contextmanager
def speaker(known: Settings) -> Iterator[TofySpeaker]:
    made = TofySpeaker(known)
    try:
        yield made
    finally:
        made.close()


def say(tofy: TofySpeaker, question: Question) -> tuple[str, Spoken]:
    spoken = Spoken()
    return "".join(tofy.speak(question, Listener(tofy.crowd), spoken)), spoken


def read(tofy: TofySpeaker, question: Question, condition: str = "chunks=[0.1]") -> str:
    """The prompt as the decoder reads it."""
    model = tofy._decoder.model
    return b"".join(map(model.piece, tofy.prompt(question, condition))).decode()


def test_the_decoder_is_told_who_it_is_the_action_the_condition_and_the_prompt(tmp_path: Path) -> None:
    with speaker(of(tmp_path)) as tofy:
        prompt = read(tofy, asked("Where is F?"), "chunks=[0.123]")
    assert prompt.startswith("System: You are Tofy, a world-model agent")
    assert "`reply`" in prompt
    assert prompt.endswith("User: Imagined state: chunks=[0.123]\n\nWhere is F?\n\nAssistant:")


def test_a_chat_template_of_the_file_is_used(tmp_path: Path) -> None:
    with speaker(of(tmp_path, {"chat_template": tiny_gguf.CHAT_TEMPLATE})) as tofy:
        tokens = tofy.prompt(asked("Where is F?"), "x")
        system, user = (tofy._decoder.model.tokenize(f"<|{role}|>", special=True)[-1] for role in ("system", "user"))
    assert tokens.count(tiny_gguf.BOS) == 1
    assert tokens.index(system) < tokens.index(user)


@pytest.mark.parametrize("refuses", ["{{ raise_exception('no system') }}", ""])
def test_a_template_without_a_place_for_a_system_message_gets_it_with_the_prompt(tmp_path: Path, refuses: str) -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'system' %}" + refuses + "{% else %}[{{ m.content }}]{% endif %}"
        "{% endfor %}"
    )
    with speaker(of(tmp_path, {"chat_template": source})) as tofy:
        prompt = read(tofy, asked("Where is F?"))
    assert prompt.startswith("[You are Tofy") and prompt.endswith("Where is F?]")


def test_ablation_zeroes_the_condition_in_the_prompt_and_changes_the_answer(tmp_path: Path) -> None:
    with speaker(of(tmp_path)) as tofy:
        whole, told = say(tofy, asked(signalbox={"world": True}))
        ablated, nothing = say(tofy, asked(signalbox={"world": True, "ablate": True}))
    assert told.world is not None and nothing.world is not None
    assert (told.world["ablated"], nothing.world["ablated"]) == (False, True)
    assert nothing.world["condition"] == ZEROS != told.world["condition"]
    assert ablated != whole
    assert nothing.world["predicted_distance"] == told.world["predicted_distance"] > 0


@pytest.mark.parametrize(("form", "starts"), [("chunks", "chunks=["), ("stats", "mean="), ("both", "chunks=[")])
def test_the_condition_has_the_form_that_the_settings_name(tmp_path: Path, form: str, starts: str) -> None:
    with speaker(of(tmp_path, condition_format=form)) as tofy:
        _, spoken = say(tofy, asked(signalbox={"world": True}))
    assert spoken.world is not None
    assert starts in spoken.world["condition"]


def test_by_prefix_the_decoder_reads_embeddings_and_no_number(tmp_path: Path) -> None:
    with speaker(of(tmp_path, {"sway": 3.0}, conditioning="prefix")) as tofy:
        assert "Imagined state" not in read(tofy, asked("Where is F?"), "chunks=[0.123]")
        assert "0.123" not in read(tofy, asked("Where is F?"), "chunks=[0.123]")
        positions = len(tofy.prompt(asked(), ""))
        whole, spoken = say(tofy, asked())
        assert spoken.tally.prompt_tokens == positions + 4
        assert say(tofy, asked())[0] == whole
        assert say(tofy, asked(signalbox={"ablate": True}))[0] != whole


def test_the_beginning_that_all_requests_share_is_computed_once(tmp_path: Path) -> None:
    with speaker(of(tmp_path)) as tofy:
        first = say(tofy, asked("Where is F?"))[1].tally
        second = say(tofy, asked("And where are the others?"))[1].tally
        shared = len(read(tofy, asked("x")).partition("User:")[0])
    assert first.cached_tokens == 0
    assert second.cached_tokens > shared / 2  # its tokens are characters and words


def test_numbers_of_the_condition_that_leak_are_removed_and_other_numbers_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every other word of this decoder is one of an ablated condition.
    leaks = "chunks=[0.000,0.000, the 0.000, lamp [0.000,0.000] turns 0.000,0.000, (0.000) trains 0.000"
    monkeypatch.setattr(tiny_gguf, "TEXT", f"{leaks} wait and green rails rain on")
    with speaker(of(tmp_path)) as tofy:
        long = {"logit_bias": NO_END, "max_tokens": 60}
        for stream in (False, True):
            clean, spoken = say(tofy, asked(signalbox={"ablate": True}, stream=stream, **long))
            assert spoken.tally.completion_tokens == 60
            assert "0.000" not in clean and "chunks" not in clean
            assert {"green", "rails"} <= set(clean.split())
        unfiltered, _ = say(tofy, asked(**long))
        assert "0.000" in unfiltered  # these are not the numbers of its condition


def test_a_stop_sequence_and_a_limit_end_the_answer_and_its_count(tmp_path: Path) -> None:
    with speaker(of(tmp_path)) as tofy:
        whole, spoken = say(tofy, asked())
        assert (spoken.tally.reason, whole[:1]) == ("stop", " ")
        word = whole.split()[4]
        cut, stopped = say(tofy, asked(stop=word))
        assert cut == whole[: whole.index(word)]
        assert (stopped.tally.reason, stopped.tally.completion_tokens) == ("stop", 5)
        short, limited = say(tofy, asked(max_tokens=3))
        assert whole.startswith(short)
        assert (limited.tally.reason, limited.tally.completion_tokens) == ("length", 3)


def test_a_prompt_beyond_the_context_is_refused(tmp_path: Path) -> None:
    with speaker(of(tmp_path, n_ctx=600)) as tofy, pytest.raises(BackendError) as raised:
        say(tofy, asked("x" * 900))
    assert raised.value.code == "context_length_exceeded"


def test_a_file_that_is_missing_or_damaged_is_named_with_its_fault(tmp_path: Path) -> None:
    known = of(tmp_path, conditioning="prefix")
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    for field in ("checkpoint", "vocabulary", "decoder", "projection"):
        for path in (tmp_path / "none", other, tmp_path):
            if field == "vocabulary" and path == other:
                continue
            with pytest.raises(WorldError, match=str(path)):
                TofySpeaker(replace(known, **{field: str(path)}))
    with pytest.raises(WorldError, match="shorter than the embedding"):
        TofySpeaker(replace(known, vocabulary=str(other)))
    with pytest.raises(WorldError, match="no decoder"):
        TofySpeaker(replace(known, decoder=None))
