"""Is a server there, and what does it say of itself?

It is asked at the start and when it comes back, then every five minutes while it has nothing else to do. In between it
is only knocked at: a connection is opened and closed. Small servers answer one request at a time (a question would
wait behind a long generation, and look like an outage), and `llama_cpp.server` even breaks off the answer it is
writing when another request comes. While it is down it is asked every two seconds, so that one that comes back is
used at once. Where no request comes, all of this is done less often.

What it says are facts for the gates and `/v1/models`; what the YAML says stands above it. Fields are taken where their
meaning is documented and are never guessed from each other: `servers/` has the words of each program.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import traceback
from collections.abc import Callable, Collection
from types import CodeType

from router.backends.servers.interview import interview
from router.backends.servers.told import Server, Told
from router.config.facts import Facts
from router.config.known import is_elsewhere
from router.wire.client import WireError

__all__ = ["Prober"]

log = logging.getLogger("signalbox.backends")

KNOCK_HERE, KNOCK_ELSEWHERE, ASK_AGAIN = 15.0, 60.0, 300.0
"""Seconds."""
ASK_DOWN_FIRST, ASK_DOWN = 0.5, 2.0
"""Seconds between two questions to one that is down: each is half as long again as the one before."""
IDLE, IDLE_DOWN = 600.0, 60.0
"""Seconds without a request for it, after which one that is there, or one that is down, is asked less often."""
SLOWER = 4
"""So much less often one that is there is asked then."""
DOWN_HERE, DOWN_ELSEWHERE = 10.0, 30.0
"""Seconds between two questions to one that is down and not wanted."""


class Prober:
    """Keeps the facts of one HTTP backend true."""

    def __init__(
        self,
        facts: Facts,
        server: Server,
        base: bytes,
        said: Collection[str] = (),
        slots: Callable[[int | None], None] = lambda slots: None,
        strange: bool = True,
    ):
        """`base` is the path of its API, `said` what the YAML says: `context`, `accepts`, `tools`, `dialects`. `slots`
        is told how many requests the server works on at once. `strange`: a server that does not say which program it
        is may be tried with the pages of those that are known."""
        self.facts = facts
        self.used = 0.0
        """When a request last went there, or would have; on the loop's clock."""
        self._server = server
        self._base = base
        self._said = frozenset(said) | (frozenset({"context"}) if facts.context is not None else frozenset())
        self._slots = slots
        self._strange = strange
        self._before = (facts.context, facts.accepts, facts.tools, facts.endpoints)
        """As it was before it was asked: a server that comes back, or lists other models, may be another one."""
        self._fresh = True
        """Nothing has been learned since it came back, or since it lists other models."""
        self._down_for = 0
        """Times it was asked in a row, and was down."""
        self._doubted = False
        """Requests have failed since it was asked."""
        self._stumbled: set[tuple[type[Exception], CodeType, int]] = set()
        """Faults of ours that have been logged: which, and where."""
        self._hurry = asyncio.Event()
        """Set when it is to be looked after soon."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        loop = asyncio.get_running_loop()
        self.used = loop.time()
        self._task = loop.create_task(self._ask_again_and_again())

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    def unreachable(self, fault: str) -> None:
        """A request could not connect."""
        self._turn(False, fault)
        self._hurry.set()

    def reached(self) -> None:
        """A request was answered."""
        self._turn(True, None)

    def wanted(self) -> None:
        """A request would have gone there, had it not been held back."""
        self.used = asyncio.get_running_loop().time()
        if self.facts.up is False:
            self._hurry.set()

    def suspected(self) -> None:
        """Requests fail: see whether it is still there, and what it says now."""
        self._doubted = True
        self._hurry.set()

    def _turn(self, up: bool, fault: str | None) -> None:
        facts = self.facts
        before, facts.up, facts.fault = facts.up, up, fault
        if not up:
            self._fresh = True
        elif before is False:
            self._down_for = 0
            if facts.shut is not None:
                facts.shut.look_again()
        if before is not None and before != up:
            log.info("%s is %s", facts.name, "up again" if up else f"down: {fault}")

    async def _ask_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        asked = 0.0
        while True:
            again = ASK_AGAIN * (SLOWER if loop.time() - self.used > IDLE else 1)
            due = self._doubted or loop.time() - asked > again
            try:
                if self.facts.up is not True or (due and not self._server.busy):
                    self._doubted = False
                    asked = loop.time()
                    await self.ask()
                else:
                    await self._knock()
            except Exception as error:
                self._stumble(error)
            await self._rest(loop.time() - self.used)

    def _stumble(self, error: Exception) -> None:
        """A fault of ours says nothing of the server: it must not stay down for it, nor be asked no more."""
        if self.facts.up is not True:
            self.facts.up, self.facts.fault = None, None
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        fault = (type(error), frame.f_code, line)
        if fault not in self._stumbled:
            self._stumbled.add(fault)
            log.error("%s: the server was not asked, by a fault of Signalbox", self.facts.name, exc_info=error)

    async def _rest(self, unused: float) -> None:
        self._hurry.clear()
        if self.facts.up is not False:
            often = KNOCK_HERE if self.facts.private else KNOCK_ELSEWHERE
            await self._pause(often * SLOWER if unused > IDLE else often)
            if self._hurry.is_set():
                await asyncio.sleep(ASK_DOWN_FIRST * random.uniform(0.8, 1.2))
            return
        longest = ASK_DOWN
        if unused > IDLE_DOWN:
            longest = DOWN_HERE if self.facts.private else DOWN_ELSEWHERE
        length = min(ASK_DOWN_FIRST * 1.5 ** min(self._down_for, 30), longest)
        self._down_for += 1
        if length <= ASK_DOWN:
            await asyncio.sleep(length * random.uniform(0.8, 1.2))
        else:
            await self._pause(length)

    async def _pause(self, length: float) -> None:
        """Ends early when it is to be looked after soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(length * random.uniform(0.8, 1.2)):
                await self._hurry.wait()

    async def _knock(self) -> bool:
        try:
            await self._server.knock()
        except WireError as error:
            self._turn(False, str(error))
            return False
        return True

    async def ask(self) -> None:
        """Ask once for the list of models, and what else this program tells."""
        facts = self.facts
        # A machine that is switched off lets a question time out as well as one that is at work does.
        if facts.up is not True and not await self._knock():
            return
        try:
            told = await self._interview()
            if told.models is not None and self._lists_others(told.models):
                self._fresh = True
                told = await self._interview()
        except WireError as error:
            self._unanswered(error)
            return
        note = ("the server refuses the api_key",) if told.refused else ()
        facts.notes = tuple(n for n in facts.notes if "api_key" not in n) + note
        self._turn(told.fault is None, told.fault)
        if told.models is not None:
            self._learn(told)

    async def _interview(self) -> Told:
        strange = self._strange and self._fresh
        return await interview(self._server, self._base, self.facts.model, strange, self._fresh)

    def _lists_others(self, names: tuple[str, ...]) -> bool:
        """What it has said may be of a model that is not there any more, or not the only one. Of a model that is named
        here and still listed it goes on to be true."""
        before, model = self.facts.models, self.facts.model
        if self._fresh or frozenset(names) == frozenset(before):
            return False
        mine = frozenset() if model is None else frozenset({model, f"{model}:latest"})  # as Ollama lists it
        return mine.isdisjoint(before) or mine.isdisjoint(names)

    def _unanswered(self, error: WireError) -> None:
        """Nobody there is down; whoever took the question and closed is there; silence may be a long generation."""
        if error.reason in ("connect", "tls"):
            self._turn(False, str(error))
        elif error.reason == "broken":
            self._turn(True, None)
        elif self.facts.up is not True:
            self.facts.up, self.facts.fault = None, str(error)

    def _learn(self, told: Told) -> None:
        facts, said = self.facts, self._said
        slots = facts.slots
        if self._fresh:
            facts.context, facts.accepts, facts.tools, facts.endpoints = self._before
            facts.trained = facts.loaded = facts.server = facts.slots = None
            facts.plain_dialects = frozenset()
            self._fresh = told.fault is not None
        facts.models = tuple(sorted(told.models or (), key=is_elsewhere))  # what `auto` is sent stays here if it can
        if told.here in facts.models:  # first, so that `auto` is sent there and not to one that would have to be loaded
            facts.models = (told.here, *(name for name in facts.models if name != told.here))
        facts.server = told.server or facts.server
        facts.trained = told.trained or facts.trained
        facts.loaded = told.loaded
        facts.endpoints = told.endpoints or facts.endpoints
        if "dialects" not in said and told.dialects is not None:
            facts.plain_dialects = told.dialects
        if "context" not in said:
            # Of a model that is out of memory for now it is the context that it had: it comes back with the same.
            facts.context = told.context or facts.context
        if "accepts" not in said and told.accepts is not None:
            facts.accepts = told.accepts
        if "tools" not in said and told.tools is not None:
            facts.tools = told.tools
        facts.slots = told.slots or facts.slots
        if facts.slots != slots:
            self._slots(facts.slots)
