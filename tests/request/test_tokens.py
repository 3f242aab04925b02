"""The estimate is near a real tokenizer's count, and pictures count by their flat figure."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from router.request import content, tokens
from router.request.tokens import FILE, IMAGE, estimate
from tests.request.bodies import PNG, chat, responses, signals

PROSE = (
    "The signal box stands where the branch line leaves the main line. From its windows the signalman sees both "
    "platforms, the goods yard and the level crossing; forty levers set the points and the signals. "
)
GERMAN = "Können Sie mir bitte erklären, warum die Weiche am Abzweig heute früh nicht gestellt werden konnte? "
RUSSIAN = "Не могли бы вы объяснить, почему сегодня утром стрелку на развилке не удалось перевести? "
CHINESE = "请解释一下为什么今天早上岔道口的道岔无法扳动，火车晚点了多久？"


def counted(text: str) -> int:
    """Tokens by the cl100k encoding that LiteLLM carries."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    import tiktoken

    return len(tiktoken.get_encoding("cl100k_base").encode(text, disallowed_special=()))


@pytest.mark.parametrize("text", [PROSE * 3, GERMAN * 5, Path(content.__file__).read_text("utf-8"),
                                  Path(tokens.__file__).read_text("utf-8")])  # fmt: skip
def test_the_estimate_is_within_a_fifth_of_a_tokenizer(text: str) -> None:
    assert estimate(text) == pytest.approx(counted(text), rel=0.2)


@pytest.mark.parametrize("text", [RUSSIAN * 5, CHINESE * 5])
def test_other_scripts_are_within_two_fifths(text: str) -> None:
    assert estimate(text) == pytest.approx(counted(text), rel=0.4)


def test_a_long_text_is_judged_by_a_sample_as_well_as_whole() -> None:
    assert estimate((PROSE + GERMAN) * 200) == pytest.approx(200 * estimate(PROSE + GERMAN), rel=0.05)


def test_nothing_is_no_token_and_anything_is_one() -> None:
    assert estimate("") == 0
    assert estimate("a") == 1
    assert estimate("\ud800") >= 1


def test_pictures_count_flat_and_their_data_not_at_all() -> None:
    plain = signals(chat(("user", [{"type": "text", "text": "what?"}]))).tokens
    url = {"type": "image_url", "image_url": {"url": PNG + "A" * 100_000}}
    assert signals(chat(("user", [{"type": "text", "text": "what?"}, url]))).tokens == plain + IMAGE
    block = {"type": "image", "source": {"type": "base64", "data": "A" * 100_000}}
    assert signals(chat(("user", [{"type": "text", "text": "what?"}, block, block]))).tokens == plain + 2 * IMAGE
    file = {"type": "file", "file": {"file_data": "A" * 100_000}}
    assert signals(chat(("user", [{"type": "text", "text": "what?"}, file]))).tokens == plain + FILE


def test_everything_the_model_reads_is_counted() -> None:
    bare = signals(chat(("user", "hi"))).tokens
    assert signals(chat(("system", PROSE), ("user", "hi"))).tokens >= bare + estimate(PROSE)
    tool = {"type": "function", "function": {"name": "f", "description": PROSE, "parameters": {"type": "object"}}}
    assert signals(chat(("user", "hi"), tools=[tool])).tokens >= bare + estimate(PROSE)
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": PROSE}}]}
    assert signals({"messages": [{"role": "user", "content": "hi"}, call]}).tokens >= bare + estimate(PROSE)
    output = {"type": "function_call_output", "output": [{"type": "input_text", "text": PROSE}]}
    assert responses({"role": "user", "content": "hi"}, output).tokens >= bare + estimate(PROSE)
    schema = {"type": "json_schema", "json_schema": {"description": PROSE}}
    assert signals(chat(("user", "hi"), response_format=schema)).tokens >= bare + estimate(PROSE)


def test_token_ids_count_one_by_one() -> None:
    assert signals({"input": [[1, 2, 3], [4, 5]]}, "/v1/embeddings").tokens >= 5
