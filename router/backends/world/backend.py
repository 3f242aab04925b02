"""`kind: world`: a world model and the decoder that speaks for it, in a process beside the proxy.

This side stays thin: a request is checked, waits in the bounded queue, and goes over the pipe; the bytes that come
back are the client's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from router.backends.contract import Answer, Backend, BackendError, Call, Events, Plain
from router.backends.slots import Slots
from router.backends.world.job import Job
from router.backends.world.link import Link
from router.backends.world.question import CHAT, COMPLETIONS, pack
from router.backends.world.settings import settings
from router.backends.world.tally import Tally
from router.config.backend import WorldBackend as Spec
from router.config.facts import Facts
from router.telemetry.work import Work

__all__ = ["WorldBackend"]


class WorldBackend(Backend):
    """One world model. `parallel` requests are answered at once, in one batch of the decoder."""

    def __init__(self, name: str, spec: Spec, facts: Facts):
        self.name = name
        self.spec = spec
        self.facts = facts
        facts.endpoints = frozenset({CHAT, COMPLETIONS})
        self.slots = Slots(spec.parallel, spec.queue, spec.queue_wait)
        self.link = Link(facts, partial(settings, name, spec), self._finished)
        self._jobs: set[Job] = set()
        self.work: Work = self.link.work
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def fingerprint(self) -> str:
        return self.spec.model_dump_json()

    async def start(self) -> None:
        self.link.start()

    async def close(self) -> None:
        """Waits for answers under way, unless it is cancelled: then they end at once."""
        self._closed = True
        try:
            await self._idle.wait()
        finally:
            await self.link.close()

    async def ask(self, call: Call) -> Answer:
        """Queue the call and answer. A stream's answer is there with its first bytes, a plain one when it is whole."""
        if call.path not in (CHAT, COMPLETIONS):
            raise BackendError("refused", f"{self.name} does not serve {call.path}", status=404)
        question = pack(call)
        await self._ready()
        call.queued = await self.slots.take()
        try:
            await self._ready()  # what was up before the wait may be down now
            job = self.link.ask(question)
        except BaseException:
            self.slots.give_back()
            raise
        self._jobs.add(job)
        self._idle.clear()
        try:
            first = await job.take() or b""
        except BaseException:
            job.cancel()
            raise
        return Events(_pieces(job, first), job.cancel) if call.stream else Plain(first)

    async def _ready(self) -> None:
        """The model is loaded. Raises BackendError when it cannot be, or takes longer than a request may wait."""
        if not self.link.known.is_set():
            try:
                async with asyncio.timeout(self.spec.queue_wait):
                    await self.link.known.wait()
            except TimeoutError:
                raise BackendError("full", f"{self.name} is still loading", status=503, retry_after=5) from None
        if not self.facts.up or self._closed:
            raise BackendError("down", self.facts.fault or f"{self.name} is being closed", retry_after=2)

    def _finished(self, job: Job, tally: dict[str, Any]) -> None:
        """The child has let go of it: its slot is free before whoever waits for the answer has it."""
        self._jobs.discard(job)
        self.slots.give_back()
        if not self._jobs:
            self._idle.set()
        if tally:
            told = Tally(**tally)
            self.work.add(told.work())
            if self.spec.debug:
                print(told.line(self.name), file=sys.stderr, flush=True)


async def _pieces(job: Job, first: bytes) -> AsyncIterator[bytes]:
    """The bytes of a stream; whoever leaves it early cancels the work."""
    try:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            piece = await job.take()
    finally:
        job.cancel()
