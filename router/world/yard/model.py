"""The yard's world model in numpy: a latent for each track, and what moves make of them.

The encoder is the one of Tofy's files, read per track: which track it is does not matter to it, so what it learned on
one track holds on all. The transition sees the two tracks of a move, the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.world.encoder import Encoder
from router.world.layers import Linear, Norm, gelu, normal, softmax
from router.world.prefix import Prefix
from router.world.tensors import Tensors, WorldError, read_tensors
from router.world.vocabulary import Vocabulary
from router.world.yard.state import CAPACITY, TRACKS, WAGONS

__all__ = ["CHECKPOINT", "DECODER", "PROJECTION", "SHIPPED", "VOCABULARY", "YardModel"]

CHECKPOINT, VOCABULARY, PROJECTION, DECODER = (
    "yard.safetensors",
    "yard.vocab.txt",
    "decoder_prefix.safetensors",
    "yard.gguf",
)
SHIPPED = Path(__file__).parents[1] / "shipped"
"""Where the trained files lie that come with the package."""
MOST_WORDS = 28
"""Words of one track's clause that the encoder was trained with."""

Floats = npt.NDArray[np.float32]
LEAVES, ARRIVES = 0, 1
"""The transition's actions, as seen from the track that changes."""


class YardModel:
    """Loaded from a folder with the trained files. Safe to use from several threads: nothing in it changes.

    A state's latent `z` is float32 [..., TRACKS, d]; batch dimensions stand in front of it.
    """

    def __init__(self, tensors: Tensors, vocabulary: Vocabulary, projection: Path):
        """Raises WorldError when the tensors do not fit together."""
        said = tensors.metadata
        self.vocabulary = vocabulary
        self.encoder = Encoder(tensors, heads=_whole(tensors, "heads"), max_seq=MOST_WORDS)
        if len(vocabulary) != self.encoder.vocab:
            raise WorldError(f"{tensors.path} embeds {self.encoder.vocab} words, its vocabulary has {len(vocabulary)}.")
        self.one_move = float(said.get("one_move", "1"))
        """Median distance between the latents of two states that are one allowed move apart."""
        self.one_error = float(said.get("one_error", "1"))
        """Median distance between a state imagined one move ahead and the same state encoded."""
        d = self.encoder.dim
        self._actions = tensors.take("world_transition.action_embed.weight", 2, None)
        hidden = tensors.take("world_transition.fc1.weight", None, 2 * d + self._actions.shape[1]).shape[0]
        self._fc1 = Linear(tensors, "world_transition.fc1", 2 * d + self._actions.shape[1], hidden)
        self._fc2 = Linear(tensors, "world_transition.fc2", hidden, d)
        self._bridge = Linear(tensors, "decoder_bridge.proj", d, None)
        self._probe = Linear(tensors, "letter_probe", d, CAPACITY * (1 + len(WAGONS)))
        self._disallowed = Linear(tensors, "disallowed.fc1", 2 * d, None)
        self._why = Linear(tensors, "disallowed.fc2", self._disallowed.out, 2)
        self._to_go = _ToGo(tensors, d, _whole(tensors, "to_go_heads"))
        self._prefix = Prefix.load(projection, bridge=self._bridge.out, n_embd=_width(projection, tensors))
        self.n_embd = _width(projection, tensors)
        """Width of the decoder that the prefix is for."""

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> YardModel:
        """The files of `folder`. Raises WorldError, whose sentence names the file and its fault."""
        vocabulary = Vocabulary.read(folder / VOCABULARY)
        return cls(read_tensors(folder / CHECKPOINT), vocabulary, folder / PROJECTION)

    def encode(self, clauses: Sequence[str]) -> Floats:
        """One clause of words per track, such as `A , then C` or `empty`; any multiple of TRACKS of them.

        Returns [TRACKS, d], or [n, TRACKS, d] for n states.
        """
        z = self.encoder.encode([self.vocabulary.ids(clause) for clause in clauses])
        return z if len(clauses) == TRACKS else z.reshape(-1, TRACKS, z.shape[-1])

    def predict(self, z: Floats, source: Any, target: Any) -> Floats:
        """The latent after the last wagon of track `source` has gone to track `target`.

        Both count from 0: one number for all of the batch, or an array of its shape.
        """
        source, target = _tracks(z, source), _tracks(z, target)
        left = np.take_along_axis(z, source, axis=-2)
        reached = np.take_along_axis(z, target, axis=-2)
        after = z.copy()
        np.put_along_axis(after, source, self._changed(left, reached, LEAVES), axis=-2)
        np.put_along_axis(after, target, self._changed(reached, left, ARRIVES), axis=-2)
        return after

    def forbidden(self, z: Floats, source: Any, target: Any) -> Floats:
        """[..., 2]: how probable it is that nothing stands on the source, and that the target is full."""
        left = np.take_along_axis(z, _tracks(z, source), axis=-2)[..., 0, :]
        reached = np.take_along_axis(z, _tracks(z, target), axis=-2)[..., 0, :]
        logits = self._why(np.maximum(self._disallowed(np.concatenate([left, reached], axis=-1)), 0))
        chances: Floats = np.reciprocal(1 + np.exp(-np.clip(logits, -60, 60)), dtype=np.float32)
        return chances

    def read(self, z: Floats) -> tuple[str, ...]:
        """What the letter probe reads in the latent of one state: per track its wagons, buffer stop first."""
        places = self._probe(z).reshape(TRACKS, CAPACITY, 1 + len(WAGONS)).argmax(axis=-1)
        return tuple("".join(WAGONS[place - 1] for place in track if place) for track in places)

    def places(self, z: Floats) -> npt.NDArray[np.int64]:
        """[..., TRACKS, CAPACITY]: what the probe reads, 0 for no wagon, else 1 + its number; for many states."""
        read = self._probe(z)
        found: npt.NDArray[np.int64] = read.reshape(*read.shape[:-1], CAPACITY, -1).argmax(axis=-1)
        return found

    def to_go(self, z: Floats, goal: Floats) -> Floats:
        """[...]: estimated moves from each state to its goal."""
        z, goal = np.broadcast_arrays(z, goal)
        return self._to_go(np.concatenate([z, goal], axis=-1))

    def conditioning(self, z: Floats) -> Floats:
        """[..., TRACKS, bridge]: what the bridge makes of each track's latent."""
        return self._bridge(z)

    def prefix(self, z: Floats) -> Floats:
        """[..., TRACKS * k, n_embd]: the embeddings that the decoder reads before it speaks."""
        return self.rows(self._bridge(z))

    def rows(self, conditioning: Floats) -> Floats:
        """`conditioning` as embeddings of the decoder; all zeros is what an ablated request sends here."""
        rows = self._prefix.project(conditioning)
        return rows.reshape(*rows.shape[:-3], -1, rows.shape[-1])

    def distance(self, z: Floats, other: Floats) -> float:
        """Between the latents of two states."""
        return float(np.linalg.norm(z - other))

    def _changed(self, own: Floats, other: Floats, action: int) -> Floats:
        embedded = np.broadcast_to(self._actions[action], (*own.shape[:-1], self._actions.shape[1]))
        hidden = np.maximum(self._fc1(np.concatenate([own, other, embedded], axis=-1)), 0)
        return normal(own + self._fc2(hidden))


