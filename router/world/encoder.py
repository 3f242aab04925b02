"""The encoder of a world model: a text's token ids to one latent vector, float32 on numpy.

The layers follow Tofy's files: embeddings plus sinusoidal positions, pre-norm blocks of attention and feed-forward
(GELU by its tanh approximation), a last LayerNorm, the mean over the text.

Why numpy and not onnxruntime 1.32: measured in turns on one core that was not idle, medians of CPU time, a short prompt
takes 19.5 ms here and 12.6 ms there at Tofy's usual size, a full one 22.7 and 15.5 ms (width 64: 1.2 and 0.6 ms); 7 ms
are nothing beside a decoder. For them it would bring 78 MB of library, a session that takes 50 ms to build where the
mapped file is ready in 10, and 44 MB of each process's own, where here the weights stay in the file and are shared.
`python -m bench.encoder` measures this side of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from router.world.files import WorldError
from router.world.layers import Linear, Norm, gelu, normal, softmax
from router.world.tensors import Tensors
from router.world.vocabulary import PAD

__all__ = ["Encoder"]

Floats = npt.NDArray[np.float32]
Mask = Floats | None
"""[n, 1, 1, length]: 0, or minus infinity for a position that nothing may look at."""


class Encoder:
    """Every size follows from the tensors' shapes but the number of heads and the longest text.

    As the files of Tofy want it, a text is padded to `max_seq`, and padding takes part in attention. A file whose
    metadata say `padding: none` was trained without: each text is looked at alone. `latent_norm: layer` asks for a
    LayerNorm without weights on the mean.
    """

    def __init__(self, tensors: Tensors, *, heads: int, max_seq: int):
        """Raises WorldError when the shapes do not fit together."""
        self._embed = tensors.take("encoder.embed.weight", None, None)
        self.vocab, self.dim = self._embed.shape
        if heads < 1 or self.dim % heads:
            raise WorldError(f"{tensors.path} has a width of {self.dim}, which {heads} heads do not divide.")
        if self.dim < 2 or self.dim % 2:
            raise WorldError(f"{tensors.path} has a width of {self.dim}; it must be even, for sine and cosine in turn.")
        if max_seq < 1:
            raise WorldError(f"{tensors.path} cannot be used with a max_seq of {max_seq}: it must be 1 or more.")
        self.max_seq = max_seq
        self._padded = tensors.metadata.get("padding") != "none"
        self._normed = tensors.metadata.get("latent_norm") == "layer"
        self._positions = _sinusoids(max_seq, self.dim)
        self._blocks: list[_Block] = []
        while not self._blocks or f"encoder.block_{len(self._blocks)}.ln1.weight" in tensors:
            self._blocks.append(_Block(tensors, f"encoder.block_{len(self._blocks)}", self.dim, heads))
        self._final = Norm(tensors, "encoder.ln_final", self.dim)

    def encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        """[n, dim]: the latent of each text. Texts are cut after `max_seq` tokens; an empty one counts as a `<pad>`."""
        lengths = np.array([max(1, min(len(text), self.max_seq)) for text in ids])
        longest = int(lengths.max(initial=1))
        table = np.full((len(ids), self.max_seq if self._padded else longest), PAD)
        for row, text in zip(table, ids, strict=True):
            row[: len(text)] = text[: self.max_seq]
        real = np.arange(table.shape[1]) < lengths[:, None]
        mask = None if self._padded or real.all() else np.where(real, 0, -np.inf).astype(np.float32)[:, None, None]
        x = self._embed[table] + self._positions[: table.shape[1]]
        for block in self._blocks[:-1]:
            x = block(x, mask, table.shape[1])
        # The mean is over the text alone: nobody asks what the last block makes of the padding after it.
        x = self._final(self._blocks[-1](x, mask, longest))
        latent: Floats = (x * real[:, :longest, None]).sum(axis=1) / lengths[:, None].astype(np.float32)
        return normal(latent) if self._normed else latent


class _Block:
    """Pre-norm attention and feed-forward."""

    __slots__ = ("_ff1", "_ff2", "_heads", "_k", "_ln1", "_ln2", "_out", "_q", "_v")

    def __init__(self, tensors: Tensors, name: str, dim: int, heads: int):
        self._heads = heads
        self._ln1, self._ln2 = Norm(tensors, f"{name}.ln1", dim), Norm(tensors, f"{name}.ln2", dim)
        self._q, self._k, self._v, self._out = (
            Linear(tensors, f"{name}.attn.{part}_proj", dim, dim) for part in ("q", "k", "v", "out")
        )
        self._ff1 = Linear(tensors, f"{name}.ff1", dim, None)
        self._ff2 = Linear(tensors, f"{name}.ff2", self._ff1.out, dim)

    def __call__(self, x: Floats, mask: Mask, first: int) -> Floats:
        """[n, length, dim] → [n, first, dim]: the first positions, which look at all of them."""
        normed = self._ln1(x)
        x = x[:, :first] + self._attention(normed[:, :first], normed, mask)
        x += self._ff2(gelu(self._ff1(self._ln2(x))))
        return x

    def _attention(self, looking: Floats, looked_at: Floats, mask: Mask) -> Floats:
        q, k, v = self._split(self._q(looking)), self._split(self._k(looked_at)), self._split(self._v(looked_at))
        q *= np.float32(q.shape[-1] ** -0.5)
        scores: Floats = q @ k.swapaxes(-1, -2)
        if mask is not None:
            scores += mask
        return self._out((softmax(scores) @ v).swapaxes(1, 2).reshape(looking.shape))

    def _split(self, x: Floats) -> Floats:
        """[n, length, dim] → [n, heads, length, dim / heads]."""
        return x.reshape(*x.shape[:2], self._heads, x.shape[2] // self._heads).swapaxes(1, 2)


def _sinusoids(length: int, dim: int) -> Floats:
    """[length, dim]: sin and cos in turn, wavelengths from 2π to 20,000π."""
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, dim, 2) / dim)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dim).astype(np.float32)
