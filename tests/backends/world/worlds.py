"""World backends as the proxy runs them: random checkpoints, a tiny decoder, a real child process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from router.backends.contract import Call
from router.backends.world.backend import WorldBackend
from router.backends.world.question import Question, pack
from router.backends.world.settings import Settings
from router.config.backend import WorldBackend as Spec
from router.config.known import facts
from tests import tiny_gguf
from tests.world.checkpoints import write_checkpoint, write_prefix

__all__ = ["CHAT", "COMPLETIONS", "NO_END", "asked", "call", "content", "eventually", "files", "plain", "running"]

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
NO_END = {str(tiny_gguf.EOS): -100}


def files(folder: Path, **decoder: Any) -> dict[str, Any]:
    """A whole random Tofy in a folder: the options that name its files."""
    checkpoint, vocabulary = write_checkpoint(folder)
    gguf = tiny_gguf.write(folder / "tiny.gguf", **{"context": 4096, "chat_template": None, **decoder})
    write_prefix(folder / "decoder_prefix.safetensors", 16, tiny_gguf.EMBED, 4)
    return {"checkpoint": str(checkpoint), "vocabulary": str(vocabulary), "decoder": str(gguf), "heads": 4}


def call(text: str = "Where is the train?", *, path: str = CHAT, **fields: Any) -> Call:
    """A greedy request."""
    said = {"messages": [{"role": "user", "content": text}]} if path == CHAT else {"prompt": text}
    data = {"temperature": 0, **said, **fields}
    return Call(path, b"", data, stream=bool(fields.get("stream")))


def asked(text: str = "Where is the train?", settings: Settings | None = None, **fields: Any) -> Question:
    """The same as the child sees it."""
    return Question.loads(pack(call(text, **fields)), settings or Settings("tofy"))


@asynccontextmanager
async def running(name: str = "tofy", **options: Any) -> AsyncIterator[WorldBackend]:
    """Started, and closed in the end; not yet loaded."""
    spec = Spec(kind="world", **options)
    backend = WorldBackend(name, spec, facts(name, spec))
    await backend.start()
    try:
        yield backend
    finally:
        async with asyncio.timeout(20):
            await backend.close()


async def plain(backend: WorldBackend, *words: str, **fields: Any) -> dict[str, Any]:
    """The JSON of a plain answer."""
    answer: dict[str, Any] = json.loads(await (await backend.ask(call(*words, **fields))).read())
    return answer


def content(answer: dict[str, Any]) -> str:
    """What a chat completion says."""
    said: str = answer["choices"][0]["message"]["content"]
    return said


async def eventually(holds: Callable[[], Any], patience: float = 20) -> None:
    """Wait until it does."""
    async with asyncio.timeout(patience):
        while not holds():
            await asyncio.sleep(0.01)
