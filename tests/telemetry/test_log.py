"""The line of a request, for people and for machines."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import time

import pytest

from router.telemetry import log
from router.telemetry.log import RequestLog, as_json, as_text
from router.telemetry.record import Attempt, Cost, Tokens
from tests.telemetry.test_metrics import record


def test_a_person_reads_where_it_went_how_long_it_took_and_what_it_cost():
    tried = [Attempt("gone", reason="connect"), Attempt("coder")]
    line = as_text(0.0, record(attempts=tried, first=100.25, tokens=Tokens(2006, 300), cost=Cost(0.0012, "reported")))
    assert line.split("  ")[1:] == [
        "200",
        "code → coder",
        "m",
        "after gone (connect)",
        "2.0 s",
        "first 250.0 ms",
        "2,006 + 300 tokens",
        "US$ 0.001200",
        "aider/me",
        "1",
    ]


def test_a_machine_reads_the_same_as_json():
    said = json.loads(as_json(1.0, record(tokens=Tokens(5, 2), cost=Cost(0.5, "power"), cache="miss")))
    assert (said["route"], said["backend"], said["attempts"]) == ("code", "coder", [["coder", None]])
    assert (said["input"], said["usd"], said["source"], said["cache"]) == (5, 0.5, "power", "miss")


@pytest.mark.parametrize("name", ["two\nlines", "half \ud800 a pair", "\x1b[31mred"])
@pytest.mark.parametrize("field", ["model", "path", "route", "key", "harness"])
def test_a_name_that_a_client_made_up_stays_on_its_line(field: str, name: str):
    for line in (as_text(0.0, record(**{field: name})), as_json(0.0, record(**{field: name}))):
        assert len(line.splitlines()) == 1 and "\x1b" not in line
        line.encode()


def test_all_other_lines_are_json_too_for_a_machine():
    formatter, logger = log.JsonFormatter(), logging.getLogger("signalbox.test")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        told = logger.makeRecord(logger.name, logging.ERROR, "", 1, "%s went wrong", ("it",), sys.exc_info())
    (line,) = formatter.format(told).splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("ERROR", "it went wrong")
    assert "ValueError: two" in said["exception"]


def test_what_is_not_priced_is_said():
    assert "unpriced" in as_text(0.0, record(tokens=Tokens(1, 1)))


def test_lines_are_written_together_and_a_flood_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log, "MOST_WAITING", 3)
    sink = io.StringIO()

    async def flood() -> None:
        lines = RequestLog(machine=True, sink=sink)
        for _ in range(5):
            lines.add(record())
        assert not sink.getvalue()
        await asyncio.sleep(2 * log.PAUSE)
        await lines.close()

    asyncio.run(flood())
    *lines, last = sink.getvalue().splitlines()
    assert len(lines) == 3 and json.loads(last)["message"] == "2 requests were too many to be logged"


@pytest.mark.parametrize("pause", [0.0, 0.9, 1.0, 1.1])
def test_whenever_it_closes_each_line_is_written_once_and_the_loop_alone_hands_over(
    pause: float, monkeypatch: pytest.MonkeyPatch
):
    sink, starting = io.StringIO(), set()

    class Slow(threading.Thread):
        """A writer that is long not there yet, though it was made."""

        def start(self) -> None:
            if self.name == "log":
                starting.add(threading.current_thread())
                time.sleep(2 * log.PAUSE)
            super().start()

    monkeypatch.setattr(log.threading, "Thread", Slow)

    async def close_at_once() -> None:
        lines = RequestLog(machine=True, sink=sink)
        lines.add(record(id="1"))
        await asyncio.sleep(pause * log.PAUSE)
        lines.add(record(id="2"))
        await asyncio.gather(lines.close(), lines.close())

    asyncio.run(close_at_once())
    assert starting == {threading.current_thread()}
    assert [json.loads(line)["id"] for line in sink.getvalue().splitlines()] == ["1", "2"]


def test_what_a_limit_refused_is_told():
    refused = record(status=429, outcome="refused", limited="tokens", backend="", tokens=None)
    assert json.loads(as_json(1.0, refused))["limit"] == "tokens"
    assert "429  refused (tokens)" in as_text(0.0, refused)
    spent = record(status=400, outcome="refused", rejected=(("cloud", "budget"),), attempts=[], tokens=None)
    assert json.loads(as_json(1.0, spent))["limit"] == "budget"
    assert "limit" not in json.loads(as_json(1.0, record()))
