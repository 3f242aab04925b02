"""What a server's answer to a question says of it, against real servers that answer in unusual ways."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable

import pytest

from router.backends import probe
from router.backends.contract import BackendError, Call
from router.backends.http import PROBE_LIMIT, HttpBackend
from router.config.backend import HttpBackend as Spec
from router.config.backend import Timeouts
from router.config.known import facts
from router.wire.client import WireError
from tests.signalbox import free_port
from tests.upstream import Request, Upstream, respond, upstream

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def probed(url: str, context: int | None = None, model: str | None = None) -> HttpBackend:
    spec = Spec(url=url, context=context, model=model)
    backend = HttpBackend("here", spec, facts("here", spec))
    await backend.prober.ask()
    backend.pool.close()
    return backend


def says(status: int, answer: object = None) -> Callable[[Request, asyncio.StreamWriter], object]:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        respond(writer, status, answer)

    return play


@pytest.mark.parametrize(
    ("status", "up"), [(200, True), (401, True), (404, True), (501, True), (500, True), (503, False)]
)
async def test_only_a_server_that_cannot_serve_now_is_down(status: int, up: bool) -> None:
    with upstream(says(status)) as server:  # type: ignore[arg-type]
        backend = await probed(server.url)
    assert backend.facts.up is up
    assert ("refuses the api_key" in str(backend.facts.notes)) is (status == 401)


async def test_nobody_there_is_down_and_silence_is_not_known() -> None:
    server = Upstream()
    server.start()
    server.end()
    backend = await probed(server.url)
    assert backend.facts.up is False
    assert "connection refused" in str(backend.facts.fault)

    async def close(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with upstream(close) as closing:
        assert (await probed(closing.url)).facts.up is True


async def test_a_question_leaves_no_connection_open() -> None:
    with upstream() as server:
        await probed(server.url)
        assert server.requests[0].headers["connection"] == "close"


@pytest.mark.parametrize(
    ("models", "props", "context"),
    [
        ([{"id": "m", "max_model_len": 4096}], None, 4096),
        ([{"id": "m", "context_length": 8192}], None, 8192),
        ([{"id": "other", "max_model_len": 1}, {"id": "m", "max_model_len": 2048}], None, 2048),
        ([{"id": "m", "meta": {"n_ctx_train": 131072}}], {"default_generation_settings": {"n_ctx": 16384}}, 16384),
        ([{"id": "m", "meta": {"n_ctx_train": 131072}}], None, None),
        (["nonsense", {"id": 3}], {"default_generation_settings": "x"}, None),
    ],
)
async def test_the_context_is_taken_where_its_meaning_is_known(
    models: list[object], props: object, context: int | None
) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target == "/props":
            respond(writer, 200 if props else 404, props)
        else:
            respond(writer, 200, {"object": "list", "data": models})

    with upstream(play) as server:
        assert (await probed(server.url, model="m")).facts.context == context
        assert (await probed(server.url, context=100)).facts.context == 100


class Door:
    """A port that counts who knocks, and hangs up on questions."""

    def __init__(self) -> None:
        self.knocks: list[float] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._knocked, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _knocked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks.append(asyncio.get_running_loop().time())
        await reader.read(1000)
        writer.close()


@pytest.fixture
async def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is waited for between two questions, a hundred times quicker."""
    for name in ("KNOCK_HERE", "ASK_DOWN_FIRST", "ASK_DOWN", "DOWN_HERE", "IDLE", "IDLE_DOWN"):
        monkeypatch.setattr(probe, name, getattr(probe, name) / 100)


@pytest.mark.usefixtures("quick")
async def test_a_server_that_nobody_uses_is_knocked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "IDLE", 1.0)
    door = Door()
    await door.open()
    spec = Spec(url=f"http://127.0.0.1:{door.port}/v1")
    backend = HttpBackend("here", spec, facts("here", spec))
    backend.facts.up = True
    await backend.start()
    await asyncio.sleep(3.4)
    began = door.knocks[0]
    first = [at for at in door.knocks if at - began < 1.0]
    later = [at for at in door.knocks if at - began > 1.2]
    await backend.close()
    await door.close()
    assert 4 <= len(first) <= 9  # every 150 ms
    assert 2 <= len(later) <= 5  # every 600 ms


