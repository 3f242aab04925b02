"""The ledger: nothing is lost but the last moment of a killed process, sums outlive rows, several may write."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router.accounts.ledger import AT_ONCE, FILE, NANO, Ledger, opened, prune
from router.accounts.spend import spend
from router.telemetry.record import Cost, Record, Tokens

EVER = 0.0


def record(number: int = 1, *, usd: float | None = 0.25, model: str = "m", **more: object) -> Record:
    made = Record(f"r{number}", "/v1/chat/completions", 10.0, key="me", route="all", backend="b", model=model)
    made.status, made.ended, made.tokens = 200, 12.5, Tokens(100, 20, cached=40)
    made.cost = None if usd is None else Cost(usd, "reported")
    for name, value in more.items():
        setattr(made, name, value)
    return made


def ledger(folder: Path) -> Ledger:
    return Ledger(folder, days=90, size=1 << 28)


def test_a_request_is_a_row_without_a_word_of_it(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.add(record())
    book.close()
    row = sqlite3.connect(tmp_path / FILE).execute("SELECT id, key, input, cached, nano_usd, seconds FROM requests")
    assert row.fetchall() == [("r1", "me", 100, 40, NANO // 4, 2.5)]


@pytest.mark.parametrize("by", ["model", "route", "backend", "key", "harness", "day"])
def test_the_sums_are_those_of_the_requests_by_whatever_is_asked(tmp_path: Path, by: str) -> None:
    book = ledger(tmp_path)
    for number in range(10):
        book.add(record(number, usd=0.1))
    book.add(record(10, usd=None, outcome="failed"))
    book.close()
    found = spend(tmp_path / FILE, by, EVER)
    assert (found.total.requests, found.total.unpriced, found.total.failed) == (11, 1, 1)
    assert found.total.usd == pytest.approx(1.0, abs=0)  # ten times 0.1 is not 1 in floats; here it is
    assert sum(line.requests for line in found.rows) == 11


def test_what_came_from_the_cache_was_not_generated(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.add(record(1, usd=0.0, cache="hit", saved=0.5))
    book.close()
    total = spend(tmp_path / FILE, "model", EVER).total
    assert (total.input, total.output, total.usd, total.saved_usd) == (0, 0, 0.0, 0.5)


def test_since_leaves_out_earlier_hours(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.add(record())
    book.close()
    assert spend(tmp_path / FILE, "model", time.time() + 7200).total.requests == 0


def test_old_rows_and_those_beyond_the_size_go_and_the_sums_stay(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    for number in range(3 * AT_ONCE):
        book.add(record(number))
    book.close()
    database = opened(tmp_path / FILE)
    size = (tmp_path / FILE).stat().st_size
    database.execute("UPDATE requests SET at = 1 WHERE rowid <= 100")
    database.commit()
    prune(database, days=1, size=1 << 40)
    assert database.execute("SELECT count(*) FROM requests").fetchone()[0] == 3 * AT_ONCE - 100
    prune(database, days=1, size=size // 2)
    assert 0 < database.execute("SELECT count(*) FROM requests").fetchone()[0] <= 2 * AT_ONCE
    assert spend(tmp_path / FILE, "model", EVER).total.requests == 3 * AT_ONCE


WRITER = """
import sys, time
from pathlib import Path
from tests.accounts.test_ledger import ledger, record
book = ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    book.add(record(number))
    if number % 50 == 0:
        print(number, flush=True)
        time.sleep(0.02)
book.close() if sys.argv[3] == "close" else time.sleep(60)
"""


def writer(folder: Path, count: int, end: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(count), end]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_into_one_file(tmp_path: Path) -> None:
    processes = [writer(tmp_path, 500, "close") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    found = spend(tmp_path / FILE, "model", EVER).total
    assert (found.requests, found.usd) == (1000, 250.0)


def test_a_killed_process_loses_at_most_its_last_second(tmp_path: Path) -> None:
    process = writer(tmp_path, 100_000, "stay")
    assert process.stdout is not None
    told: list[tuple[float, int]] = []
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        told.append((time.monotonic(), int(process.stdout.readline())))
    os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    process.wait()
    sure = max(number for at, number in told if at < killed - 1.0)
    total = spend(tmp_path / FILE, "model", EVER).total
    assert total.requests >= sure > 0
    rows = sqlite3.connect(tmp_path / FILE).execute("SELECT count(*) FROM requests").fetchone()[0]
    assert rows == total.requests, "rows and sums are of one transaction"


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="version 99"):
        ledger(tmp_path)


def test_while_the_file_is_locked_records_wait_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.accounts.ledger.PATIENCE", 0.1)
    book = ledger(tmp_path)
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("BEGIN IMMEDIATE")
    book.add(record())
    time.sleep(1.0)
    assert spend(tmp_path / FILE, "model", EVER).total.requests == 0
    other.rollback()
    until = time.monotonic() + 5
    while not spend(tmp_path / FILE, "model", EVER).total.requests and time.monotonic() < until:
        time.sleep(0.05)
    book.close()
    assert spend(tmp_path / FILE, "model", EVER).total.requests == 1


def test_a_broken_name_is_kept_as_far_as_it_can_be_and_all_else_goes_on(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    for number, model in enumerate(("m", "x\ud800", "m")):
        book.add(record(number, model=model, path="/v1/\udfff"))
    book.close()
    found = spend(tmp_path / FILE, "model", EVER)
    assert {line.name: line.usd for line in found.rows} == {"m": 0.5, "x?": 0.25}
    rows = sqlite3.connect(tmp_path / FILE).execute("SELECT model, path FROM requests ORDER BY id")
    assert rows.fetchall() == [("m", "/v1/?"), ("x?", "/v1/?"), ("m", "/v1/?")]


@pytest.mark.parametrize(
    "broken", [{"status": None}, {"model": None}, {"status": 1 << 70}, {"route": ["x"]}, {"ended": "late"}]
)
def test_a_record_that_cannot_be_written_is_left_out_and_told_and_the_others_are_written(
    broken: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = ledger(tmp_path)
    for number in range(3):
        book.add(record(number, **broken if number == 1 else {}))
    until = time.monotonic() + 5
    while book.written < 3 and time.monotonic() < until:
        time.sleep(0.05)
    book.add(record(3))
    book.close()
    assert book.written == book.added == 4, "budgets wait for what is not written yet, and not for this one"
    assert spend(tmp_path / FILE, "model", EVER).total.requests == 3
    (told,) = [each.getMessage() for each in caplog.records]
    assert told.startswith("1 requests are missing")


def test_whatever_happens_the_ledger_writes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [RuntimeError("what nobody thought of"), sqlite3.OperationalError("disk I/O error")]

    def fails(*_: object) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr("router.accounts.ledger.prune", fails)
    monkeypatch.setattr("router.accounts.ledger.LOOK", 0.0)
    book = ledger(tmp_path)
    until = time.monotonic() + 10
    while failures and time.monotonic() < until:
        time.sleep(0.05)
    book.add(record())
    book.close()
    assert not failures and spend(tmp_path / FILE, "model", EVER).total.requests == 1
