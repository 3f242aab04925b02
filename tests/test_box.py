"""Reloading: what is unchanged lives on, what changed is built anew, what is gone is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.box import Box
from router.config.problems import RulesError
from router.routing.rulebook import read_rules
from router.settings import Settings
from tests import tiny_gguf

pytestmark = pytest.mark.anyio

RULES = """
version: 1
backends:
  model: {{kind: gguf, path: "{path}", n_ctx: {n_ctx}}}
  server: {{url: "http://127.0.0.1:9/v1"}}
{more}
routes:
  - {{name: "{name}", to: [model, server]}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_reload_keeps_the_loaded_model_and_replaces_only_what_changed(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf")

    def rules(name: str, n_ctx: int = 256, more: str = "") -> bytes:
        return RULES.format(path=path, name=name, n_ctx=n_ctx, more=more).encode()

    file = tmp_path / "rules.yaml"
    file.write_bytes(rules("one"))
    box = Box(Settings(), read_rules(file.read_bytes(), file))
    await box.open()
    try:
        first = box.state
        await box.reload(read_rules(rules("two", more="  third: {url: 'http://127.0.0.1:9/v1'}"), file))
        second = box.state
        assert second.rulebook.rules.routes[0].name == "two"
        assert second.backends["model"] is first.backends["model"]
        assert second.backends["server"] is first.backends["server"]
        assert second.facts["model"] is first.facts["model"]
        assert set(second.backends) == {"model", "server", "third"}
        await box.reload(read_rules(rules("three", n_ctx=300), file))
        assert box.state.backends["model"] is not first.backends["model"]
        assert box.state.backends["server"] is first.backends["server"]
        with pytest.raises(RulesError):
            read_rules(b"version: 1\nroutes: [{to: nobody}]", file)
        assert box.state.rulebook.rules.routes[0].name == "three"
    finally:
        await box.close()
