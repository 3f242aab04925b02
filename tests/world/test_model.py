"""Tofy's world model: golden vectors, another reading of the contract at the usual size, files that do not fit."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from router.world.condition import as_text
from router.world.model import WorldModel
from router.world.tensors import WorldError
from tests.world import golden
from tests.world.checkpoints import random_tensors, write_checkpoint, write_tensors

Doubles = npt.NDArray[np.float64]
USUAL = {"dim": 368, "layers": 4, "heads": 8, "bridge": 256, "vocab": 8000}


def test_every_golden_vector_agrees_to_a_ten_thousandth() -> None:
    model = golden.model()
    for case in golden.cases():
        imagined = model.imagine(case["prompt"])
        assert imagined.tokens == case["tokens"]
        assert imagined.ids == case["ids"]
        assert imagined.length == case["length"]
        for name in ("latent", "next_latent", "conditioning"):
            np.testing.assert_allclose(getattr(imagined, name), case[name], rtol=0, atol=1e-4, err_msg=name)


def test_every_golden_text_agrees_to_the_last_digit() -> None:
    model = golden.model()
    for case in golden.cases():
        conditioning = model.imagine(case["prompt"]).conditioning
        assert as_text(conditioning, "chunks") == case["chunks"]
        assert as_text(conditioning, "stats") == case["stats"]
        assert as_text(conditioning, "both") == f"{case['chunks']} {case['stats']}"


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files of Tofy's usual size: ten million random parameters."""
    return write_checkpoint(tmp_path_factory.mktemp("usual"), **USUAL)


@pytest.mark.parametrize("prompt", ["train track ? w9", "", "w1 " * 200, "w7993 nobody knows this ."])
def test_at_the_usual_size_it_agrees_with_the_contract_read_in_float64(usual: tuple[Path, Path], prompt: str) -> None:
    imagined = WorldModel.load(*usual).imagine(prompt)
    latent, next_latent, conditioning = _contract(imagined.ids, imagined.length)
    np.testing.assert_allclose(imagined.latent, latent, rtol=0, atol=1e-4)
    np.testing.assert_allclose(imagined.next_latent, next_latent, rtol=0, atol=1e-4)
    np.testing.assert_allclose(imagined.conditioning, conditioning, rtol=0, atol=1e-4)
    slices = [conditioning[start : start + 32].mean() for start in range(0, 256, 32)]
    shown = [float(number) for number in re.findall(r"-?\d\.\d{3}", as_text(imagined.conditioning, "chunks"))]
    np.testing.assert_allclose(shown, slices, rtol=0, atol=0.00051)


