"""A language model of a few hundred kilobytes that llama.cpp really runs: `python -m tests.tiny_gguf OUT.gguf`.

The weights are random but not meaningless. The output matrix leads from each token to the one after it on a walk
through the vocabulary, one small layer of attention lets the prompt disturb the walk, and the walk passes the end
token: so greedy decoding gives texts that differ with the prompt, hold characters of two to four bytes, and end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>{{ message.content }}</s>{% endfor %}"
    "{% if tools %}<|tools|>{{ tools | tojson }}</s>{% endif %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

TEXT = (
    "the signal box sets points for each train that comes from east and west so it takes right track no two meet "
    "under bridge when lamp turns green one bell rings twice then lever moves back slowly while rain falls on old rails"
)
CHARACTERS = "é ж – 🚂"  # no byte is in two of them: each has one successor
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|tools|>")
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
UNK, BOS, EOS = 0, 1, 2
EMBED, HEADS, FORWARD = 96, 6, 96
QUIET = 0.1
"""Loudness of tokens outside the walk: what follows them, the first token of an answer too, is the prompt's choice."""
SHY = 0.45
"""Loudness of bytes inside a character: no answer begins with one."""


def vocabulary(fim: bool) -> tuple[list[str], list[int]]:
    """Pieces and their kinds: the special ones, 256 bytes, printable ASCII, words with a space before them."""
    kind = gguf.TokenType
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256]
    plain = ["▁", *(chr(code) for code in range(33, 127))]
    words = [" " + word for word in dict.fromkeys(TEXT.split())]
    special = [*ROLES, *(FIM if fim else ())]
    pieces += plain + words + special
    kinds += [kind.NORMAL] * len(plain) + [kind.USER_DEFINED] * len(words) + [kind.CONTROL] * len(special)
    return pieces, [int(k) for k in kinds]


def walk(pieces: list[str], rng: np.random.Generator) -> np.ndarray:
    """For each token the one that follows it; the words' walk passes the characters of several bytes and the end."""
    runs = [[i] for i, piece in enumerate(pieces) if piece.startswith(" ")]
    runs = [runs[i] for i in rng.permutation(len(runs))]
    for character in CHARACTERS.split():
        runs.insert(int(rng.integers(1, len(runs))), [3 + byte for byte in character.encode()])
    way = [token for run in runs for token in run] + [EOS]
    after = np.array(rng.choice(way[:-1], size=len(pieces)))
    after[way] = [*way[1:], way[0]]
    return after


def write(
    path: str | Path,
    *,
    context: int = 512,
    chat_template: str | None = CHAT_TEMPLATE,
    embeddings: bool = False,
    fim: bool = True,
    layers: int = 1,
    sway: float = 0.5,
    seed: int = 0,
) -> Path:
    """Write the model; the same arguments give the same bytes. `sway` is how much the prompt disturbs the walk."""
    rng = np.random.default_rng(seed)
    pieces, kinds = vocabulary(fim)
    after = walk(pieces, rng)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(EMBED)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(EMBED // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(pieces))
    if embeddings:
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(i) for i in range(len(pieces))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNK)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    if fim:
        prefix, suffix, middle = (pieces.index(piece) for piece in FIM)
        writer.add_uint32("tokenizer.ggml.fim_pre_token_id", prefix)
        writer.add_uint32("tokenizer.ggml.fim_suf_token_id", suffix)
        writer.add_uint32("tokenizer.ggml.fim_mid_token_id", middle)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    _weights(writer, rng, after, layers, sway)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def _weights(writer: gguf.GGUFWriter, rng: np.random.Generator, after: np.ndarray, layers: int, sway: float) -> None:
    def random(rows: int, columns: int, scale: float) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    tokens = rng.standard_normal((len(after), EMBED)).astype(np.float32)
    walked = np.isin(np.arange(len(after)), after)
    output = random(len(after), EMBED, 0.1)
    output[after[walked]] += tokens[walked] / np.sqrt(EMBED)
    tokens[~walked] *= QUIET
    output[[3 + byte for byte in range(0x80, 0xC0)]] *= SHY
    writer.add_tensor("token_embd.weight", tokens)
    writer.add_tensor("output_norm.weight", np.ones(EMBED, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(layers):
        block = f"blk.{layer}."
        writer.add_tensor(block + "attn_norm.weight", np.ones(EMBED, np.float32))
        writer.add_tensor(block + "ffn_norm.weight", np.ones(EMBED, np.float32))
        for name in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"{block}{name}.weight", random(EMBED, EMBED, 1.0))
        writer.add_tensor(block + "attn_output.weight", random(EMBED, EMBED, sway))
        writer.add_tensor(block + "ffn_gate.weight", random(FORWARD, EMBED, 1.0))
        writer.add_tensor(block + "ffn_up.weight", random(FORWARD, EMBED, 1.0))
        writer.add_tensor(block + "ffn_down.weight", random(EMBED, FORWARD, sway))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a tiny GGUF model.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.out, context=given.context, embeddings=given.embeddings, seed=given.seed)
