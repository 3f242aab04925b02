"""What a sticky choice is worth, with llama.cpp's own KV cache: the same conversations by turns and by stickiness."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny_gguf
from tests.signalbox import Signalbox, post, signalbox

pytestmark = pytest.mark.real

RULES = """
version: 1
backends:
  a: {{kind: gguf, path: "{path}", n_ctx: 2048, parallel: 8}}
  b: {{kind: gguf, path: "{path}", n_ctx: 2048, parallel: 8}}
routes:
  - {{name: by turns, when: {{model: by-turns}}, choice: weighted, to: [a, b]}}
  - {{name: sticky, when: {{model: sticky}}, choice: sticky, to: [a, b]}}
"""
CONVERSATIONS, TURNS = 7, 5
"""An odd number, so that by turns each conversation meets both backends; each could keep all of them."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signalbox]:
    path: Path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tiny_gguf.write(path)
    with signalbox(RULES.format(path=path)) as running:
        yield running


def share(proxy: Signalbox, model: str) -> tuple[float, dict[int, set[str]]]:
    """Of all that the models had to read in these conversations, the part that their caches held; and the backends of
    each."""
    read = cached = 0
    backends: dict[int, set[str]] = defaultdict(set)
    system = {"role": "system", "content": "You watch the signals."}
    histories = [[system, {"role": "user", "content": f"{n} {model} asks. " * 8}] for n in range(CONVERSATIONS)]
    for turn in range(TURNS):
        for number, history in enumerate(histories):
            body = {"model": model, "messages": history, "max_tokens": 4}
            status, headers, answer = post(proxy, "/v1/chat/completions", json.dumps(body).encode())
            assert status == 200, answer
            told = json.loads(answer)
            backends[number].add(headers["x-signalbox-backend"])
            read += told["usage"]["prompt_tokens"]
            cached += told["usage"]["prompt_tokens_details"]["cached_tokens"]
            history += [told["choices"][0]["message"], {"role": "user", "content": f"and then {turn}? " * 3}]
    return cached / read, backends


def test_a_sticky_conversation_finds_more_of_its_prompt_in_the_kv_cache(proxy: Signalbox) -> None:
    by_turns, both = share(proxy, "by-turns")
    sticky, one = share(proxy, "sticky")
    print(f"\ncached share of the prompts: by turns {by_turns:.2f}, sticky {sticky:.2f}")
    assert all(len(names) == 2 for names in both.values())
    assert all(len(names) == 1 for names in one.values())
    assert sticky > by_turns + 0.1
    page = proxy.get("/metrics")[1]
    assert 'route="sticky",type="cached"' in page
