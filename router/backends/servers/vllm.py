"""vLLM (docs/serving/openai_compatible_server of vllm-project/vllm).

The list of models has the context it serves (`max_model_len`). `/health` answers 503 when its engine has died, while
the list is still there (entrypoints: `EngineDeadError`). How many requests it works on at once, and what a model can
see, it does not say; its `/metrics` tell how busy it is to whoever scrapes them.
"""

from __future__ import annotations

from router.backends.servers.told import Server, Told

__all__ = ["ask"]


async def ask(server: Server, root: bytes) -> Told:
    """Raises WireError."""
    status, _ = await server.fetch(root + b"/health")
    return Told(server="vllm", fault="its engine has died" if status == 503 else None)
