"""A cloud of LiteLLM's made to answer, with a few tokens that it may charge for."""

from __future__ import annotations

import asyncio
import time

import orjson

from router.backends.contract import BackendError, Call
from router.backends.registry import build
from router.checkup.result import Result, failure, fine
from router.config.backend import LitellmBackend
from router.config.known import facts

__all__ = ["answers"]

FEW = 16
"""Tokens of the answer: some providers refuse to be asked for less."""


async def answers(name: str, spec: LitellmBackend, patience: float) -> Result:
    """One short request, through a backend as it serves. `patience`: seconds, LiteLLM's import included."""
    known, began = facts(name, spec), time.perf_counter()
    embeds = known.endpoints == frozenset({"/v1/embeddings"})
    path = "/v1/embeddings" if embeds else "/v1/chat/completions"
    asked = {"input": "Hi"} if embeds else {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": FEW}
    data = {"model": spec.model, **asked}
    backend = build(name, spec, known)
    try:
        await backend.start()
        async with asyncio.timeout(patience):
            answer = await backend.ask(Call(path, orjson.dumps(data), data, [(b"content-type", b"application/json")]))
            await answer.read()
    except TimeoutError:
        return failure("answers", f"no answer within {patience:g} s", f"signalbox doctor --paid --patience 60s {name}")
    except BackendError as error:
        return failure("answers", error.message, "look at its key, its model and the account's balance")
    finally:
        await backend.close()
    return fine("answers", "it does", (time.perf_counter() - began) * 1000)
