"""The client keys of one process, out of all three places; `signalbox keys` changes one of them while it runs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from router.accounts.key_table import KeyRow, KeyTable
from router.accounts.keys import ClientKey, Keys, from_environment, from_rules
from router.config.client_keys import Key
from router.config.grant import Grant

__all__ = ["Keyring"]

log = logging.getLogger("signalbox.accounts")

LOOK = 1.0
"""Seconds between two looks into the ledger's file."""


class Keyring:
    """What a request is held against is `keys`, which is replaced as a whole when something changes.

    Of a key that is in several places the rules count first, then the environment: limits in the rules hold for a key
    that SIGNALBOX_KEYS lets in without any.
    """

    def __init__(self, environment: Mapping[str, str], closed: bool, admin: str | None = None):
        """`closed`: a key is needed even where there is none, as on an address that others can reach. `admin`: the key
        of the pages, which opens no door and is passed on to nobody."""
        self._closed = closed
        self._admin = [sha256(admin.encode()).digest()] if admin is not None else []
        self._environment = from_environment(environment)
        self._rules: list[ClientKey] = []
        self._rows: list[KeyRow] = []
        self._unreadable = False
        self._table: KeyTable | None = None
        self._looking: asyncio.Task[None] | None = None
        self.keys = self._made()

    def take(self, rules: Mapping[str, Key]) -> None:
        """New rules are in force."""
        self._rules = from_rules(rules)
        self.keys = self._made()

    async def open(self, folder: Path) -> None:
        """Read the table, and look again and again."""
        self._table = KeyTable(folder)
        await self._read(self._table)
        self._looking = asyncio.create_task(self._look(self._table))

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    def aliases(self) -> list[str]:
        """Of the keys that let somebody in, each once."""
        return list(dict.fromkeys(key.alias for key in self._all()))

    def grant(self, alias: str) -> Grant | None:
        """The limits of the first key with this alias."""
        return next((key.grant for key in self._all() if key.alias == alias), None)

    async def _look(self, table: KeyTable) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self._read(table)

    async def _read(self, table: KeyTable) -> None:
        try:
            rows = await asyncio.to_thread(table.rows, known=bool(self._rows))
        except (sqlite3.Error, OSError, ValueError) as error:
            if not self._unreadable:
                log.warning("the client keys in %s cannot be read (%s): those known so far count", table.path, error)
            unreadable, rows = True, self._rows
        else:
            unreadable = False
        if rows != self._rows or unreadable != self._unreadable:
            self._rows, self._unreadable = rows, unreadable
            self.keys = self._made()

    def _all(self) -> list[ClientKey]:
        return [*self._rules, *self._environment, *(row.key for row in self._rows if row.revoked is None)]

    def _made(self) -> Keys:
        # What cannot be read may hold keys, and what was revoked was one: neither opens the door.
        needed = self._closed or self._unreadable or bool(self._rows)
        revoked = (row.key.digest for row in self._rows if row.revoked is not None)
        return Keys(self._all(), needed, [*self._admin, *revoked])
