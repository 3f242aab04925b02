"""Several workers, one page: whichever of them is asked for it asks the others.

Each listens on a socket in a private folder, and once a second writes what it has counted into a file beside it: of a
worker that has died, the file still counts. One that is killed takes its last second with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import orjson

from router.telemetry.store import Snapshot

__all__ = ["FOLDER", "Workers"]

log = logging.getLogger("signalbox.telemetry")

FOLDER = "_SIGNALBOX_WORKERS"
"""The environment variable in which the parent tells its workers of the folder."""
PAUSE = 1.0
PATIENCE = 0.5
"""Seconds that a worker gets to tell what it has counted; its file stands in for it."""


class Workers:
    """One worker's view of all. Alone, where no folder is told, there are no others."""

    def __init__(self, counted: Callable[[bool], bytes]):
        """`counted(gauges)`: this worker's numbers as JSON."""
        folder = os.environ.get(FOLDER)
        self._folder = Path(folder) if folder else None
        self._counted = counted
        self._server: asyncio.Server | None = None
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to answer the others."""
        if self._folder is not None:
            self._server = await asyncio.start_unix_server(self._tell, self._path("sock"))
            self._writing = asyncio.create_task(self._write_often())

    async def close(self) -> None:
        """Leave what was counted behind."""
        if self._writing is None or self._server is None:
            return
        self._writing.cancel()
        self._server.close()
        self._write()

    async def others(self) -> list[Snapshot]:
        """What the other workers have counted, living and dead."""
        if self._folder is None:
            return []
        self._write()
        files = [file for file in self._folder.glob("*.json") if file != self._path("json")]
        return [told for told in await asyncio.gather(*map(self._ask, files)) if told is not None]

    async def _ask(self, file: Path) -> Snapshot | None:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_unix_connection(file.with_suffix(".sock"))
                try:
                    return _parsed(await reader.read(-1))
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            try:
                return _parsed(file.read_bytes())
            except (OSError, ValueError):
                return None

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            # Its file first: if it dies now, what it has told is not taken back.
            self._write()
            writer.write(self._counted(True))
            await writer.drain()
        writer.close()

    async def _write_often(self) -> None:
        while True:
            self._write()
            await asyncio.sleep(PAUSE)

    def _write(self) -> None:
        unfinished = self._path("new")
        try:
            unfinished.write_bytes(self._counted(False))
            unfinished.replace(self._path("json"))
        except OSError as error:
            log.warning("what this worker has counted cannot be written for the others: %s", error)

    def _path(self, ending: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{os.getpid()}.{ending}"


def _parsed(data: bytes) -> Snapshot:
    told = orjson.loads(data)
    if not isinstance(told, dict):
        raise ValueError("no snapshot")
    return told
