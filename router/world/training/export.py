"""From PyTorch to the files that are shipped: safetensors, a vocabulary, and a GGUF that llama.cpp runs."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

from router.world.tensors import read_tensors
from router.world.training.net import Decoder, Sizes, ToGo, World
from router.world.training.words import BOS, EOS, PIECES, UNK
from router.world.yard.model import CHECKPOINT, DECODER, PROJECTION, VOCABULARY

__all__ = ["read_files", "write_files"]

CONTEXT = 256
"""Tokens of the decoder: the embeddings of a state, and its text, some forty together."""


def write_files(
    folder: Path, words: list[str], world: World, decoder: Decoder, to_go: ToGo, metadata: dict[str, str]
) -> int:
    """Write the four files into `folder`; their size in bytes together."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY).write_text("".join(f"{word}\n" for word in words), "utf-8")
    tensors = _tensors("moves_to_go", to_go)
    for name, own in _NAMES:
        tensors |= _tensors(name, world.get_submodule(own))
    sizes = world.sizes
    said = {"padding": "none", "latent_norm": "layer", "heads": str(sizes.heads), "to_go_heads": str(sizes.to_go_heads)}
    save_file(tensors, folder / CHECKPOINT, {**said, **metadata})
    save_file(_tensors("decoder_prefix.proj", world.prefix), folder / PROJECTION, {"rows": str(sizes.rows)})
    _write_gguf(folder / DECODER, decoder, sizes)
    for name in (CHECKPOINT, PROJECTION):
        (folder / name).chmod(0o644)  # safetensors writes for its owner alone
    return sum((folder / name).stat().st_size for name in (CHECKPOINT, PROJECTION, VOCABULARY, DECODER))


_NAMES = (
    ("encoder", "encoder"),
    ("world_transition", "world_transition"),
    ("decoder_bridge.proj", "bridge"),
    ("letter_probe", "probe"),
    ("disallowed.fc1", "disallowed"),
    ("disallowed.fc2", "disallowed_out"),
)
"""Names in the file, and in `World`."""


def read_files(folder: Path, words: int, sizes: Sizes) -> tuple[World, ToGo, dict[str, str]]:
    """The world model and the moves-to-go head of `write_files`, to train a decoder on their latents; and what the file
    says of itself. The prefix is not read: a new decoder gets a new one."""
    file = read_tensors(folder / CHECKPOINT)
    world, to_go = World(words, sizes), ToGo(sizes)
    for name, part in (*((name, world.get_submodule(own)) for name, own in _NAMES), ("moves_to_go", to_go)):
        for key, value in part.named_parameters():
            value.data.copy_(torch.from_numpy(file[f"{name}.{key}"].copy()))
    return world.eval(), to_go.eval(), file.metadata


def _tensors(prefix: str, module: nn.Module) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": value.detach().contiguous().numpy() for name, value in module.named_parameters()}


def _write_gguf(path: Path, decoder: Decoder, sizes: Sizes) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("switch yard")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(sizes.decoder)
    writer.add_block_count(sizes.decoder_layers)
    writer.add_feed_forward_length(sizes.decoder_forward)
    writer.add_head_count(sizes.decoder_heads)
    writer.add_head_count_kv(sizes.decoder_heads)
    writer.add_rope_dimension_count(sizes.decoder // sizes.decoder_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    kind = gguf.TokenType
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *PIECES]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256, *[kind.USER_DEFINED] * len(PIECES)]
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(len(pieces))])
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_unk_token_id(UNK)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    for name, value in decoder.named_parameters():
        array = value.detach().numpy()
        # Norms stay float32, as llama.cpp wants them; half precision is exact enough for the rest.
        writer.add_tensor(name, array if array.ndim == 1 else array.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
