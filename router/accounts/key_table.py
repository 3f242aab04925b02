"""The client keys that `signalbox keys new` makes: a table in the ledger's file, of digests and not of keys.

Rows of revoked keys stay: where a key was ever needed, the last one that goes must not open the door to everybody.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.accounts.keys import ClientKey
from router.accounts.ledger import FILE, PATIENCE, opened
from router.config.grant import grant

__all__ = ["MOST", "KeyRow", "KeyTable"]

MOST = 10_000
"""Rows, those of revoked keys included."""

_TABLE = """
CREATE TABLE IF NOT EXISTS client_keys (
    alias TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, routes TEXT, backends TEXT, private INTEGER NOT NULL,
    pass_key INTEGER NOT NULL, created REAL NOT NULL, expires REAL, revoked REAL
)
"""
_COLUMNS = "alias, digest, routes, backends, private, pass_key, created, expires, revoked"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of the table. Times are seconds of the epoch."""

    key: ClientKey
    routes: tuple[str, ...] | None
    backends: tuple[str, ...] | None
    private: bool
    pass_key: bool
    created: float
    revoked: float | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> KeyRow:
        """From the columns of the table."""
        alias, digest, routes, backends, private, pass_key, created, expires, revoked = row
        told = [tuple(json.loads(each)) if each is not None else None for each in (routes, backends)]
        limits = grant(alias, told[0], told[1], bool(private), bool(pass_key))
        key = ClientKey(alias, bytes(digest), "ledger", limits, expires)
        return cls(key, told[0], told[1], bool(private), bool(pass_key), created, revoked)


class KeyTable:
    """The table in a folder. Each method opens the file for itself, and raises sqlite3.Error or OSError."""

    def __init__(self, folder: Path):
        self.path = folder / FILE

    def rows(self, *, known: bool = False) -> list[KeyRow]:
        """All of them, by alias; none where there is no file or no table yet. `known`: there was one, and that it is
        gone is an error."""
        if not self.path.is_file():
            return _none(known)
        uri = f"{self.path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'client_keys'").fetchone():
                return _none(known)
            found = database.execute(f"SELECT {_COLUMNS} FROM client_keys ORDER BY alias")
            return [KeyRow.of(row) for row in found]

    def add(
        self,
        alias: str,
        digest: bytes,
        *,
        routes: Sequence[str] | None = None,
        backends: Sequence[str] | None = None,
        private: bool = False,
        pass_key: bool = False,
        expires: float | None = None,
    ) -> bool:
        """Keep a new key; it takes the place of a revoked one of the same alias. False when the alias is in use, or
        there are MOST keys."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._written()) as database, database:
            database.execute("DELETE FROM client_keys WHERE alias = ? AND revoked IS NOT NULL", (alias,))
            if database.execute("SELECT count(*) FROM client_keys").fetchone()[0] >= MOST:
                return False
            told = [json.dumps(list(each)) if each is not None else None for each in (routes, backends)]
            added = database.execute(
                f"INSERT INTO client_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
                (alias, digest, *told, private, pass_key, time.time(), expires),
            )
            return added.rowcount == 1

    def revoke(self, alias: str) -> bool:
        """From now on it opens nothing. False when there is no such key, or it is revoked already."""
        if not self.path.is_file():
            return False
        with closing(self._written()) as database, database:
            changed = database.execute(
                "UPDATE client_keys SET revoked = ? WHERE alias = ? AND revoked IS NULL", (time.time(), alias)
            )
            return changed.rowcount == 1

    def forget(self, alias: str) -> bool:
        """As if it had never been. False when there is no such key."""
        if not self.path.is_file():
            return False
        with closing(self._written()) as database, database:
            return database.execute("DELETE FROM client_keys WHERE alias = ?", (alias,)).rowcount == 1

    def last_used(self) -> dict[str, float]:
        """By alias, when its latest request ended, out of the ledger: to the second while single requests are kept,
        else to the hour."""
        if not self.path.is_file():
            return {}
        uri = f"{self.path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as database:
            hours = dict(database.execute("SELECT key, max(hour) FROM hours WHERE key != '' GROUP BY key"))
            exact = "SELECT max(at) FROM requests WHERE at >= ? AND at < ? AND key = ?"
            return {
                alias: database.execute(exact, (hour, hour + 3600, alias)).fetchone()[0] or float(hour)
                for alias, hour in hours.items()
            }

    def _written(self) -> sqlite3.Connection:
        database = opened(self.path)
        database.execute(_TABLE)
        return database


def _none(known: bool) -> list[KeyRow]:
    if known:
        raise FileNotFoundError("they are gone, and nobody has forgotten them")
    return []
