"""What a server's answer to a question says of it, against real servers that answer in unusual ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from router.backends.http import HttpBackend
from router.config.known import facts
from router.config.schema import HttpBackend as Spec
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
