"""The projection of a conditioning vector into embeddings that a decoder reads before its prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from router.world.files import WorldError
from router.world.tensors import read_tensors

__all__ = ["Prefix"]

Floats = npt.NDArray[np.float32]


class Prefix:
    """`k` rows of the decoder's width, each a linear map of the conditioning."""

    def __init__(self, weight: Floats, bias: Floats, n_embd: int):
        self.k = weight.shape[0] // n_embd
        self.n_embd = n_embd
        self._weight, self._bias = weight, bias

    @classmethod
    def load(cls, path: str | Path, *, bridge: int, n_embd: int) -> Prefix:
        """The tensors `decoder_prefix.proj.{weight,bias}`, [k * n_embd, bridge] and [k * n_embd]. Raises WorldError."""
        tensors = read_tensors(path)
        weight = tensors.take("decoder_prefix.proj.weight", None, bridge)
        size = weight.shape[0]
        if size == 0 or size % n_embd:
            raise WorldError(f"{path} makes {size} numbers, which are no whole rows of the decoder's {n_embd}.")
        return cls(weight, tensors.take("decoder_prefix.proj.bias", size), n_embd)

    def project(self, conditioning: Floats) -> Floats:
        """[..., bridge] → [..., k, n_embd]."""
        rows: Floats = conditioning @ self._weight.T + self._bias
        return rows.reshape(*rows.shape[:-1], self.k, self.n_embd)
