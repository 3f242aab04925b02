"""Any provider that LiteLLM knows: OpenAI's requests in, the provider's own dialect out, OpenAI's answers back."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar

from router.backends.contract import Answer, Backend, BackendError, Call, Events, Plain
from router.backends.copilot import NOT_LOGGED_IN, PROVIDER, Copilot, headers, is_copilot
from router.backends.litellm_chunks import DONE, body, event
from router.backends.litellm_errors import Redactor, backend_error
from router.backends.litellm_library import library
from router.backends.litellm_request import FIELDS, arguments, refuse_unsendable, speaks_openai
from router.backends.scrub import Scrubber, parts
from router.backends.slots import Slots
from router.config.backend import LitellmBackend as Spec
from router.config.facts import Facts
from router.config.secret import reveal
from router.endpoints.filling import in_process
from router.endpoints.translation import ask_translated
from router.request.credentials import sounds_secret
from router.toolcalls.answer import mended

__all__ = ["LitellmBackend"]

log = logging.getLogger("signalbox.backends")

T = TypeVar("T")

_FUNCTIONS = {
    "/v1/chat/completions": "acompletion",
    "/v1/completions": "atext_completion",
    "/v1/embeddings": "aembedding",
}
_KEY_NAMES = ("_API_KEY", "_ACCESS_KEY", "_TOKEN", "_SECRET")
MOST_BUFFERED = 1000
"""Chunks that may have arrived unread when a stream is given up."""


class LitellmBackend(Backend):
    """One model of one provider."""

    def __init__(self, name: str, spec: Spec, facts: Facts):
        self.name = name
        self.spec = spec
        self.first_content = spec.timeouts.first_content
        self.facts = facts
        if facts.endpoints is None:
            facts.endpoints = frozenset(FIELDS)
        self.slots = Slots(spec.parallel, spec.queue, spec.queue_wait)
        self._litellm: Any = None
        self._speaks_openai = False
        self._fixed: dict[str, Any] = {}
        told = [reveal(spec.api_key) or "", *_secrets(spec.params)]
        secrets = [part for secret in told for part in parts(secret)]
        self._redact = Redactor([*secrets, *_secrets(os.environ)])
        # An answer may well be about what stands in KEYCLOAK_URL: of the environment only what is a key by its name.
        keys = (value for name, value in os.environ.items() if name.endswith(_KEY_NAMES))
        self._scrubber = Scrubber([*secrets, *keys])
        self._copilot = Copilot(facts) if is_copilot(spec.model) else None
        self.asks_initiator = self._copilot is not None
        self._imported = asyncio.Event()
        self._importing: asyncio.Task[None] | None = None

    @property
    def fingerprint(self) -> str:
        return self.spec.model_dump_json()

    async def start(self) -> None:
        self._importing = asyncio.get_running_loop().create_task(self._import())
        if self._copilot is not None:
            self._copilot.start()

    async def close(self) -> None:
        """Nothing is held but answers under way; LiteLLM shares its connections among all backends."""
        if self._importing is not None:
            self._importing.cancel()
        if self._copilot is not None:
            self._copilot.stop()

    async def ask(self, call: Call) -> Answer:
        """Send the call. A stream's answer is there with its first chunk."""
        if (other := in_process(call)) is not None:
            return await ask_translated(self.ask, call, other)
        if call.path not in FIELDS:
            raise BackendError("refused", f"{self.name} does not serve {call.path}", status=404)
        refuse_unsendable(call.data)
        await self._ready()
        call.queued = await self.slots.take()
        try:
            if call.stream and call.path != "/v1/embeddings":
                return mended(await self._stream(call), call, self.spec.repair_tool_calls)  # its end frees the slot
            response = await self.bounded(self._send(call), self.spec.timeouts.first_byte)
        except BaseException:
            self.slots.give_back()
            raise
        self.slots.give_back()
        return mended(Plain(self._scrubber.whole(body(response), 200)), call, self.spec.repair_tool_calls)

    async def bounded(self, answer: Awaitable[T], patience: float) -> T:
        """Await something of LiteLLM's for at most `patience` seconds. Raises BackendError."""
        try:
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            raise BackendError("timeout", f"nothing came from {self.name} within {patience:g} s", status=504) from None
        except Exception as fault:  # LiteLLM raises its own kinds, its providers' and plain bugs: all end the attempt
            raise backend_error(self._litellm, fault, self._redact) from None

    def clean(self, event: bytes) -> bytes:
        """An event without this backend's secrets."""
        return self._scrubber.whole(event, 200)

    async def _stream(self, call: Call) -> Events:
        limits = self.spec.timeouts
        ends = asyncio.get_running_loop().time() + limits.total
        source = await self.bounded(self._send(call, stream=True), limits.first_byte)
        stream = _Stream(self, source, ends)
        first = await stream.next(limits.first_byte)  # cut short, it has closed its connection itself
        return Events(stream.pieces(first), stream.abort)

    async def _send(self, call: Call, stream: bool = False) -> Any:
        given = arguments(call.path, call.data, openai=self._speaks_openai)
        if stream:
            given |= {"stream": True, "stream_options": {"include_usage": True}}
        given |= self._fixed
        if self._copilot is not None and call.path == "/v1/chat/completions":
            told = headers(self.spec.model, call.initiator, call.data)
            given["extra_headers"] = told | given.get("extra_headers", {})
        return await getattr(self._litellm, _FUNCTIONS[call.path])(**given)

    async def _ready(self) -> None:
        """LiteLLM is imported. Raises BackendError when it cannot be, or takes longer than an answer may."""
        if self._copilot is not None:
            self._copilot.check()
        if not self._imported.is_set():
            limits = self.spec.timeouts
            try:
                async with asyncio.timeout(limits.connect + limits.first_byte):
                    await self._imported.wait()
            except TimeoutError:
                raise BackendError("timeout", "LiteLLM is still being imported", status=504) from None
        if self._litellm is None:
            raise BackendError("down", self.facts.fault or "LiteLLM cannot be used")
        if self._copilot is not None:
            await self._copilot.ready()

    async def _import(self) -> None:
        try:
            litellm = await asyncio.to_thread(library)
            provider = PROVIDER
            if self._copilot is None:  # of Copilot's, this would begin a login
                _, provider, _, _ = litellm.get_llm_provider(model=self.spec.model, api_base=self.spec.api_base)
        except Exception as fault:  # an import runs anybody's code; the backend is down, whatever it was
            self.facts.up, self.facts.fault = False, self._redact(f"LiteLLM cannot serve {self.spec.model}: {fault}")
            log.warning("%s is down: %s", self.name, self.facts.fault)
        else:
            self._speaks_openai = speaks_openai(litellm, provider)
            self._fixed = self._arguments()
            self._litellm = litellm
            if self._copilot is None or self.facts.fault != NOT_LOGGED_IN:
                self.facts.up, self.facts.fault = True, None
        finally:
            self._imported.set()

    def _arguments(self) -> dict[str, Any]:
        """Ours in each call: they win over the client's. Retries are the journey's business, not LiteLLM's."""
        import httpx

        limits = self.spec.timeouts
        fixed: dict[str, Any] = {
            "model": self.spec.model,
            # A little more than ours, which then says what it waited for.
            "timeout": httpx.Timeout(max(limits.first_byte, limits.idle) + 1, connect=limits.connect),
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            "no-log": True,
            # Else each request with tools makes it import `mcp`, which is not installed, to look for its own gateway's.
            "_skip_mcp_handler": True,
        }
        said = {"api_key": reveal(self.spec.api_key), "api_base": self.spec.api_base}
        return fixed | {field: value for field, value in said.items() if value is not None} | self.spec.params