class _ToGo:
    """Moves from a state to a goal: attention among the four tracks, which have no order."""

    def __init__(self, tensors: Tensors, d: int, heads: int):
        self._in = Linear(tensors, "moves_to_go.fc_in", 2 * d, None)
        width = self._in.out
        if heads < 1 or width % heads:
            raise WorldError(f"{tensors.path} says to_go_heads is {heads}, which does not divide {width}.")
        self._heads = heads
        self._blocks: list[tuple[Norm, list[Linear], Norm, Linear, Linear]] = []
        while f"moves_to_go.block_{len(self._blocks)}.ln1.weight" in tensors:
            name = f"moves_to_go.block_{len(self._blocks)}"
            attn = [Linear(tensors, f"{name}.attn.{p}_proj", width, width) for p in ("q", "k", "v", "out")]
            ff1 = Linear(tensors, f"{name}.ff1", width, None)
            ff2 = Linear(tensors, f"{name}.ff2", ff1.out, width)
            norms = [Norm(tensors, f"{name}.ln{n}", width) for n in (1, 2)]
            self._blocks.append((norms[0], attn, norms[1], ff1, ff2))
        self._final = Norm(tensors, "moves_to_go.ln_final", width)
        self._out = Linear(tensors, "moves_to_go.fc_out", width, 1)

    def __call__(self, pairs: Floats) -> Floats:
        """[..., TRACKS, 2d] → [...]."""
        x = self._in(pairs)
        for ln1, attn, ln2, ff1, ff2 in self._blocks:
            x = x + self._attention(ln1(x), attn)
            x = x + ff2(gelu(ff1(ln2(x))))
        moves: Floats = self._out(self._final(x).mean(axis=-2))[..., 0]
        return moves

    def _attention(self, x: Floats, projections: list[Linear]) -> Floats:
        q, k, v = (
            p(x).reshape(*x.shape[:-1], self._heads, -1).swapaxes(-3, -2) for p in projections[:3]
        )  # [..., heads, TRACKS, width of a head]
        scores: Floats = q @ k.swapaxes(-1, -2)
        scores *= np.float32(1 / np.sqrt(q.shape[-1]))
        mixed = softmax(scores) @ v
        return projections[3](mixed.swapaxes(-3, -2).reshape(x.shape))


def _tracks(z: Floats, track: Any) -> npt.NDArray[np.intp]:
    """Indices along the tracks' axis, one for each state of the batch."""
    return np.broadcast_to(np.asarray(track, np.intp), z.shape[:-2])[..., None, None]


def _whole(tensors: Tensors, name: str) -> int:
    said = tensors.metadata.get(name, "")
    if not said.isdecimal():
        raise WorldError(f"{tensors.path} does not say in its metadata how many {name} it has.")
    return int(said)


def _width(projection: Path, tensors: Tensors) -> int:
    """Width of the decoder: the projection gives `rows` embeddings a track."""
    file = read_tensors(projection)
    weight = file.take(
        "decoder_prefix.proj.weight", None, tensors.take("decoder_bridge.proj.weight", None, None).shape[0]
    )
    rows = _whole(file, "rows")
    if rows < 1 or weight.shape[0] % rows:
        raise WorldError(f"{projection} says it makes {rows} rows of {weight.shape[0]} numbers.")
    return int(weight.shape[0]) // rows
