"""The program as it is, watched: `python -m tests.faults.watched serve …` in the place of `signalbox serve …`.

Each process that serves, workers too (they import the parent's main module again), answers on a socket of its own in
the folder that FOLDER names: which tasks are alive, and how many connections toward backends are in use. The product
has no such window, so this one is put in from here.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
import threading
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import uvicorn

from router.cli import main
from router.wire.client import Pool

FOLDER = "FAULTS_WATCH"
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _put_in() -> None:
    """Note each pool when it is made, and open the socket when the server has started."""
    startup, made = uvicorn.Server.startup, Pool.__init__

    def pool(self: Pool, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        _pools.add(self)

    async def started(self: uvicorn.Server, *arguments: Any, **named: Any) -> None:
        await startup(self, *arguments, **named)
        loop = asyncio.get_running_loop()
        threading.Thread(target=_answer, args=(loop,), name="watched", daemon=True).start()

    Pool.__init__ = pool  # type: ignore[method-assign]
    uvicorn.Server.startup = started  # type: ignore[method-assign]


def _answer(loop: asyncio.AbstractEventLoop) -> None:
    window = socket.socket(socket.AF_UNIX)
    window.bind(str(Path(os.environ[FOLDER], f"{os.getpid()}.sock")))
    window.listen()
    while True:
        asker, _ = window.accept()
        with asker:
            asker.sendall(json.dumps(_alive(loop, at_rest=asker.recv(16) == b"rest")).encode())


def _alive(loop: asyncio.AbstractEventLoop, *, at_rest: bool) -> dict[str, Any]:
    if at_rest:
        gc.collect()  # what only a circle keeps is not leaked
    tasks = Counter(getattr(task.get_coro(), "__qualname__", str(task)) for task in asyncio.all_tasks(loop))
    busy = sum(len(pool._all) - len(pool._idle) for pool in _pools)
    return {"tasks": dict(tasks), "busy": busy, "idle": sum(len(pool._idle) for pool in _pools)}


if FOLDER in os.environ:
    _put_in()

if __name__ == "__main__":
    sys.exit(main())
