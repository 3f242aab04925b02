"""Tells when the content of a file has changed.

The file is looked at five times a second instead of being subscribed to: that sees editors that replace the file,
mounts that swap a symlink, network file systems and containers alike, for the price of one `stat` each time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from router.config.load import digest, read_content

__all__ = ["INTERVAL", "Changes", "Signature", "Watcher", "signature"]

INTERVAL = 0.2
"""Seconds between two looks. A change is told after it was quiet for one interval: within 0.4 s."""

_REREADS = 10

Signature = tuple[int, ...]
"""What changes when a file does: device, inode, size, times. Equal signatures make reading the file needless."""


def signature(path: Path) -> Signature | None:
    """Of the file that the path leads to, through symlinks; None when there is none."""
    try:
        said = os.stat(path)
    except OSError:
        return None
    return (said.st_dev, said.st_ino, said.st_size, said.st_mtime_ns, said.st_ctime_ns)


class Changes:
    """Decides from one look after another whether there is a new content. Knows no clock and no file system.

    A content counts once the file looked the same twice, so that a file written in pieces is read whole. The file is
    read some more times after that, because two writes within one tick of a coarse clock leave the same signature.
    """

    def __init__(self, known: str | None):
        self.known = known
        """Digest of the content that is in use; None: any content is new."""
        self._seen: Signature | None = None
        self._rereads = 0

    def observe(self, seen: Signature | None, read: Callable[[], bytes]) -> bytes | None:
        """The new content, once. None: nothing new, not yet settled, or the file is away for the moment."""
        if seen is None or seen != self._seen:
            self._seen, self._rereads = seen, _REREADS
            return None
        if not self._rereads:
            return None
        self._rereads -= 1
        try:
            content = read()
        except OSError:
            self._seen = None
            return None
        if (found := digest(content)) == self.known:
            return None
        self.known = found
        return content


class Watcher:
    """`async for content in Watcher(path)` gives each new content of the file, within a second of the last write.

    `known` is the digest of the content in use (`Loaded.digest`); left out, what the file holds now counts as known.
    Ends only when its task is cancelled.
    """

    def __init__(self, path: Path, known: str | None = None, interval: float = INTERVAL):
        self.path = path
        self.interval = interval
        self.changes = Changes(known if known is not None else self._present())

    def _present(self) -> str | None:
        try:
            return digest(read_content(self.path))
        except OSError:
            return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            content = self.changes.observe(signature(self.path), lambda: read_content(self.path))
            if content is not None:
                yield content
            await asyncio.sleep(self.interval)
