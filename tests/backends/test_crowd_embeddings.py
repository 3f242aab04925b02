"""Tokens as embedding rows: what is read from the file is what llama.cpp reads."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from router.backends.llama import embeddings
from router.backends.llama.batch import Batch
from router.backends.llama.embeddings import Embeddings
from router.backends.llama.file import read
from router.backends.llama.model import Model
from router.backends.llama.shared import SharedContext
from tests import tiny_gguf
from tests.backends.crowds import prefix, prompt

pytestmark = pytest.mark.real
pytest.importorskip("llama_cpp")

ROWS, WIDTH = 40, 64


def written(path: Path, kind: str, architecture: str = "llama", **more: float) -> Path:
    """A file that holds nothing but a table of embeddings."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_embedding_length(WIDTH)
    writer.add_head_count(4)
    for key, value in more.items():
        writer.add_float32(f"{architecture}.{key}", value)
    number = gguf.GGMLQuantizationType[kind]
    writer.add_tensor("a.before", np.ones(7, np.float32))
    writer.add_tensor("token_embd.weight", gguf.quants.quantize(table(), number), raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def table() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0"])
@pytest.mark.parametrize("small", [True, False])
def test_rows_are_read_as_they_were_written(
    tmp_path: Path, kind: str, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(embeddings, "SMALL", 0)
    found = Embeddings.of(read(written(tmp_path / "rows.gguf", kind)))
    assert found is not None
    number = gguf.GGMLQuantizationType[kind]
    expected = gguf.quants.dequantize(gguf.quants.quantize(table(), number), number)
    rows = np.zeros((3, WIDTH), np.float32)
    found.read([39, 0, 7], rows)
    np.testing.assert_array_equal(rows, expected[[39, 0, 7]])


def test_tables_that_are_quantised_otherwise_or_scaled_are_not_read(tmp_path: Path) -> None:
    assert Embeddings.of(read(written(tmp_path / "a.gguf", "Q4_0"))) is None
    assert Embeddings.of(read(written(tmp_path / "b.gguf", "F32", "gemma"))) is None
    assert Embeddings.of(read(written(tmp_path / "c.gguf", "F32", embedding_scale=12.0))) is None
    assert Embeddings.of(read(written(tmp_path / "d.gguf", "F32", embedding_scale=1.0))) is not None


def test_one_batch_of_rows_and_a_prefix_before_a_batch_of_tokens_give_the_same_logits(tmp_path: Path) -> None:
    model = Model(read(tiny_gguf.write(tmp_path / "tiny.gguf", layers=2)), 0, lambda: False)
    tokens, rows = prompt(0), prefix(0)

    def logits(*batches: Batch) -> npt.NDArray[np.float32]:
        context = SharedContext(model, sequences=2, n_ctx=256, n_threads=1, n_threads_batch=1, exact=True)
        assert [context.decode(batch) for batch in batches] == [0] * len(batches)
        found = context.logits(1)[0].copy()
        context.close()
        return found

    one = Batch(64, width=model.n_embd, table=Embeddings.of(model.file))
    one.piece(1, 0, rows, tokens, last=True)
    before, after = Batch(64, width=model.n_embd), Batch(64)
    before.piece(1, 0, rows, [], last=False)
    after.piece(1, len(rows), None, tokens, last=True)
    wordless = Batch(64)
    wordless.piece(1, 0, None, tokens, last=True)
    together, apart, without = logits(one), logits(before, after), logits(wordless)
    model.close()
    assert np.abs(together - apart).max() < 1e-3
    assert np.abs(together - without).max() > 0.1


def test_a_batch_refuses_more_than_it_has_room_for() -> None:
    batch = Batch(4)
    with pytest.raises(ValueError, match="a batch for 4 positions was given 5"):
        batch.piece(0, 0, None, [1] * 5, last=True)
