"""Tofy's world model: a prompt becomes a latent state, the transition imagines the state after the reply, and the
bridge makes of that what conditions a decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from router.world.encoder import Encoder
from router.world.files import WorldError
from router.world.layers import Linear
from router.world.tensors import Tensors, read_tensors
from router.world.vocabulary import PAD, Vocabulary

__all__ = ["Imagined", "WorldModel"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Imagined:
    """What the world model makes of one prompt."""

    tokens: list[str]
    """All of the prompt's, also those after the last that the encoder reads."""
    ids: list[int]
    """What the encoder reads: cut after `max_seq` and padded to it."""
    length: int
    """How many of `ids` the latent is the mean of; at least 1."""
    latent: Floats
    """[dim]: the state that the prompt describes."""
    next_latent: Floats
    """[dim]: the state after the agent's reply."""
    conditioning: Floats
    """[bridge]: zeros where it was ablated."""


class WorldModel:
    """Safe to use from several threads: nothing in it changes."""

    def __init__(self, tensors: Tensors, vocabulary: Vocabulary, *, heads: int, max_seq: int):
        """Raises WorldError when the shapes do not fit together."""
        self.vocabulary = vocabulary
        self.encoder = Encoder(tensors, heads=heads, max_seq=max_seq)
        dim = self.encoder.dim
        self._action = tensors.take("world_transition.action_embed.weight", 1, None)[0]
        self._fc1 = Linear(tensors, "world_transition.fc1", dim + self._action.size, None)
        self._fc2 = Linear(tensors, "world_transition.fc2", self._fc1.out, dim)
        self._bridge = Linear(tensors, "decoder_bridge.proj", dim, None)
        self.bridge = self._bridge.out

    @classmethod
    def load(cls, checkpoint: str | Path, vocabulary: str | Path, *, heads: int = 8, max_seq: int = 128) -> WorldModel:
        """Raises WorldError, whose sentence names the file and its fault.

        A vocabulary with more or fewer words than the checkpoint has embeddings belongs to another checkpoint: its
        ids would mean other words.
        """
        if Path(checkpoint).stem.endswith("_teacher"):
            raise WorldError(f"{checkpoint} is the target of a training; the checkpoint to use lies beside it.")
        words = Vocabulary.read(vocabulary)
        tensors = read_tensors(checkpoint)
        model = cls(tensors, words, heads=heads, max_seq=max_seq)
        if len(words) != model.encoder.vocab:
            which = "shorter" if len(words) < model.encoder.vocab else "longer"
            raise WorldError(
                f"{vocabulary} is {which} than the embedding: it has {len(words)} words with <pad>, <unk> and <mask>, "
                f"{tensors.path} has {model.encoder.vocab} embeddings."
            )
        with np.errstate(all="ignore"):
            if not np.isfinite(model.imagine("").conditioning).all():
                raise WorldError(f"{tensors.path} is damaged: its numbers are so large that the results overflow.")
        return model

    def imagine(self, prompt: str, *, ablate: bool = False) -> Imagined:
        """The state after the reply to `prompt`; `ablate` replaces the conditioning by zeros."""
        tokens = self.vocabulary.tokens(prompt)
        max_seq = self.encoder.max_seq
        ids = self.vocabulary.ids(prompt)[:max_seq]
        latent = self.encoder.encode([ids])[0]
        hidden = np.maximum(self._fc1(np.concatenate([latent, self._action])), 0)
        next_latent = self._fc2(hidden)
        conditioning = self._bridge(next_latent)
        return Imagined(
            tokens=tokens,
            ids=ids + [PAD] * (max_seq - len(ids)),
            length=max(1, len(ids)),
            latent=latent,
            next_latent=next_latent,
            conditioning=np.zeros_like(conditioning) if ablate else conditioning,
        )
