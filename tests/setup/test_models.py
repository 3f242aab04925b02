"""Which model is proposed for which machine, and that the page has the same table."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.setup.hardware import Hardware
from router.setup.models import CONTEXT, MODELS, best, rank, table

GB = 10**9
PAGE = Path(__file__).parents[2] / "docs" / "offline.md"


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        (Hardware(64 * GB, 0, "NVIDIA", 24 * GB), "qwen3-coder:30b"),
        (Hardware(32 * GB, 0, "NVIDIA", 16 * GB), "gpt-oss:20b"),
        (Hardware(32 * GB, 0, "NVIDIA", 12 * GB), "qwen2.5-coder:7b"),
        (Hardware(32 * GB, 0, "NVIDIA", 6 * GB), "qwen2.5-coder:3b"),
        (Hardware(16 * GB, 0, "Apple M3", 0, unified=True), "qwen2.5-coder:7b"),
        (Hardware(64 * GB, 0, "Apple M4 Max", 0, unified=True), "qwen3-coder:30b"),
        (Hardware(32 * GB, 0), "qwen3-coder:30b"),  # 3.3 of its 30 billions work at a time
        (Hardware(24 * GB, 0), "gpt-oss:20b"),
        (Hardware(12 * GB, 0), "qwen2.5-coder:7b"),
        (Hardware(4 * GB, 0), None),
    ],
)
def test_the_coder_is_the_first_that_fits(machine: Hardware, code: str | None) -> None:
    chosen = best("code", machine)
    assert (chosen.name if chosen else None) == code


def test_a_model_that_computes_much_is_not_proposed_without_a_gpu() -> None:
    assert "qwen2.5-coder:14b" not in {
        chosen.name for memory in range(4, 65) if (chosen := best("code", Hardware(memory * GB, 0))) is not None
    }


def test_the_memory_of_a_model_is_its_file_its_cache_and_some_room() -> None:
    (model,) = [each for each in MODELS if each.name == "qwen2.5-coder:7b"]
    assert model.memory(0) == pytest.approx(4.68 + 1)
    assert model.memory(CONTEXT) - model.memory(0) == pytest.approx(2 * 2 * 28 * 4 * 128 * 32768 / 1e9)


def test_each_figure_has_a_source() -> None:
    for model in MODELS:
        assert model.size_source.startswith("https://") and model.shape_source.startswith("https://")


@pytest.mark.parametrize(
    ("use", "better", "worse"),
    [
        ("code", "qwen3-coder:30b", "qwen2.5-coder:32b"),
        ("code", "lmstudio-community/Qwen3-Coder-30B", "llama3.3:70b"),
        ("image", "qwen3-vl:8b", "llava:latest"),
        ("embed", "nomic-embed-text", "who-knows"),
    ],
)
def test_installed_models_are_ranked_by_family(use, better, worse) -> None:  # type: ignore[no-untyped-def]
    assert rank(use, better) < rank(use, worse)


def test_the_page_on_working_offline_has_this_very_table() -> None:
    assert "\n".join(table()) in PAGE.read_text(), "run: python -m router.setup.models"