@pytest.mark.usefixtures("quick")
async def test_one_that_is_down_is_asked_less_often_until_a_request_wants_it() -> None:
    spec = Spec(url=f"http://127.0.0.1:{free_port()}/v1")
    backend = HttpBackend("here", spec, facts("here", spec))
    knocks: list[float] = []
    loop = asyncio.get_running_loop()
    knock = backend.knock

    async def counted() -> None:
        knocks.append(loop.time())
        await knock()

    backend.knock = counted  # type: ignore[method-assign]
    await backend.start()
    await asyncio.sleep(2.0)
    began, wanted = knocks[0], loop.time()
    assert backend.facts.up is False
    at_first = sum(at - began < 0.4 for at in knocks)
    pauses = [later - earlier for earlier, later in itertools.pairwise(knocks)]
    assert at_first > 10  # every 20 ms
    assert 0.07 < max(pauses[-5:]) < 0.25  # every 100 ms
    backend.wanted()
    await asyncio.sleep(0.1)
    assert sum(at >= wanted for at in knocks) >= 2
    await backend.close()


async def test_a_machine_that_takes_no_connection_is_down_and_not_at_work() -> None:
    """A full backlog drops what comes, as a machine that is switched off does."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        spec = Spec(url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", timeouts=Timeouts(connect=0.3))
        backend = HttpBackend("here", spec, facts("here", spec))
        await backend.prober.ask()
        for filler in fillers:
            filler.close()
    assert backend.facts.up is False
    assert "no connection to" in str(backend.facts.fault)


@pytest.mark.usefixtures("quick")
async def test_a_request_that_fails_has_the_server_looked_after_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "KNOCK_HERE", 60.0)
    with upstream() as server:
        server.play = server.hang_up
        spec = Spec(url=server.url)
        backend = HttpBackend("here", spec, facts("here", spec))
        await backend.start()
        while backend.facts.up is None:
            await asyncio.sleep(0.005)
        with pytest.raises(BackendError, match="closed before an answer"):
            await backend.ask(Call("/v1/chat/completions", b"{}"))
        server.stop()
        backend.suspected()
        until = asyncio.get_running_loop().time() + 2
        while backend.facts.up is not False:
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.005)
        await backend.close()


@pytest.mark.usefixtures("quick")
async def test_a_fault_of_ours_is_logged_once_and_does_not_end_the_asking(caplog: pytest.LogCaptureFixture) -> None:
    with upstream() as server:
        spec = Spec(url=server.url)
        backend = HttpBackend("here", spec, facts("here", spec))
        backend.facts.up = False
        asked = 0
        fetch = backend.fetch
        seen: list[bool | None] = []

        async def stumbles(path: bytes, body: bytes | None = None) -> tuple[int, bytes]:
            nonlocal asked
            asked += 1
            seen.append(backend.facts.up)
            if asked <= 3:
                raise RuntimeError(f"fault {asked}")
            return await fetch(path, body)

        backend.fetch = stumbles  # type: ignore[method-assign]
        await backend.start()
        until = asyncio.get_running_loop().time() + 5
        while backend.facts.up is not True:
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.005)
        await backend.close()
    assert seen[:4] == [False, None, None, None]  # somebody is there, whatever became of the question
    told = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in told] == ["here: the server was not asked, by a fault of Signalbox"]


async def test_a_probe_gives_up_an_answer_that_is_too_long_before_it_has_come() -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + b"x" * (PROBE_LIMIT + 1))
        await asyncio.sleep(30)

    with upstream(play) as server:
        spec = Spec(url=server.url)
        backend = HttpBackend("here", spec, facts("here", spec))
        with pytest.raises(WireError, match="larger than 2,097,152 bytes") as caught:
            await backend.fetch(b"/v1/models")
        assert caught.value.reason == "broken"
        assert await asyncio.to_thread(server.requests[0].closed.wait, 2)
        await backend.prober.ask()
        assert backend.facts.up is True
        backend.pool.close()
