"""An HTTP backend as the doctor asks it: with the very requests that the proxy would send, and little patience."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from router.backends.contract import Answer, BackendError, Call
from router.backends.http import HttpBackend
from router.backends.servers.told import Told, parsed
from router.config.backend import HttpBackend as Spec
from router.config.backend import Timeouts
from router.config.known import facts
from router.wire.client import WireError

__all__ = ["Heard", "Patient"]

MOST = 2 * 1024 * 1024
"""Bytes of an answer; more than that no check has asked for."""


@dataclass(slots=True)
class Heard:
    """An answer, or why there is none."""

    status: int = 0
    """0: there is none."""
    body: bytes = b""
    fault: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    first: float = 0.0
    """Milliseconds to the head."""
    took: float = 0.0
    """Milliseconds to the end."""
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    """As they came, with the milliseconds at which they did."""

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object of an answer with status 200; else {}."""
        return parsed(self.status, self.body)

    @property
    def error(self) -> str:
        """In words."""
        if self.fault is not None:
            return self.fault
        try:
            said = orjson.loads(self.body)
        except ValueError:
            said = None
        error = said.get("error", said.get("detail")) if isinstance(said, dict) else None
        message = error.get("message") if isinstance(error, dict) else error
        text = message if isinstance(message, str) else self.body[:200].decode("utf-8", "replace")
        return f"status {self.status}" + (f": {text[:200]}" if text.strip() else "")


class Patient:
    """One backend under examination. Needs a running event loop; `close` it."""

    def __init__(self, name: str, spec: Spec, patience: float):
        self.name, self.spec, self.patience = name, spec, patience
        longer = patience + 1  # so that it is this patience that ends, and is told
        hurried = Timeouts(connect=min(spec.timeouts.connect, patience), first_byte=longer, idle=longer, total=longer)
        self.facts = facts(name, spec)
        self.backend = HttpBackend(name, spec.model_copy(update={"timeouts": hurried}), self.facts)
        self.told = Told()
        self.program: str | None = None
        """Which server it is, as people call it."""
        self.silent = False
        """It did not answer in time, once."""

    @property
    def base(self) -> bytes:
        """Path of its API."""
        return urlsplit(self.spec.url).path.rstrip("/").encode()

    @property
    def root(self) -> bytes:
        """Path of the pages beside it."""
        return self.base.removesuffix(b"/v1")

    @property
    def model(self) -> str | None:
        """The name that is sent there."""
        return self.spec.model or self.told.here or next(iter(self.told.models or ()), None)

    async def close(self) -> None:
        """Close its connections."""
        await self.backend.close()

    async def knock(self) -> float:
        """Milliseconds that a connection takes, TLS included. Raises WireError."""
        began = time.perf_counter()
        await self.backend.knock()
        return _since(began)

    async def page(self, path: bytes, body: bytes | None = None) -> dict[str, Any]:
        """A page of the server's own, beside the API; {} where it has none."""
        try:
            return parsed(*await self.backend.fetch(self.root + path, body))
        except WireError:
            return {}

    async def any_page(self, path: bytes) -> bytes:
        """A page of whatever kind; empty where there is none, also for a status that is an error."""
        try:
            return (await self.backend.fetch(self.root + path))[1]
        except WireError:
            return b""

    async def models(self) -> Heard:
        """The list of models."""
        return await self._ask(Call("/v1/models", b"", method="GET"))

    async def post(self, path: str, data: dict[str, Any]) -> Heard:
        """Ask something of the API."""
        headers = [(b"content-type", b"application/json")]
        stream = bool(data.get("stream"))
        return await self._ask(Call(path, orjson.dumps(data), data, headers, stream=stream))

    async def _ask(self, call: Call) -> Heard:
        heard, began = Heard(), time.perf_counter()
        try:
            async with asyncio.timeout(self.patience):
                answer = await self.backend.ask(call)
                heard.status, heard.first = answer.status, _since(began)
                heard.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
                try:
                    await _listen(answer, heard, began)
                finally:
                    answer.abort()
        except TimeoutError:
            self.silent = True
            heard.fault = f"no answer within {self.patience:g} s"
        except (BackendError, WireError) as error:
            heard.fault = str(error)
        heard.took = _since(began)
        heard.body = b"".join(piece for _, piece in heard.pieces)
        if heard.fault is not None:
            heard.status = 0
        return heard


async def _listen(answer: Answer, heard: Heard, began: float) -> None:
    """Take the body in. Raises BackendError when it breaks off or does not end."""
    size, enough = 0, asyncio.Event()

    def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        if size <= MOST:
            heard.pieces.append((_since(began), piece))
        else:  # raising here would end in the connection's callback, and not in who listens
            enough.set()

    piping = asyncio.ensure_future(answer.pipe(take))
    watching = asyncio.ensure_future(enough.wait())
    try:
        await asyncio.wait((piping, watching), return_when=asyncio.FIRST_COMPLETED)
        if enough.is_set():
            raise BackendError("broken", f"it answers with more than {MOST // 1024**2} MiB")
        await piping
    finally:
        piping.cancel()
        watching.cancel()
        await asyncio.gather(piping, watching, return_exceptions=True)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
