from __future__ import annotations

from pathlib import Path

import pytest

from router.backends.world.settings import Settings, settings
from router.config.backend import WorldBackend as Spec
from tests import tiny_gguf
from tests.backends.world.worlds import files


def of(**options: object) -> Settings:
    return settings("tofy", Spec.model_validate({"kind": "world", **options}))


def test_without_paths_it_is_the_embedded_yard() -> None:
    yard = of()
    assert (yard.checkpoint, yard.decoder, yard.projection, yard.parallel) == (None, None, None, 4)


def test_they_come_through_the_pipe_as_they_are(tmp_path: Path) -> None:
    said = of(**files(tmp_path), temperature=0.1, debug=True, parallel=2)
    assert Settings.loads(said.dumps()) == said
    assert (said.temperature, said.debug, said.parallel, said.heads) == (0.1, True, 2, 4)


def test_a_decoder_that_nobody_names_is_the_first_under_models_then_one_folder_deeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JEPA_DECODER_MODEL", raising=False)
    paths = {"checkpoint": "a", "vocabulary": "b"}
    assert of(**paths).decoder is None
    deep = Path("models", "qwen")
    deep.mkdir(parents=True)
    (deep / "z.gguf").touch()
    assert of(**paths).decoder == "models/qwen/z.gguf"
    for name in ("c.gguf", "b.gguf"):
        Path("models", name).touch()
    assert of(**paths).decoder == "models/b.gguf"
    monkeypatch.setenv("JEPA_DECODER_MODEL", "elsewhere.gguf")
    assert of(**paths).decoder == "elsewhere.gguf"
    assert of(**paths, decoder="mine.gguf").decoder == "mine.gguf"


def test_what_the_environment_says_stands_below_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"CTX": "512", "NGL": "0", "TEMP": "0.2", "REPEAT_PENALTY": "1.5", "COND_FORMAT": "both"}
    for name, value in said.items():
        monkeypatch.setenv(f"JEPA_DECODER_{name}", value)
    monkeypatch.setenv("JEPA_DEBUG", "1")
    paths = {"checkpoint": "a", "vocabulary": "b"}
    known = of(**paths)
    assert (known.n_ctx, known.n_gpu_layers, known.temperature, known.repeat_penalty) == (512, 0, 0.2, 1.5)
    assert (known.condition_format, known.debug) == ("both", True)
    assert of(**paths, temperature=0.9, debug=False).temperature == 0.9


def test_the_projection_is_beside_the_checkpoint_unless_it_is_named(tmp_path: Path) -> None:
    said = files(tmp_path)
    assert of(**said).projection is None  # by text, none is needed
    assert of(**said, conditioning="prefix").projection == str(tmp_path / "decoder_prefix.safetensors")
    assert of(**said, conditioning="prefix", projection="other").projection == "other"


def test_the_signature_tells_when_a_file_has_changed_come_or_gone(tmp_path: Path) -> None:
    said = of(**files(tmp_path))
    seen = said.signature()
    assert said.signature() == seen
    tiny_gguf.write(tmp_path / "tiny.gguf", context=1024)
    changed = said.signature()
    assert changed != seen
    (tmp_path / "vocab_world.txt").unlink()
    assert said.signature() not in (seen, changed)