def _contract(ids: list[int], length: int) -> tuple[Doubles, Doubles, Doubles]:
    """The contract's numbers, one sentence after the other, in float64 and with plain sums."""
    sizes = {name: size for name, size in USUAL.items() if name != "heads"}
    w = {name: array.astype(np.float64) for name, array in random_tensors(**sizes).items()}
    dim, heads = USUAL["dim"], USUAL["heads"]

    def linear(x: Doubles, name: str) -> Doubles:
        return np.einsum("...i,oi->...o", x, w[f"{name}.weight"], optimize=True) + w[f"{name}.bias"]

    def norm(x: Doubles, name: str) -> Doubles:
        scale = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        return (x - x.mean(axis=-1, keepdims=True)) / scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    h = w["encoder.embed.weight"][ids].copy()
    for p in range(len(ids)):
        for i in range(dim // 2):
            h[p, 2 * i] += math.sin(p / 10000 ** (2 * i / dim))
            h[p, 2 * i + 1] += math.cos(p / 10000 ** (2 * i / dim))
    block = 0
    while f"encoder.block_{block}.ln1.weight" in w:
        name = f"encoder.block_{block}"
        x = norm(h, f"{name}.ln1")
        q, k, v = (linear(x, f"{name}.attn.{part}_proj") for part in ("q", "k", "v"))
        mixed = np.zeros_like(h)
        for head in range(heads):
            part = slice(head * dim // heads, (head + 1) * dim // heads)
            scores = np.exp(q[:, part] @ k[:, part].T / math.sqrt(dim / heads))
            mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ v[:, part]
        h = h + linear(mixed, f"{name}.attn.out_proj")
        x = linear(norm(h, f"{name}.ln2"), f"{name}.ff1")
        x = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        h = h + linear(x, f"{name}.ff2")
        block += 1
    latent = norm(h, "encoder.ln_final")[:length].mean(axis=0)
    both = np.concatenate([latent, w["world_transition.action_embed.weight"][0]])
    next_latent = linear(np.maximum(linear(both, "world_transition.fc1"), 0), "world_transition.fc2")
    return latent, next_latent, linear(next_latent, "decoder_bridge.proj")


def test_sizes_follow_from_the_tensors(tmp_path: Path) -> None:
    model = WorldModel.load(
        *write_checkpoint(tmp_path, dim=24, layers=3, heads=2, bridge=7, vocab=30), heads=2, max_seq=9
    )
    imagined = model.imagine("train " * 20)
    assert (model.encoder.dim, model.encoder.vocab, model.bridge) == (24, 30, 7)
    assert imagined.latent.shape == imagined.next_latent.shape == (24,)
    assert imagined.conditioning.shape == (7,) and imagined.conditioning.dtype == np.float32
    assert len(imagined.tokens) == 20
    assert len(imagined.ids) == imagined.length == 9


def test_an_empty_prompt_is_one_piece_of_padding(tmp_path: Path) -> None:
    imagined = WorldModel.load(*write_checkpoint(tmp_path), heads=4, max_seq=6).imagine(" \n")
    assert (imagined.tokens, imagined.ids, imagined.length) == ([], [0] * 6, 1)


def test_ablation_zeroes_the_conditioning_and_nothing_else(tmp_path: Path) -> None:
    model = WorldModel.load(*write_checkpoint(tmp_path), heads=4)
    whole, ablated = model.imagine("train ?"), model.imagine("train ?", ablate=True)
    assert whole.conditioning.any() and not ablated.conditioning.any()
    assert ablated.conditioning.shape == whole.conditioning.shape
    np.testing.assert_array_equal(ablated.next_latent, whole.next_latent)


def test_asked_from_several_threads_it_answers_the_same(tmp_path: Path) -> None:
    model = WorldModel.load(*write_checkpoint(tmp_path), heads=4)
    prompts = ["train", "track ?", "w1 w2 w3", ""] * 5
    alone = [model.imagine(prompt).conditioning for prompt in prompts]
    with ThreadPoolExecutor(4) as threads:
        together = threads.map(lambda prompt: model.imagine(prompt).conditioning, prompts)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)


def _written(folder: Path, **changed: Any) -> tuple[Path, Path]:
    """A checkpoint in which some tensors are others; None leaves one out."""
    checkpoint, vocabulary = write_checkpoint(folder)
    tensors = {**random_tensors(dim=32, layers=2, bridge=16, vocab=40), **changed}
    write_tensors(checkpoint, {name: array for name, array in tensors.items() if array is not None})
    return checkpoint, vocabulary


@pytest.mark.parametrize(
    ("name", "shape", "fault"),
    [
        ("encoder.embed.weight", None, "has no tensor encoder.embed.weight"),
        ("encoder.embed.weight", (40,), "tensor encoder.embed.weight is 40, but any x any is needed"),
        ("encoder.block_0.ln1.weight", None, "has no tensor encoder.block_0.ln1.weight"),
        ("encoder.block_1.attn.k_proj.bias", None, "has no tensor encoder.block_1.attn.k_proj.bias"),
        ("encoder.block_1.attn.out_proj.weight", (32, 30), "is 32 x 30, but 32 x 32 is needed"),
        ("encoder.block_0.ff2.weight", (32, 64), "is 32 x 64, but 32 x 128 is needed"),
        ("encoder.ln_final.bias", (16,), "is 16, but 32 is needed"),
        ("world_transition.action_embed.weight", (2, 32), "is 2 x 32, but 1 x any is needed"),
        ("world_transition.fc1.weight", (128, 32), "is 128 x 32, but any x 64 is needed"),
        ("world_transition.fc2.weight", (30, 128), "is 30 x 128, but 32 x 128 is needed"),
        ("decoder_bridge.proj.weight", (16, 31), "is 16 x 31, but any x 32 is needed"),
        ("decoder_bridge.proj.bias", (15,), "is 15, but 16 is needed"),
    ],
)
def test_a_tensor_that_is_missing_or_does_not_fit_is_named(
    tmp_path: Path, name: str, shape: tuple[int, ...] | None, fault: str
) -> None:
    files = _written(tmp_path, **{name: None if shape is None else np.zeros(shape, np.float32)})
    with pytest.raises(WorldError, match=re.escape(fault)) as told:
        WorldModel.load(*files, heads=4)
    assert str(files[0]) in str(told.value) and name in str(told.value)


def test_heads_must_divide_the_width(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"safetensors has a width of 32, which 5 heads do not divide\.$"):
        WorldModel.load(*write_checkpoint(tmp_path), heads=5)


@pytest.mark.parametrize(("words", "which"), [(39, "shorter"), (41, "longer")])
def test_a_vocabulary_of_another_length_than_the_embedding_is_refused(tmp_path: Path, words: int, which: str) -> None:
    checkpoint, vocabulary = write_checkpoint(tmp_path)
    vocabulary.write_text("\n".join(f"v{number}" for number in range(words - 3)), "utf-8")
    with pytest.raises(WorldError) as told:
        WorldModel.load(checkpoint, vocabulary, heads=4)
    assert str(told.value) == (
        f"{vocabulary} is {which} than the embedding: it has {words} words with <pad>, <unk> and <mask>, "
        f"{checkpoint} has 40 embeddings."
    )


def test_the_training_s_teacher_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    checkpoint, vocabulary = write_checkpoint(tmp_path)
    teacher = checkpoint.rename(tmp_path / "model_world_10.00M_teacher.safetensors")
    with pytest.raises(WorldError, match=r"_teacher\.safetensors is the target of a training"):
        WorldModel.load(teacher, vocabulary, heads=4)


def test_weights_so_large_that_results_overflow_are_refused(tmp_path: Path) -> None:
    files = _written(tmp_path, **{"encoder.ln_final.weight": np.full(32, 3e38, np.float32)})
    with pytest.raises(WorldError, match="its numbers are so large that the results overflow"):
        WorldModel.load(*files, heads=4)
