"""llama.cpp in this process: a GGUF file answers chat completions and completions, or embeddings.

The event loop never computes. A request waits in the bounded queue, a worker thread of this model does the work
(`llama/engine.py`), and its bytes come over in a `Job`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any

from router.backends.contract import Answer, Backend, BackendError, Call, Events, Plain
from router.backends.llama.context import Stopped
from router.backends.llama.engine import Engine
from router.backends.llama.file import GgufError
from router.backends.llama.installed import NOT_INSTALLED, llama_is_installed
from router.backends.llama.job import Job
from router.backends.llama.request import read
from router.backends.slots import Slots
from router.config.backend import GgufBackend as Spec
from router.config.facts import Facts
from router.endpoints.filling import PATHS, in_process
from router.endpoints.translation import ask_translated
from router.telemetry.work import Work
from router.toolcalls.answer import mended

__all__ = ["GgufBackend"]

log = logging.getLogger("signalbox.backends")

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
COUNTED = 3.0
"""Seconds that counting tokens may take, with the wait for a worker."""
LOOK_AGAIN = 3.0
"""Seconds between looks for llama.cpp where it is not installed: `make run` serves while it is being compiled."""


class GgufBackend(Backend):
    """One model file. `parallel` requests compute at once, each in a context of its own over the same weights."""

    def __init__(self, name: str, spec: Spec, facts: Facts):
        self.name = name
        self.spec = spec
        self.facts = facts
        facts.endpoints = frozenset({EMBEDDINGS} if spec.embeddings else {CHAT, *PATHS})
        parallel = spec.parallel or 1
        self.slots = Slots(parallel, spec.queue, spec.queue_wait)
        self._workers = ThreadPoolExecutor(parallel, f"gguf {name}")
        self._engine: Engine | None = None
        self._loaded = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._jobs: set[Job] = set()
        self.work: Work = Work()
        self._closed = False

    @property
    def fingerprint(self) -> str:
        return self.spec.model_dump_json()

    async def start(self) -> None:
        self._loading = asyncio.get_running_loop().create_task(self._load())

    async def close(self) -> None:
        """Waits for answers under way, unless it is cancelled: then they end at once."""
        self._closed = True
        closing = asyncio.get_running_loop().run_in_executor(None, self._free)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            for job in self._jobs:
                job.cancel()
            await closing
            raise

    async def ask(self, call: Call) -> Answer:
        """Queue the call and compute. A stream's answer is there with its first bytes, a plain one when it is whole."""
        if not self.spec.embeddings and (other := in_process(call)) is not None:
            return await ask_translated(self.ask, call, other)
        await self._ready()
        work = self._work(call)
        call.queued = await self.slots.take()
        loop = asyncio.get_running_loop()
        job = Job(loop)
        self._jobs.add(job)
        try:
            self._workers.submit(self._run, loop, job, work)
        except RuntimeError:
            self._finished(job)
            raise BackendError("down", f"{self.name} is being closed") from None
        try:
            first = await job.take() or b""
        except BaseException:
            job.cancel()
            raise
        streams = call.stream and call.path != EMBEDDINGS
        answer = Events(_pieces(job, first), job.cancel) if streams else Plain(first)
        return mended(answer, call, self.spec.repair_tool_calls)

    async def count_tokens(self, data: dict[str, Any]) -> int | None:
        """A worker counts, between two answers: the model is not freed before that."""
        engine = self._engine
        if engine is None or CHAT not in (self.facts.endpoints or ()):
            return None
        try:
            counting = self._workers.submit(engine.count, data)
            async with asyncio.timeout(COUNTED):
                return await asyncio.wrap_future(counting)
        except (BackendError, RuntimeError, TimeoutError):
            return None

    def _work(self, call: Call) -> Callable[[Engine, Job], bytes]:
        """What a worker has to do for this call. Raises BackendError("refused")."""
        if call.path not in (self.facts.endpoints or ()):
            raise BackendError("refused", f"{self.name} does not serve {call.path}", status=404)
        if call.path == EMBEDDINGS:
            return lambda engine, job: engine.embed(job, call.data)
        request = read(call.data, chat=call.path == CHAT, stream=call.stream)
        return lambda engine, job: engine.complete(job, request)

    async def _ready(self) -> None:
        """The model is loaded. Raises BackendError when it cannot be, or takes longer than a request may wait."""
        if not self._loaded.is_set():
            try:
                async with asyncio.timeout(self.spec.queue_wait):
                    await self._loaded.wait()
            except TimeoutError:
                raise BackendError("full", f"{self.name} is still loading", status=503, retry_after=5) from None
        if self._engine is None or self._closed:
            raise BackendError("down", self.facts.fault or f"{self.name} is being closed")

    async def _load(self) -> None:
        """As soon as llama.cpp is there; until then the backend is down."""
        facts = self.facts
        while not await asyncio.to_thread(llama_is_installed):
            if facts.fault is None:
                log.warning("%s is down: %s", self.name, NOT_INSTALLED)
            facts.up, facts.fault = False, NOT_INSTALLED
            self._loaded.set()
            await asyncio.sleep(LOOK_AGAIN)
            if self._closed:
                return
        facts.up, facts.fault = None, None
        self._loaded.clear()
        await self._load_engine()

    async def _load_engine(self) -> None:
        facts = self.facts
        began = perf_counter()
        open_engine = partial(Engine, self.name, self.spec, lambda: self._closed)
        try:
            engine = await asyncio.get_running_loop().run_in_executor(self._workers, open_engine)
        except GgufError as error:
            facts.up, facts.fault = False, f"{self.spec.path} {error}"
        except (ImportError, OSError, RuntimeError) as error:
            facts.up, facts.fault = False, f"llama-cpp-python cannot be used ({error}); `make llama` installs it"
        else:
            self._engine, self.work.load_seconds = engine, perf_counter() - began
            facts.context = min(facts.context or engine.n_ctx, engine.n_ctx)
            facts.tools = facts.tools and engine.template.calls_are_tagged
            facts.up, facts.fault = True, None
        finally:
            self._loaded.set()
        if facts.fault:
            log.warning("%s is down: %s", self.name, facts.fault)

    def _run(self, loop: asyncio.AbstractEventLoop, job: Job, work: Callable[[Engine, Job], bytes]) -> None:
        """A worker's whole life with one request."""
        error: BackendError | None = None
        last = b""
        try:
            if self._engine is not None and not job.cancelled:
                last = work(self._engine, job)
        except Stopped:
            error = BackendError("broken", "the request was cancelled")
        except BackendError as fault:
            error = fault
        except Exception as fault:
            # Of ours, or memory that ran out: this request fails, the worker goes on.
            log.exception("%s failed", self.name)
            error = BackendError("broken", f"{self.name} failed: {type(fault).__name__}")
        try:
            loop.call_soon_threadsafe(self._finished, job)  # first, so that who has its answer finds its slot free
        except RuntimeError:
            log.debug("%s: the loop closed before the answer ended", self.name)
        job.end(last, error)

    def _finished(self, job: Job) -> None:
        self._jobs.discard(job)
        self.slots.give_back()
        if job.work is not None:
            self.work.add(job.work)

    def _free(self) -> None:
        self._workers.shutdown(wait=True)
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


async def _pieces(job: Job, first: bytes) -> AsyncIterator[bytes]:
    """The bytes of a stream; whoever leaves it early cancels the work."""
    try:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            piece = await job.take()
    finally:
        job.cancel()
