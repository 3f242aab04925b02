"""Rules made from what is on this machine: real sockets, real files."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from router.accounts.bills import Bills
from router.api.models import model_list
from router.box import State
from router.config import discover as module
from router.config.discover import Server, abilities, discover, list_models
from router.routing.rulebook import read_rules


@asynccontextmanager
async def server(answer, delay=0.0):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(delay)
        writer.write(answer)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def models(*names, length=True):
    body = orjson.dumps({"object": "list", "data": [{"id": name} for name in names]})
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: %d\r\n" % len(body) if length else b"")
    return head + b"Content-Type: application/json\r\n\r\n" + body


def listed(answer, delay=0.0):
    async def ask():
        async with server(answer, delay) as port:
            return await list_models(port)

    return asyncio.run(ask())


@pytest.mark.parametrize("length", [True, False])
def test_a_server_lists_its_models(length):
    assert listed(models("a", "b", length=length)) == ["a", "b"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\n\r\n[1]",
        b'HTTP/1.1 200 OK\r\n\r\n{"data": 3}',
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
        b"x" * 100_000,
    ],
)
def test_what_is_no_model_server_is_none(answer):
    assert listed(answer) is None


def test_a_signalbox_is_no_backend_of_another_nor_of_itself():
    rulebook = read_rules(b"version: 1\nbackends: {yard: {kind: world}}\nroutes: [{to: yard}]", Path("rules.yaml"))
    body = model_list(
        State(rulebook, {}, rulebook.facts, strict_models=False, own_names=frozenset(), bills=Bills(rulebook.rules))
    )
    assert listed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) is None


def test_a_silent_port_costs_three_tenths_of_a_second():
    begun = time.monotonic()
    assert listed(models("a"), delay=5) is None
    assert time.monotonic() - begun < 1.5


def test_a_closed_port_is_none():
    assert asyncio.run(list_models(1)) is None


@pytest.mark.parametrize(
    ("model", "able"),
    [
        ("qwen2.5vl:7b", {"chat", "image"}),
        ("qwen3-vl:8b", {"chat", "image"}),
        ("llama3.2-vision", {"chat", "image"}),
        ("gemma3:12b", {"chat", "image"}),
        ("qwen2.5-coder:7b", {"chat", "code"}),
        ("nomic-embed-text:latest", {"embed"}),
        ("bge-m3", {"embed"}),
        ("whisper-large-v3", {"other"}),
        ("qwen3-reranker", {"other"}),
        ("llama3.1:8b", {"chat"}),
    ],
)
def test_a_models_name_says_what_it_is_good_for(model, able):
    assert abilities(model) == able


def found(monkeypatch, tmp_path, *answers, environ=()):
    """`discover` where the only usual ports are those of servers that give these answers."""

    async def look():
        stack = [server(answer) for answer in answers]
        ports = [await context.__aenter__() for context in stack]
        servers = tuple(Server(f"s{n}", f"Server {n}", port, "start it") for n, port in enumerate(ports))
        monkeypatch.setattr(module, "SERVERS", servers)
        try:
            return await discover(dict(environ), tmp_path)
        finally:
            for context in stack:
                await context.__aexit__(None, None, None)

    return asyncio.run(look())


def routes(result):
    return {route.name: list(route.backends) for route in result.rules.routes}


def test_a_server_with_several_models_becomes_one_backend_for_each_purpose(monkeypatch, tmp_path):
    result = found(monkeypatch, tmp_path, models("llama3.1:8b", "qwen2.5vl:7b", "qwen2.5-coder:7b", "nomic-embed-text"))
    assert {name: spec.model for name, spec in result.rules.backends.items() if name != "yard"} == {
        "s0": "llama3.1:8b",
        "s0-vision": "qwen2.5vl:7b",
        "s0-code": "qwen2.5-coder:7b",
        "s0-embed": "nomic-embed-text",
    }
    made = routes(result)
    assert made["images"] == ["s0-vision"]
    assert made["embeddings"] == ["s0-embed"]
    assert made["code"][0] == "s0-code"
    assert made["everything else"][0] == "s0"
    assert result.rules.aliases["qwen2.5vl:7b"] == "s0-vision"


def test_what_is_here_goes_before_what_is_elsewhere(monkeypatch, tmp_path):
    result = found(
        monkeypatch, tmp_path, models("llama3.1:8b"), environ={"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    )
    assert routes(result)["everything else"] == ["s0", "anthropic", "openai"]
    assert routes(result)["code"] == ["s0", "anthropic", "openai"]
    assert routes(result)["images"] == ["anthropic", "openai"]


def test_a_cloud_gets_a_model_that_the_catalogue_knows(monkeypatch, tmp_path):
    from router.config import catalogue

    environ = {variable: "k" for cloud in module.CLOUDS for variable in cloud.variables}
    result = found(monkeypatch, tmp_path, environ=environ)
    assert set(result.rules.backends) - {"yard"} == {cloud.name for cloud in module.CLOUDS}
    for cloud in module.CLOUDS:
        if cloud.name != "openrouter":
            assert catalogue.newest(cloud.models) is not None, cloud.name


def test_gguf_files_become_one_chat_and_one_embedding_backend(monkeypatch, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    names = [
        "a-00001-of-00002.gguf",
        "a-00002-of-00002.gguf",
        "b.gguf",
        "mmproj-x.gguf",
        "nomic-embed.gguf",
        "ggml-vocab-y.gguf",
    ]
    for name in names:
        (folder / name).write_bytes(b"GGUF")
    result = found(monkeypatch, tmp_path)
    specs = result.rules.backends
    assert specs["gguf"].path.endswith("a-00001-of-00002.gguf")
    assert specs["gguf-embed"].embeddings
    assert set(specs) == {"gguf", "gguf-embed", "yard"}


def test_the_switch_yard_is_always_here_and_gets_the_questions_about_it(monkeypatch, tmp_path):
    result = found(monkeypatch, tmp_path)
    assert result.rules.backends["yard"].checkpoint is None
    assert result.rules.aliases == {"tofy": "yard"}
    (route,) = result.rules.routes
    assert (route.name, route.backends, route.when["task"]) == ("world model", ("yard",), "world")
    assert "text" in route.when, "other worlds than the yard's are not sent to it"


def tofy(tmp_path, *names):
    folder = tmp_path / "models"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_a_tofy_among_the_models_is_found_and_answers_world_tasks_before_the_yard(monkeypatch, tmp_path):
    names = ("model_world_10.00M.safetensors", "model_world_10.00M_teacher.safetensors", "vocab_world.txt")
    folder = tofy(tmp_path, *names)
    result = found(monkeypatch, tmp_path, models("llama3.1:8b"))
    spec = result.rules.backends["tofy"]
    assert (spec.checkpoint, spec.vocabulary) == (str(folder / names[0]), str(folder / names[2]))
    assert (spec.decoder, spec.conditioning) == (None, "text")
    assert "tofy" not in result.rules.aliases
    order = [route.name for route in result.rules.routes]
    assert order.index("world model") < order.index("code")
    assert routes(result)["world model"] == ["tofy", "yard"]
    assert f"models/{names[0]}" in result.found


def test_a_checkpoint_without_its_vocabulary_is_told_as_missing(monkeypatch, tmp_path):
    tofy(tmp_path, "model_world_10.00M.safetensors")
    result = found(monkeypatch, tmp_path)
    assert "tofy" not in result.rules.backends
    assert any("vocab_world.txt" in what for what, _ in result.missing)


def test_a_teacher_alone_is_no_tofy(monkeypatch, tmp_path):
    tofy(tmp_path, "model_world_1M_teacher.safetensors", "vocab_world.txt")
    assert "tofy" not in found(monkeypatch, tmp_path).rules.backends


def test_a_wrong_variable_of_the_environment_leaves_the_rest_in_force(monkeypatch, tmp_path):
    tofy(tmp_path, "model_world_1M.safetensors", "vocab_world.txt")
    result = found(monkeypatch, tmp_path, models("llama3.1:8b"), environ={"JEPA_DECODER_CTX": "many"})
    assert {"s0", "yard"} == set(result.rules.backends)
    assert any("JEPA_DECODER_CTX" in command for _, command in result.missing)


def test_what_is_missing_is_named_with_what_would_provide_it(monkeypatch, tmp_path):
    result = asyncio.run(discover({}, tmp_path))
    missing = dict(result.missing)
    assert missing["OPENAI_API_KEY"].startswith("export OPENAI_API_KEY=")
    assert "a GGUF file in models/" in missing


def test_the_key_stays_out_of_what_is_told(monkeypatch, tmp_path):
    result = found(monkeypatch, tmp_path, environ={"OPENAI_API_KEY": "sk-SECRET"})
    assert "sk-SECRET" not in repr(result)
    assert result.rules.backends["openai"].api_key.get_secret_value() == "sk-SECRET"
