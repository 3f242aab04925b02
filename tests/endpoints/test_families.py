"""Prompts with a gap, as each family of models was taught."""

from __future__ import annotations

from typing import get_args

import pytest

from router.config.backend import FillIn
from router.endpoints.families import FAMILIES, family_of

WRITTEN = {
    "qwen": "<|fim_prefix|>A<|fim_suffix|>B<|fim_middle|>",
    "starcoder": "<fim_prefix>A<fim_suffix>B<fim_middle>",
    "granite": "<|fim_prefix|>A<|fim_suffix|>B<|fim_middle|>",
    "codellama": "<PRE> A <SUF>B <MID>",
    "deepseek": "<｜fim▁begin｜>A<｜fim▁hole｜>B<｜fim▁end｜>",
    "codestral": "[SUFFIX]B[PREFIX]A",
    "codegemma": "<|fim_prefix|>A<|fim_suffix|>B<|fim_middle|>",
}


def test_each_family_can_be_named_in_the_rules() -> None:
    assert set(get_args(FillIn)) == {"auto", "infill", "suffix", "fim", *FAMILIES}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_writes_prefix_and_suffix_in_its_own_order(name: str) -> None:
    assert FAMILIES[name].prompt("A", "B") == WRITTEN[name]


def test_what_looks_like_a_place_in_the_text_of_a_user_is_none() -> None:
    assert (
        FAMILIES["qwen"].prompt("{suffix}", "{prefix}") == "<|fim_prefix|>{suffix}<|fim_suffix|>{prefix}<|fim_middle|>"
    )


def test_other_files_stand_before_the_gap_where_the_family_has_a_way() -> None:
    files = [("a.py", "x = 1"), ("{text}", "y = 2")]
    assert FAMILIES["qwen"].prompt("A", "B", files).startswith("<|file_sep|>a.py\nx = 1\n<|file_sep|>")
    assert FAMILIES["codellama"].prompt("A", "B", files) == WRITTEN["codellama"]


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen2.5-Coder-7B", "qwen"),
        ("qwen3-coder-30b-a3b", "qwen"),
        ("qwen2.5-7b-instruct", None),
        ("bigcode/starcoder2-3b", "starcoder"),
        ("codeqwen1.5-7b", "starcoder"),
        ("granite-3b-code-base", "starcoder"),
        ("ibm-granite/granite-3.3-8b-base", "granite"),
        ("granite-3.1-8b", None),
        ("CodeLlama-7b-hf", "codellama"),
        ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek"),
        ("deepseek-chat", None),
        ("codestral-latest", "codestral"),
        ("codegemma:2b", "codegemma"),
        ("llama-3.2-1b", None),
        ("", None),
    ],
)
def test_a_model_is_known_by_its_name(model: str, family: str | None) -> None:
    found = family_of(model)
    assert (found.name if found is not None else None) == family
