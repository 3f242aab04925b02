"""Which models fit which machine: a small table of facts with their sources, and the choice by it.

The memory that a model takes is its file, the KV cache of its context (2 bytes each for key and value, of each layer,
KV head and element of a head), and some room for computing. In the table it is for 32,768 tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from router.setup.hardware import Hardware

__all__ = ["CONTEXT", "MODELS", "Model", "best", "rank", "table"]

CONTEXT = 32_768
"""Tokens that a coding agent should have: its own prompt takes up to 15,000."""
COMPUTING = 1.0
"""GB beside file and cache. A round figure, measured nowhere: what is spare decides with it."""
SLOW = 8.0
"""Billions of parameters at work for each token, above which a processor without a GPU is not worth asking."""

Use = Literal["code", "image", "embed"]
_HUGGING = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Model:
    """Sizes are 10^9: parameters, bytes."""

    name: str
    """As Ollama's library has it."""
    use: Use
    family: str
    """How names of it begin, at whatever server, in lower case."""
    parameters: float
    active: float
    """Parameters at work for each token: all, but in a mixture of experts."""
    quantization: str
    file: float
    layers: int
    """Those whose cache grows with the context."""
    heads: int
    """Key-value heads."""
    width: int
    """Elements of a head."""
    size_source: str
    shape_source: str

    def memory(self, context: int = CONTEXT) -> float:
        """GB, for one request of so many tokens."""
        return self.file + 2 * 2 * self.layers * self.heads * self.width * context / 1e9 + COMPUTING


MODELS = (
    Model(
        *("qwen3-coder:30b", "code", "qwen3-coder", 30.5, 3.3, "Q4_K_M", 18.6, 48, 4, 128),
        f"{_HUGGING}/prithivMLmods/Qwen3-Coder-30B-A3B-Instruct-GGUF/blob/main/qwen3-coder-30b-a3b-instruct-q4_k_m.gguf",
        f"{_HUGGING}/unsloth/qwen3-coder-30b-a3b-instruct",
    ),
    Model(
        *("gpt-oss:20b", "code", "gpt-oss", 20.9, 3.6, "MXFP4", 13.8, 12, 8, 64),
        f"{_HUGGING}/unsloth/gpt-oss-20b-GGUF/tree/main",
        "https://gitcode.com/Ascend/slime-ascend/blob/main/scripts/models/gpt-oss-20B.sh",
    ),
    Model(
        *("qwen2.5-coder:14b", "code", "qwen2.5-coder", 14, 14, "Q4_K_M", 8.99, 48, 8, 128),
        f"{_HUGGING}/bartowski/Qwen2.5-Coder-14B-Instruct-GGUF",
        f"{_HUGGING}/unsloth/Qwen2.5-Coder-14B/blob/2918ea29941f20821b1ec4087d774ac0e5fa83e2/config.json",
    ),
    Model(
        *("qwen2.5-coder:7b", "code", "qwen2.5-coder", 7, 7, "Q4_K_M", 4.68, 28, 4, 128),
        f"{_HUGGING}/itlwas/Qwen2.5-Coder-7B-Instruct-Q4_K_M-GGUF/tree/main",
        "https://ollama.com/library/qwen2.5-coder:7b-base-q4_0/blobs/5a9392b8cd34",
    ),
    Model(
        *("qwen2.5-coder:3b", "code", "qwen2.5-coder", 3, 3, "Q4_K_M", 1.93, 36, 2, 128),
        f"{_HUGGING}/itlwas/Qwen2.5-Coder-3B-Instruct-Q4_K_M-GGUF/tree/main",
        f"{_HUGGING}/onnx-community/Qwen2.5-Coder-3B-Instruct/blob/main/config.json",
    ),
    Model(
        *("qwen3-vl:8b", "image", "qwen3-vl", 8, 8, "as tagged", 6.2, 36, 8, 128),
        "https://ollama.com/dhiltgen/qwen3-vl",
        f"{_HUGGING}/Qwen/Qwen3-8B/blob/main/config.json",
    ),
    Model(
        *("qwen3-vl:4b", "image", "qwen3-vl", 4, 4, "as tagged", 3.3, 36, 8, 128),
        "https://ollama.com/dhiltgen/qwen3-vl",
        f"{_HUGGING}/Qwen/Qwen3-4B/blob/main/config.json",
    ),
)
"""In order of preference for each use: the first that fits is proposed."""


def best(use: Use, hardware: Hardware, context: int = CONTEXT) -> Model | None:
    """The first that runs well here: on the GPU, or on the processor if it has not much to compute; None: none."""
    for model in MODELS:
        if model.use != use:
            continue
        if not hardware.slow and model.memory(context) * 1e9 <= hardware.room:
            return model
        if model.active <= SLOW and hardware.slow and model.memory(context) * 1e9 <= hardware.plain:
            return model
    return None


_FAMILIES: dict[Use, tuple[str, ...]] = {
    "code": (
        *(
            "qwen3-coder",
            "qwen3.5-coder",
            "devstral",
            "gpt-oss",
            "glm-4",
            "qwen2.5-coder",
            "codestral",
            "deepseek-coder",
        ),
        *("qwen3", "gemma4", "mistral-small", "llama3.3", "granite-code", "starcoder", "codellama"),
    ),
    "image": (
        *("qwen3-vl", "qwen3vl", "qwen2.5vl", "qwen2.5-vl", "gemma4", "gemma-4", "gemma3", "gemma-3", "mistral-small3"),
        *("pixtral", "llama3.2-vision", "minicpm-v", "llava", "moondream"),
    ),
    "embed": ("qwen3-embedding", "embeddinggemma", "nomic-embed", "bge", "mxbai", "snowflake-arctic", "all-minilm"),
}
"""Of models that are installed already, which is preferred: newer before older, made for it before able to."""


def rank(use: Use, name: str) -> int:
    """Of an installed model's name; lower is better, and unknown ones come last."""
    bare = name.lower().rpartition("/")[2]
    return next((at for at, family in enumerate(_FAMILIES[use]) if bare.startswith(family)), len(_FAMILIES[use]))


def table(models: Iterable[Model] = MODELS) -> Iterator[str]:
    """In Markdown, for the page on working offline: `python -m router.setup.models`."""
    yield "| memory with 32k tokens | model | for | parameters (at work) | quantization | file | sources |"
    yield "| ---: | --- | --- | ---: | --- | ---: | --- |"
    for model in sorted(models, key=Model.memory):
        work = "" if model.active == model.parameters else f" ({model.active:g})"
        sources = f"[size]({model.size_source}), [shape]({model.shape_source})"
        cells = (
            f"{model.memory():.1f} GB",
            f"`{model.name}`",
            {"code": "code", "image": "images", "embed": "embeddings"}[model.use],
            f"{model.parameters:g} · 10⁹{work}",
            model.quantization,
            f"{model.file:g} GB",
            sources,
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print("\n".join(table()))
