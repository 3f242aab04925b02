"""What is known of a backend before it is asked."""

import pytest

from router.config.backend import GgufBackend, HttpBackend, WorldBackend
from router.config.known import YARD, facts, is_loopback, is_private


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:8080/v1", True),
        ("http://LOCALHOST/v1", True),
        ("http://127.0.0.1:1", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:8080/v1", True),
        ("http://user:pass@127.0.0.1/v1", True),
        ("http://127.0.0.1@example.com/v1", False),
        ("http://localhost.example.com", False),
        ("http://192.168.1.2:8080", False),
        ("http://0.0.0.0:8080", False),
        ("http://10.0.0.1", False),
        ("https://api.openai.com/v1", False),
        ("http://[::ffff:8.8.8.8]/", False),
        ("http://[broken", False),
    ],
)
def test_only_addresses_of_this_machine_are_private_by_themselves(url, here):
    assert is_loopback(url) is here


def test_what_the_yaml_says_of_privacy_goes_before_the_address():
    assert is_private(HttpBackend(url="http://192.168.1.2", private=True))
    assert not is_private(HttpBackend(url="http://localhost", private=False))


def test_a_model_of_ollama_s_cloud_is_not_private_on_this_machine():
    assert not is_private(HttpBackend(url="http://localhost:11434/v1", model="qwen3-coder:480b-cloud"))
    assert is_private(HttpBackend(url="http://localhost:11434/v1", model="qwen3-coder:30b"))


def test_an_http_backend_takes_text_and_any_path():
    known = facts("a", HttpBackend(url="http://localhost/v1", model="m"))
    assert (known.accepts, known.endpoints, known.model, known.context) == ({"text"}, None, "m", None)


def test_a_gguf_is_private_and_serves_chat_or_embeddings():
    chat = facts("a", GgufBackend(kind="gguf", path="models/tiny.gguf", n_ctx=4096))
    assert (chat.private, chat.context, chat.model) == (True, 4096, "tiny")
    fills = {"/v1/completion", "/v1/fim/completions", "/v1/infill"}
    assert chat.endpoints == {"/v1/chat/completions", "/v1/completions"} | fills
    assert facts("a", GgufBackend(kind="gguf", path="x", embeddings=True)).endpoints == {"/v1/embeddings"}


def test_a_world_is_private_reads_text_and_serves_chat():
    known = facts(
        "tofy", WorldBackend(kind="world", checkpoint="models/model_world_10.00M.safetensors", vocabulary="v")
    )
    assert (known.private, known.accepts, known.model) == (True, {"text"}, "model_world_10.00M")
    assert known.endpoints == {"/v1/chat/completions", "/v1/completions"}
    assert facts("yard", WorldBackend(kind="world")).model == YARD


def test_a_world_takes_the_long_prompts_and_tools_of_agents_of_which_it_reads_the_last_message():
    known = facts("tofy", WorldBackend(kind="world", checkpoint="c", vocabulary="v", n_ctx=4096))
    assert (known.context, known.tools) == (None, True)
    assert facts("tofy", WorldBackend(kind="world", context=4096)).context == 4096, "unless the YAML says so"


def test_a_world_keeps_to_no_json_schema_unless_it_is_vouched_for():
    assert not facts("yard", WorldBackend(kind="world")).json
    assert facts("yard", WorldBackend(kind="world", json_schema=True)).json
