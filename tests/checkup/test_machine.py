"""What the doctor says of the machine and of what runs beside the proxy."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
import zlib
from email.utils import formatdate
from pathlib import Path

import pytest

from router.checkup import inside, machine, services
from router.checkup.examine import secrets
from router.checkup.picture import square
from router.checkup.result import Result, clean, failure
from router.config.backend import GgufBackend, LitellmBackend, WorldBackend
from router.config.document import read_document
from router.config.load import digest
from router.config.schema import Rules
from router.settings import Settings
from tests import tiny_gguf
from tests.redis_servers import redis_server
from tests.signalbox import free_port, signalbox
from tests.upstream import upstream

RULES = "version: 1\nbackends: {y: {kind: world}}\nroutes: [{name: r, to: y}]\n"


def settings(**said: object) -> Settings:
    return Settings.model_validate(said)


def test_a_free_port_is_free() -> None:
    assert asyncio.run(services.port(settings(port=free_port()), None, 1)).state == "ok"


def test_another_program_on_the_port_is_told_with_a_port_that_may_be_free() -> None:
    with upstream() as server:
        result = asyncio.run(services.port(settings(port=server.port), None, 1))
        assert all("authorization" not in request.headers for request in server.requests)
    assert result.state == "failure" and f"--port {server.port + 1}" in str(result.fix)


def test_one_that_listens_and_says_nothing_does_not_hold_the_doctor_up() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()
        result = asyncio.run(services.port(settings(port=mute.getsockname()[1]), None, 0.2))
    assert result.state == "failure" and time.monotonic() - began < 8


@pytest.mark.real
def test_our_own_signalbox_is_known_with_its_rules(tmp_path: Path) -> None:
    with signalbox(RULES, ready=False) as proxy:
        here = settings(port=proxy.port)
        same = asyncio.run(services.port(here, digest(RULES.encode()), 3))
        other = asyncio.run(services.port(here, "0" * 16, 3))
    assert same.state == "ok" and "by these rules" in same.detail
    assert other.state == "warning" and "other rules" in other.detail


def test_an_address_that_others_reach_needs_keys(tmp_path: Path) -> None:
    bare = machine.keys(settings(host="0.0.0.0", data_dir=tmp_path), None)
    assert bare.state == "failure" and bare.fix == "signalbox keys new me"
    closed = machine.keys(settings(host="0.0.0.0", data_dir=tmp_path, keys="me:sk-1"), None)
    assert closed.state == "warning" and "SIGNALBOX_ADMIN_KEY" in str(closed.fix)
    both = settings(host="0.0.0.0", data_dir=tmp_path, keys="me:sk-1", admin_key="x" * 16)
    assert machine.keys(both, None).state == "ok"
    assert (
        machine.keys(settings(data_dir=tmp_path), Rules.model_validate(read_document(RULES.encode()).data)).state
        == "ok"
    )


def test_a_clock_that_is_wrong_is_told_unless_one_backend_agrees() -> None:
    now = time.time()
    assert machine.clock([formatdate(now)], now).state == "ok"
    assert machine.clock([formatdate(now - 900)], now).state == "warning"
    assert machine.clock([formatdate(now - 900), formatdate(now)], now).state == "ok"
    assert machine.clock(["yesterday", ""], now).state == "skipped"
    assert machine.clock([], 1000.0).state == "failure"


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = settings(data_dir=tmp_path)
    for free, state in ((10**11, "ok"), (10**9, "warning"), (10**6, "failure")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert machine.disk(here, [tmp_path / "models"]).state == state


def test_a_ledger_that_cannot_be_written_fails_and_one_that_can_is_left_alone(tmp_path: Path) -> None:
    assert machine.ledger(settings(data_dir=tmp_path / "new")).state == "ok"
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "ledger.sqlite").write_bytes(b"no database" * 100)
    assert machine.ledger(settings(data_dir=broken)).state == "failure"
    (tmp_path / "file").write_text("")
    with sqlite3.connect(broken / "other.sqlite"):
        assert machine.ledger(settings(data_dir=broken)).fix is not None


@pytest.mark.real
def test_redis_is_told_with_its_version_its_speed_and_what_it_does_when_full() -> None:
    with redis_server("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server:
        good = asyncio.run(services.redis(settings(redis_url=server.url), 3))
        server.cli("config", "set", "maxmemory-policy", "noeviction")
        full = asyncio.run(services.redis(settings(redis_url=server.url), 3))
        server.cli("config", "set", "maxmemory", "0")
        endless = asyncio.run(services.redis(settings(redis_url=server.url), 3))
        server.freeze()
        frozen = asyncio.run(services.redis(settings(redis_url=server.url), 0.3))
        server.thaw()
    assert good.state == "ok" and "allkeys-lru" in good.detail and "ms" in good.detail
    assert full.state == "warning" and "maxmemory-policy" in str(full.fix)
    assert endless.state == "warning" and "no limit" in endless.detail
    assert frozen.state == "failure" and "no answer within 0.3 s" in frozen.detail


@pytest.mark.real
def test_a_wrong_password_of_redis_is_told_and_not_shown() -> None:
    with redis_server("--requirepass", "right-Capybara") as server:
        wrong = f"redis://:wrong-Capybara@127.0.0.1:{server.port}/0"
        result = asyncio.run(services.redis(settings(redis_url=wrong), 3))
    assert result.state == "failure" and "Capybara" not in f"{result.detail}{result.fix}"


def test_redis_that_is_gone_or_not_there_is_told() -> None:
    gone = asyncio.run(services.redis(settings(redis_url=f"redis://127.0.0.1:{free_port()}"), 1))
    assert gone.state == "failure" and "redis-server" in str(gone.fix)
    assert asyncio.run(services.redis(settings(redis_url=""), 1)).state == "skipped"


def test_a_collector_is_reached_or_not() -> None:
    with upstream() as server:
        there = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}"}
        assert asyncio.run(services.traces(there)).state == "ok"
    gone = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    assert asyncio.run(services.traces(gone)).state == "failure"
    assert asyncio.run(services.traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::"})).state == "failure"
    assert asyncio.run(services.traces({})).state == "skipped"


def states(results: list[Result]) -> dict[str, str]:
    return {result.title: result.state for result in results}


def test_a_gguf_is_read_and_told(tmp_path: Path) -> None:
    file = tiny_gguf.write(tmp_path / "tiny.gguf")
    whole = inside.gguf(GgufBackend(kind="gguf", path=str(file)))
    assert {"file", "context", "template", "llama.cpp"} == {result.title for result in whole}
    assert states(whole)["template"] == "ok"
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:5000])
    assert states(inside.gguf(GgufBackend(kind="gguf", path=str(cut))))["file"] == "failure"
    assert states(inside.gguf(GgufBackend(kind="gguf", path=str(tmp_path / "none.gguf"))))["file"] == "failure"
    mute = tiny_gguf.write(tmp_path / "mute.gguf", chat_template=None)
    assert states(inside.gguf(GgufBackend(kind="gguf", path=str(mute))))["template"] == "failure"


def test_the_files_of_a_world_model_are_looked_for(tmp_path: Path) -> None:
    assert states(inside.world("y", WorldBackend(kind="world")))["files"] == "ok"
    lacking = WorldBackend(kind="world", checkpoint=str(tmp_path / "m"), vocabulary=str(tmp_path / "v"), decoder="d")
    found = states(inside.world("t", lacking))
    assert (found["checkpoint"], found["vocabulary"], found["decoder"]) == ("failure",) * 3


def test_a_cloud_needs_its_key_and_is_looked_up_in_the_list() -> None:
    spec = LitellmBackend(kind="litellm", model="anthropic/claude-haiku-4-5")
    assert states(inside.litellm(spec, {})) == {"key": "failure", "models": "ok"}
    key, _ = inside.litellm(spec, {"ANTHROPIC_API_KEY": "sk-Capybara"})
    assert key.state == "ok" and "Capybara" not in key.detail
    unknown = LitellmBackend(kind="litellm", model="anthropic/claude-haiku-4-55")
    assert states(inside.litellm(unknown, {}))["models"] == "warning"


def test_the_picture_is_one_that_others_can_read() -> None:
    png = square(255, 0, 0)
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and len(png) < 300
    kind, size = png.index(b"IDAT"), int.from_bytes(png[png.index(b"IDAT") - 4 :][:4])
    rows = zlib.decompress(png[kind + 4 : kind + 4 + size])
    assert rows == (b"\0" + bytes((255, 0, 0)) * 64) * 64
    assert int.from_bytes(png[kind + 4 + size :][:4]) == zlib.crc32(png[kind : kind + 4 + size])


def test_what_is_told_is_one_line_without_secrets() -> None:
    told = clean(failure("t", "a\nb \x1b[31m sk-secret", "x sk-secret"), ["sk-secret"])
    assert told.detail == "a b \ufffd[31m …" and told.fix == "x …"


def test_a_password_is_hidden_as_it_is_written_and_as_it_is_read() -> None:
    hidden = secrets(settings(redis_url="redis://me:p%40ss%20Capybara@127.0.0.1:6379/0"), None)
    for echoed in ("p%40ss%20Capybara", "p@ss Capybara"):
        assert clean(failure("redis", f"wrong: {echoed}", "x"), hidden).detail == "wrong: …"
