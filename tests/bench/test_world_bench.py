"""The models and the program that the world bench measures with are what their names say."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.random_gguf import LARGE, SMALL, write

pytestmark = pytest.mark.real
pytest.importorskip("llama_cpp")


def test_a_random_model_has_the_parameters_that_its_shape_promises(tmp_path: Path) -> None:
    from router.backends.llama.file import read
    from router.backends.llama.model import Model
    from router.backends.llama.threads import threads

    for kind in ("F32", "F16", "Q8_0"):
        shape = replace(SMALL, kind=kind)
        model = Model(read(write(tmp_path / "small.gguf", shape)), 0, lambda: False)
        assert model.lib.llama_model_n_params(model.handle) == shape.parameters
        assert threads(model) == (1, 1)
        model.close()
    assert LARGE.parameters >= 100e6


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_process_for_one_answer_says_what_the_crowd_says(tmp_path: Path) -> None:
    from bench.decoders import Asked, Decoder, speak
    from bench.world import Run, ask_a_process, compiled
    from router.backends.llama.file import read
    from router.backends.llama.model import Model

    path = write(tmp_path / "small.gguf", SMALL)
    model = Model(read(path), 0, lambda: False)
    prefix = np.random.default_rng(0).standard_normal((16, SMALL.width)).astype(np.float32)
    asked = [Asked([1, 40, 41], rows, 12) for rows in (None, prefix)]
    decoder = Decoder("small", path, model, asked, trained=False)
    run = Run(1, tmp_path, [decoder])
    program = compiled(run)
    assert program is not None, run.faults
    with decoder.crowd(1, one_batch=False) as crowd:
        spoken, _ = speak(crowd, asked, 1)
    assert [ask_a_process(run, program, decoder, one) for one in asked] == [answer.tokens for answer in spoken]
    assert [len(answer.tokens) for answer in spoken] == [12, 12]
    assert run.faults == []
    model.close()
