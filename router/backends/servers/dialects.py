"""Which dialects a server on somebody's machine speaks beside chat completions.

llama.cpp, Ollama, vLLM and LM Studio have learned Responses and Messages one after the other, and which version has
which is not told anywhere. So each is sent an empty object: who knows the path complains of it (400, 422), and nothing
is generated, for no prompt is there. Who does not know it answers 404, or 405; LM Studio 200 and an error.
"""

from __future__ import annotations

from router.backends.servers.told import Server

__all__ = ["spoken"]

PATHS = (b"/responses", b"/messages")
COMPLAINS = (400, 422)


async def spoken(server: Server, base: bytes) -> frozenset[str]:
    """Canonical paths (`/v1/messages`). Raises WireError."""
    found = set()
    for path in PATHS:
        status, body = await server.fetch(base + path, b"{}")
        if status in COMPLAINS and body.lstrip()[:1] == b"{":
            found.add("/v1" + path.decode())
    return frozenset(found)
