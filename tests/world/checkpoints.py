"""Checkpoints with random weights in the format of Tofy's files, of any size."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["random_tensors", "write_checkpoint", "write_prefix", "write_tensors"]

Array = npt.NDArray[np.float32]
TYPES = {"float32": "F32", "float16": "F16", "uint16": "BF16"}


def write_checkpoint(
    folder: Path, *, dim: int = 32, layers: int = 2, heads: int = 4, bridge: int = 16, vocab: int = 40, seed: int = 0
) -> tuple[Path, Path]:
    """A checkpoint and its vocabulary; their paths. `heads` must divide `dim`, but the file does not say it."""
    assert dim % heads == 0
    checkpoint, vocabulary = folder / "model_world.safetensors", folder / "vocab_world.txt"
    tensors = random_tensors(dim=dim, layers=layers, bridge=bridge, vocab=vocab, seed=seed)
    write_tensors(checkpoint, tensors)
    words = ["<pad>", "<unk>", "<mask>", "train", "track", "?", ".", *(f"w{number}" for number in range(vocab))]
    vocabulary.write_text("".join(f"{word}\n" for word in words[:vocab]), "utf-8")
    return checkpoint, vocabulary


def write_prefix(path: Path, bridge: int, n_embd: int, k: int, *, seed: int = 0) -> Path:
    """A projection from the bridge's width into k embeddings of a decoder."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, bridge**-0.5, (k * n_embd, bridge)).astype(np.float32)
    bias = draw.normal(0, 0.1, k * n_embd).astype(np.float32)
    write_tensors(path, {"decoder_prefix.proj.weight": weight, "decoder_prefix.proj.bias": bias})
    return path


def random_tensors(*, dim: int, layers: int, bridge: int, vocab: int, seed: int = 0) -> dict[str, Array]:
    """Every tensor of a checkpoint, scaled so that numbers neither grow nor vanish on their way."""
    draw = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}

    def normal(name: str, *shape: int, scale: float) -> None:
        tensors[name] = draw.normal(0, scale, shape).astype(np.float32)

    def linear(name: str, out: int, width: int) -> None:
        normal(f"{name}.weight", out, width, scale=width**-0.5)
        normal(f"{name}.bias", out, scale=0.1)

    def norm(name: str) -> None:
        normal(f"{name}.weight", dim, scale=0.2)
        tensors[f"{name}.weight"] += 1
        normal(f"{name}.bias", dim, scale=0.1)

    normal("encoder.embed.weight", vocab, dim, scale=1)
    for block in (f"encoder.block_{layer}" for layer in range(layers)):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(f"{block}.attn.{part}", dim, dim)
        norm(f"{block}.ln1")
        norm(f"{block}.ln2")
        linear(f"{block}.ff1", 4 * dim, dim)
        linear(f"{block}.ff2", dim, 4 * dim)
    norm("encoder.ln_final")
    action, hidden = max(dim // 4, 32), max(3 * dim // 2, 128)
    normal("world_transition.action_embed.weight", 1, action, scale=1)
    linear("world_transition.fc1", hidden, dim + action)
    linear("world_transition.fc2", dim, hidden)
    linear("decoder_bridge.proj", bridge, dim)
    return tensors


def write_tensors(
    path: Path, tensors: Mapping[str, npt.NDArray[np.generic]], metadata: Mapping[str, str] | None = None
) -> None:
    """A safetensors file. Arrays of uint16 are written as BF16."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, array in tensors.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": TYPES[str(array.dtype)], "shape": array.shape, "data_offsets": [begin, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # numbers begin at a multiple of eight, as other writers have it
    numbers = b"".join(array.tobytes() for array in tensors.values())
    path.write_bytes(struct.pack("<Q", len(head)) + head + numbers)