class _Stream:
    """A stream of LiteLLM's on its way out, and the slot that its request holds."""

    def __init__(self, backend: LitellmBackend, source: Any, ends: float):
        self._backend = backend
        self._source = source
        self._ends = ends
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None
        self._idle = False
        """The connection stands, and nobody is reading."""

    async def next(self, patience: float) -> Any:
        """The next chunk, None at the end. Raises BackendError."""
        self._idle = False
        chunk = await self._backend.bounded(_next(self._source), patience)
        self._idle = chunk is not None
        return chunk

    async def pieces(self, first: Any) -> AsyncIterator[bytes]:
        """The chunks as server-sent events."""
        try:
            chunk = first
            while chunk is not None:
                yield self._backend.clean(event(chunk))
                patience = min(self._backend.spec.timeouts.idle, self._ends - self._loop.time())
                chunk = await self.next(max(0.0, patience))
            yield DONE
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the connection to the provider, and free the slot: once."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
            self._backend.slots.give_back()

    async def _close(self) -> None:
        # Closing LiteLLM's stream leaves the connection of most providers open, and the model at work. A read that is
        # cancelled while it waits closes it, whatever the provider: so one is begun.
        for _ in range(MOST_BUFFERED if self._idle else 0):
            read = self._loop.create_task(_next(self._source))
            await asyncio.sleep(0)
            if not read.done():
                read.cancel()
                await asyncio.wait({read})
                break
            if read.exception() is not None or read.result() is None:
                break
        try:
            await self._source.aclose()
        except Exception as fault:
            log.debug("%s: closing a stream failed: %s", self._backend.name, type(fault).__name__)


async def _next(source: Any) -> Any:
    return await anext(source, None)


def _secrets(values: Mapping[str, Any]) -> list[str]:
    """Values whose names sound secret, those of headers among the parameters as well."""
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _secrets(value)
        elif isinstance(value, str) and len(value) >= 8 and sounds_secret(name):
            found.append(value)
    return found
