"""Client keys in the ledger's file, and how a running process sees them change."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from router.accounts import key_table
from router.accounts.key_table import KeyTable
from router.accounts.keyring import LOOK, Keyring
from router.accounts.keys import digest_of
from router.accounts.ledger import FILE, Ledger
from router.config.client_keys import Key
from router.refusal import Refusal
from router.telemetry.record import Record

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def sent(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-api-key", key.encode())]


def test_what_is_kept_of_a_key_is_its_digest_and_what_it_may(tmp_path: Path) -> None:
    table = KeyTable(tmp_path)
    assert table.rows() == []
    until = time.time() + 60
    assert table.add("ci", digest_of("the-key-itself"), routes=["code"], backends=["a*"], private=True, expires=until)
    (row,) = table.rows()
    assert (row.key.alias, row.key.digest, row.key.source, row.key.expires) == (
        "ci",
        digest_of("the-key-itself"),
        "ledger",
        until,
    )
    assert row.key.grant is not None
    assert (row.key.grant.routes, row.key.grant.backends, row.key.grant.private) == (("code",), ("a*",), True)
    assert b"the-key-itself" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_an_alias_is_taken_until_its_key_is_revoked(tmp_path: Path) -> None:
    table = KeyTable(tmp_path)
    assert table.add("a", digest_of("one"))
    assert not table.add("a", digest_of("two"))
    assert table.revoke("a") and not table.revoke("a") and not table.revoke("nobody")
    assert [row.revoked is not None for row in table.rows()] == [True]
    assert table.add("a", digest_of("two"))
    assert [row.key.digest for row in table.rows()] == [digest_of("two")]
    assert table.forget("a") and not table.forget("a")
    assert table.rows() == []


def test_there_are_only_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_table, "MOST", 2)
    table = KeyTable(tmp_path)
    assert [table.add(f"a{n}", digest_of(str(n))) for n in range(3)] == [True, True, False]


def test_it_lies_beside_a_ledger_that_is_there_already_and_tells_when_a_key_was_last_used(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, days=90, size=10**9)
    table = KeyTable(tmp_path)
    assert table.rows() == []
    assert table.add("me", digest_of("k"))
    record = Record("1", "/v1/chat/completions", 0.0, key="me")
    before = time.time()
    ledger.add(record)
    ledger.close()
    assert before - 1 <= table.last_used()["me"] <= time.time()
    with sqlite3.connect(table.path) as database:
        database.execute("DELETE FROM requests")
    assert table.last_used()["me"] == before // 3600 * 3600
    assert len(table.rows()) == 1


async def test_a_running_process_sees_new_keys_and_revoked_ones_within_two_seconds(tmp_path: Path) -> None:
    table, ring, other = KeyTable(tmp_path), Keyring({}, closed=False), Keyring({}, closed=False)
    for each in (ring, other):
        await each.open(tmp_path)
        assert not each.keys
    assert table.add("me", digest_of("k"))
    await asyncio.sleep(LOOK + 0.5)
    for each in (ring, other):
        assert each.keys.admit(sent("k")).alias == "me"
    assert table.revoke("me")
    await asyncio.sleep(LOOK + 0.5)
    for each in (ring, other):
        with pytest.raises(Refusal):
            each.keys.admit(sent("k"))
        assert each.keys, "the last key revoked must not open the door"
    assert table.forget("me")
    await asyncio.sleep(LOOK + 0.5)
    for each in (ring, other):
        assert not each.keys
        each.close()


async def test_what_cannot_be_read_opens_no_door_and_what_was_known_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.accounts.keyring.LOOK", 0.02)
    (tmp_path / FILE).write_bytes(b"this is no database at all, but long enough to be looked at" * 100)
    ring = Keyring({}, closed=False)
    await ring.open(tmp_path)
    assert ring.keys
    ring.close()
    (tmp_path / FILE).unlink()
    table, ring = KeyTable(tmp_path), Keyring({}, closed=False)
    assert table.add("me", digest_of("k"))
    await ring.open(tmp_path)
    monkeypatch.setattr(KeyTable, "rows", lambda self, known: (_ for _ in ()).throw(sqlite3.OperationalError("locked")))
    await asyncio.sleep(0.1)
    assert ring.keys.admit(sent("k")).alias == "me"
    ring.close()


async def test_a_file_that_goes_away_opens_no_door_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("router.accounts.keyring.LOOK", 0.02)
    folder, away = tmp_path / "here", tmp_path / "away"
    table, ring = KeyTable(folder), Keyring({}, closed=False)
    assert table.add("me", digest_of("k")) and table.add("old", digest_of("o")) and table.revoke("old")
    await ring.open(folder)

    async def holds() -> None:
        await asyncio.sleep(0.2)
        assert ring.keys.admit(sent("k")).alias == "me"
        for headers in ([], sent("o")):
            with pytest.raises(Refusal):
                ring.keys.admit(headers)

    folder.rename(away)
    await holds()
    Ledger(folder, days=90, size=1 << 28).close()  # makes the file anew, without the table
    await holds()
    (told,) = [record.getMessage() for record in caplog.records]
    assert str(table.path) in told and "those known so far count" in told
    shutil.rmtree(folder)
    away.rename(folder)
    assert table.forget("me") and table.forget("old")
    await asyncio.sleep(0.2)
    assert not ring.keys
    ring.close()


async def test_where_there_was_never_a_key_a_file_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("router.accounts.keyring.LOOK", 0.02)
    ring = Keyring({}, closed=False)
    await ring.open(tmp_path)
    await asyncio.sleep(0.1)
    assert not ring.keys and not caplog.records
    ring.close()


async def test_a_revoked_key_and_that_of_the_admin_are_passed_on_to_nobody(tmp_path: Path) -> None:
    table, ring = KeyTable(tmp_path), Keyring({}, closed=False, admin="the-key-of-the-admin")
    assert table.add("old", digest_of("k")) and table.revoke("old")
    await ring.open(tmp_path)
    ring.close()
    for key in ("k", "the-key-of-the-admin"):
        assert ring.keys.passed(sent(key), None) == []
        with pytest.raises(Refusal):
            ring.keys.admit(sent(key))
    assert ring.keys.passed(sent("other"), None) == sent("other")


async def test_limits_in_the_rules_hold_for_a_key_that_the_environment_lets_in() -> None:
    ring = Keyring({"free": "k"}, closed=False)
    assert ring.keys.admit(sent("k")).grant is None
    ring.take({"ci": Key.model_validate({"key": "k", "backends": "a"})})
    assert ring.keys.admit(sent("k")).alias == "ci"
    assert ring.grant("ci") is not None and ring.grant("free") is None
    assert ring.aliases() == ["ci", "free"]
    ring.take({})
    assert ring.keys.admit(sent("k")).alias == "free"
