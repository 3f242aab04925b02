"""The encoder alone: what padding does, batches, and the two notes that a file may carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from router.world.encoder import Encoder
from router.world.tensors import WorldError, read_tensors
from tests.world.checkpoints import random_tensors, write_tensors

TEXTS = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15], []]


def encoder(folder: Path, *, heads: int = 4, max_seq: int = 12, dim: int = 32, **said: str) -> Encoder:
    tensors = random_tensors(dim=dim, layers=2, bridge=8, vocab=30)
    write_tensors(folder / "model.safetensors", tensors, said)
    return Encoder(read_tensors(folder / "model.safetensors"), heads=heads, max_seq=max_seq)


def close(one: npt.ArrayLike, other: npt.ArrayLike) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


@pytest.mark.parametrize("said", [{}, {"padding": "none"}], ids=["padded", "alone"])
def test_a_batch_gives_what_each_text_gives_by_itself(tmp_path: Path, said: dict[str, str]) -> None:
    one = encoder(tmp_path, **said)
    together = one.encode(TEXTS)
    assert together.shape == (4, 32) and together.dtype == np.float32
    close(together, np.concatenate([one.encode([text]) for text in TEXTS]))
    assert one.encode([]).shape == (0, 32)


def test_padding_takes_part_in_attention(tmp_path: Path) -> None:
    short, long = encoder(tmp_path, max_seq=12), encoder(tmp_path, max_seq=24)
    assert np.abs(short.encode([[5, 6, 7]]) - long.encode([[5, 6, 7]])).max() > 1e-3


def test_a_file_that_says_so_is_read_without_padding(tmp_path: Path) -> None:
    short, long = (encoder(tmp_path, max_seq=max_seq, padding="none") for max_seq in (12, 24))
    close(short.encode([[5, 6, 7]]), long.encode([[5, 6, 7]]))
    close(short.encode([[5, 6, 7]]), encoder(tmp_path, max_seq=3).encode([[5, 6, 7]]))


def test_a_text_is_cut_after_the_last_position(tmp_path: Path) -> None:
    one = encoder(tmp_path, max_seq=4)
    close(one.encode([[5, 6, 7, 8, 9, 10]]), one.encode([[5, 6, 7, 8]]))


def test_the_order_of_the_words_counts(tmp_path: Path) -> None:
    one = encoder(tmp_path)
    assert np.abs(one.encode([[5, 6]]) - one.encode([[6, 5]])).max() > 1e-3


def test_a_file_may_ask_for_latents_of_one_length(tmp_path: Path) -> None:
    plain, normed = encoder(tmp_path).encode(TEXTS), encoder(tmp_path, latent_norm="layer").encode(TEXTS)
    assert np.abs(plain.std(axis=1) - 1).max() > 0.01
    close(normed, (plain - plain.mean(axis=1, keepdims=True)) / np.sqrt(plain.var(axis=1, keepdims=True) + 1e-5))


def test_the_number_of_heads_counts(tmp_path: Path) -> None:
    assert np.abs(encoder(tmp_path, heads=4).encode(TEXTS) - encoder(tmp_path, heads=8).encode(TEXTS)).max() > 1e-3


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"heads": 0}, "a width of 32, which 0 heads do not divide"),
        ({"heads": 5}, "a width of 32, which 5 heads do not divide"),
        ({"dim": 27, "heads": 3}, "a width of 27; it must be even"),
        ({"max_seq": 0}, "cannot be used with a max_seq of 0"),
    ],
)
def test_sizes_that_make_no_encoder_are_told(tmp_path: Path, sizes: dict[str, int], fault: str) -> None:
    with pytest.raises(WorldError, match=fault) as told:
        encoder(tmp_path, **sizes)
    assert "model.safetensors" in str(told.value)
