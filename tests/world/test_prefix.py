"""The projection of a conditioning into embeddings of a decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.world.prefix import Prefix
from router.world.tensors import WorldError, read_tensors
from tests.world.checkpoints import write_prefix, write_tensors


def test_each_row_is_a_linear_map_of_the_conditioning(tmp_path: Path) -> None:
    file = write_prefix(tmp_path / "decoder_prefix.safetensors", bridge=6, n_embd=4, k=3)
    prefix = Prefix.load(file, bridge=6, n_embd=4)
    tensors = read_tensors(file)
    weight, bias = tensors["decoder_prefix.proj.weight"], tensors["decoder_prefix.proj.bias"]
    conditioning = np.arange(6, dtype=np.float32)
    rows = prefix.project(conditioning)
    assert (prefix.k, rows.shape, rows.dtype) == (3, (3, 4), np.float32)
    for row in range(3):
        part = slice(4 * row, 4 * row + 4)
        np.testing.assert_allclose(rows[row], weight[part] @ conditioning + bias[part], rtol=0, atol=1e-5)


def test_several_conditionings_are_projected_at_once(tmp_path: Path) -> None:
    prefix = Prefix.load(write_prefix(tmp_path / "p", bridge=6, n_embd=4, k=3), bridge=6, n_embd=4)
    many = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
    rows = prefix.project(many)
    assert rows.shape == (2, 5, 3, 4)
    np.testing.assert_allclose(rows[1, 2], prefix.project(many[1, 2]), rtol=0, atol=1e-6)


def test_zeros_still_give_the_bias(tmp_path: Path) -> None:
    file = write_prefix(tmp_path / "p", bridge=6, n_embd=4, k=3)
    rows = Prefix.load(file, bridge=6, n_embd=4).project(np.zeros(6, np.float32))
    np.testing.assert_array_equal(rows.reshape(-1), read_tensors(file)["decoder_prefix.proj.bias"])


def test_a_projection_for_another_bridge_or_decoder_is_told(tmp_path: Path) -> None:
    file = write_prefix(tmp_path / "decoder_prefix.safetensors", bridge=6, n_embd=4, k=3)
    with pytest.raises(
        WorldError, match=r"prefix\.safetensors: tensor decoder_prefix\.proj\.weight is 12 x 6, but any x 7"
    ):
        Prefix.load(file, bridge=7, n_embd=4)
    with pytest.raises(WorldError, match=r"makes 12 numbers, which are no whole rows of the decoder's 5\.$"):
        Prefix.load(file, bridge=6, n_embd=5)


def test_a_bias_that_does_not_fit_is_told(tmp_path: Path) -> None:
    weight, bias = np.ones((8, 2), np.float32), np.ones(7, np.float32)
    write_tensors(tmp_path / "p", {"decoder_prefix.proj.weight": weight, "decoder_prefix.proj.bias": bias})
    with pytest.raises(WorldError, match=r"decoder_prefix\.proj\.bias is 7, but 8 is needed"):
        Prefix.load(tmp_path / "p", bridge=2, n_embd=4)
