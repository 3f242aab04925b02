"""A llama of any size with random weights, for measurements: `python -m bench.random_gguf OUT.gguf --width 768 …`.

Its answers mean nothing and cost what those of a trained model of the same shape cost.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

__all__ = ["LARGE", "SMALL", "Shape", "write"]

UNK, BOS, EOS, FIRST_BYTE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder. `kind` is the type of its matrices: F32, F16 or Q8_0 (then all widths are whole blocks)."""

    width: int
    layers: int
    heads: int
    forward: int
    vocabulary: int
    context: int
    kind: str

    @property
    def parameters(self) -> int:
        """Weights in all matrices and norms."""
        layer = 4 * self.width**2 + 3 * self.width * self.forward + 2 * self.width
        return self.layers * layer + 2 * self.vocabulary * self.width + self.width


SMALL = Shape(width=64, layers=2, heads=4, forward=128, vocabulary=272, context=512, kind="F16")
"""That of a decoder that ships with the package."""
LARGE = Shape(width=768, layers=12, heads=12, forward=2048, vocabulary=32000, context=2048, kind="Q8_0")
"""More than 100 million parameters."""


def write(path: str | Path, shape: Shape, seed: int = 0) -> Path:
    """Write the file; the same arguments give the same bytes."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("random")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    _vocabulary(writer, shape.vocabulary)
    _weights(writer, shape, rng)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def _vocabulary(writer: gguf.GGUFWriter, count: int) -> None:
    kind = gguf.TokenType
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256]
    words = [f" w{number}" for number in range(count - len(pieces))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces + words)
    writer.add_token_scores([-float(i) for i in range(count)])
    writer.add_token_types([int(k) for k in kinds] + [int(kind.NORMAL)] * len(words))
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNK)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def _weights(writer: gguf.GGUFWriter, shape: Shape, rng: np.random.Generator) -> None:
    kind = gguf.GGMLQuantizationType[shape.kind]

    def add(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        # In this range 30 thousand rows of random signs cost a second, of normal values ten.
        matrix = rng.random((rows, columns), np.float32) - np.float32(0.5)
        matrix *= np.float32(scale * np.sqrt(12 / columns))
        writer.add_tensor(name, gguf.quants.quantize(matrix, kind), raw_dtype=kind)

    def add_norm(name: str) -> None:
        writer.add_tensor(name, np.ones(shape.width, np.float32))

    add("token_embd.weight", shape.vocabulary, shape.width, np.sqrt(shape.width))
    add_norm("output_norm.weight")
    add("output.weight", shape.vocabulary, shape.width)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        add_norm(block + "attn_norm.weight")
        add_norm(block + "ffn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}{name}.weight", shape.width, shape.width)
        add(block + "ffn_gate.weight", shape.forward, shape.width)
        add(block + "ffn_up.weight", shape.forward, shape.width)
        add(block + "ffn_down.weight", shape.width, shape.forward)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a GGUF model with random weights.")
    parser.add_argument("out", type=Path)
    for field, size in (("width", 768), ("layers", 12), ("heads", 12), ("forward", 2048), ("vocabulary", 32000)):
        parser.add_argument(f"--{field}", type=int, default=size)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--kind", choices=("F32", "F16", "Q8_0"), default="Q8_0")
    given = vars(parser.parse_args())
    out = given.pop("out")
    chosen = Shape(**given)
    write(out, chosen)
    print(f"{out}: {chosen.parameters:,} parameters, {out.stat().st_size:,} bytes")
