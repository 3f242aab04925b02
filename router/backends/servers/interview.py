"""The questions that are put to a server, in the order that disturbs it least.

First the list of models, which says for most servers which program it is; then what that program is known to answer. A
server that does not say is tried with the pages of the others, once: `strange`. A question that is not answered ends
the interview, and what was said until then counts.
"""

from __future__ import annotations

from typing import Any

from router.backends.servers import llama_cpp, lm_studio, ollama, vllm
from router.backends.servers.dialects import spoken
from router.backends.servers.openai import entries, said_in_list
from router.backends.servers.told import Server, Told, parsed
from router.wire.client import WireError

__all__ = ["NOT_NOW", "interview"]

NOT_NOW = (502, 503, 504)
"""Statuses by which a server, or the gateway before it, says that it cannot serve: llama.cpp while it loads. A 404 or
501 comes from one that has no list of models."""
MANY_TONGUED = frozenset({"llama.cpp", "ollama", "vllm", "lm-studio"})
"""Programs whose newer versions speak more than chat completions."""


async def interview(server: Server, base: bytes, model: str | None, strange: bool, fresh: bool = True) -> Told:
    """What it says of itself. `base` is the path of its API, `model` the name that is sent to it; `strange`: try the
    pages of programs that it does not say it is; `fresh`: ask too what does not change while it runs. Raises WireError
    when not even the list is answered."""
    status, body = await server.fetch(base + b"/models")
    if status in NOT_NOW:
        return Told(
            fault=llama_cpp.health(status, body) if b"oading model" in body else f"answers with status {status}"
        )
    refused = status in (401, 403)
    if status != 200:
        return Told(refused=refused)
    listed = entries(status, body)
    said = said_in_list(listed, model)
    root = base.removesuffix(b"/v1") if base.endswith(b"/v1") else b""
    try:
        said = (await _more(server, root, listed, model, said.server, strange)).over(said)
        asleep = said.server == "llama.cpp" and said.loaded is False  # a question would wake it
        if fresh and said.server in MANY_TONGUED and said.fault is None and not asleep:
            said = Told(dialects=await spoken(server, base)).over(said)
    except WireError:
        pass
    return said


async def _more(
    server: Server, root: bytes, listed: list[dict[str, Any]], model: str | None, program: str | None, strange: bool
) -> Told:
    if program == "llama.cpp":
        return await llama_cpp.ask(server, root, listed, model)
    if program == "ollama":
        return await ollama.ask(server, root, listed, model)
    if program == "lm-studio":
        return await lm_studio.ask(server, root, listed, model)
    if program == "vllm":
        return await vllm.ask(server, root)
    if program is not None or not strange:  # a Tofy server and a Signalbox have said all that they have to say
        return Told()
    said = llama_cpp.props(*await server.fetch(root + b"/props"))
    if said.server is not None:
        return said
    if isinstance(parsed(*await server.fetch(root + b"/api/version")).get("version"), str):
        return await ollama.ask(server, root, listed, model)
    return lm_studio.v0_models(*await server.fetch(root + b"/api/v0/models"), model)
