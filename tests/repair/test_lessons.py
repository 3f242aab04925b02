"""What errors teach, in the words of the servers that were seen to say them."""

from __future__ import annotations

import json
from time import thread_time
from typing import Any

import pytest

from router.backends.contract import Call
from router.config.backend import HttpBackend
from router.config.facts import Facts
from router.repair.lessons import Lesson, lessons
from router.repair.needs import NOTHING, Needs, dropping
from router.repair.repairs import KEPT, MOST_MODELS, Repairs
from router.repair.taught import Taught


def error(message: str, status: int = 400, **more: Any) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"message": message, **more}}).encode()


def first(told: tuple[int, bytes]) -> Lesson | None:
    return next(lessons(*told), None)


MISTRAL = {
    "object": "error",
    "message": {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "store"],
                "msg": "Extra inputs are not permitted",
                "input": True,
            },
            {"type": "extra_forbidden", "loc": ["body", "messages", 0, "user", "name"], "msg": "Extra", "input": None},
            {"type": "extra_forbidden", "loc": ["body", "tools", 0, "function", "strict"], "msg": "Extra", "input": {}},
        ]
    },
}
VLLM = "[{'type': 'extra_forbidden', 'loc': ('body', 'metadata'), 'msg': 'Extra inputs are not permitted', 'input': 8}]"
GEMINI = 'Invalid JSON payload received. Unknown name "store": Cannot find field.\nInvalid JSON payload received. '
GEMINI += 'Unknown name "metadata": Cannot find field.'
JINJA = (
    "\n------------\nWhile executing CallExpression at line 85, column 32 in source:\n...first %}↵            "
    "{{- raise_exception('System message must be at the beginnin...\n  ^\nError: Jinja Exception: "
)
LARGE = "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 tokens"
LARGE += " and your request has 2778 input tokens (8000 > 4096 - 2778)."


@pytest.mark.parametrize(
    ("told", "needs"),
    [
        (
            error("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_…"),
            Needs(tokens_field="max_completion_tokens"),
        ),
        (
            error("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) …"),
            dropping("temperature"),
        ),
        (error("Unknown parameter: 'tools[0].function.strict'."), dropping("tools[].strict")),
        (error("Unknown parameter: 'messages[1].reasoning_content'."), dropping("messages[].reasoning_content")),
        (error("Unrecognized request arguments supplied: store, metadata, wizard"), dropping("store", "metadata")),
        (error("The 'metadata' parameter is only allowed when 'store' is enabled."), dropping("metadata")),
        ((422, json.dumps(MISTRAL).encode()), dropping("store", "messages[].name", "tools[].strict")),
        (error(VLLM), dropping("metadata")),
        (error(VLLM.replace("metadata", "max_completion_tokens")), Needs(tokens_field="max_tokens")),
        (error("property 'store' is unsupported, did you mean 'stop'?"), dropping("store")),
        (
            error("'messages.2' : for 'role:assistant' the following must be satisfied"
                  "[('messages.2' : property 'reasoning_content' is unsupported)]"),
            dropping("messages[].reasoning_content"),
        ),
        (error("body.store: property 'body.store' is unsupported", 422), dropping("store")),
        (
            error("x: property 'messages.2.assistant.reasoning_content' is unsupported"),
            dropping("messages[].reasoning_content"),
        ),
        (error(GEMINI), dropping("store", "metadata")),
        (error("metadata.session: Extra inputs are not permitted"), dropping("metadata")),
        (error("tools.3.custom.strict: Extra inputs are not permitted"), dropping("tools[].strict")),
        ((400, b'{"error":"Argument not supported on this model: topP"}'), dropping("top_p")),
        ((400, b'{"error":"Model m does not support parameter reasoningEffort."}'), dropping("reasoning_effort")),
        (error("messages[0].role: unknown variant `developer`, expected one of"), Needs(developer=True)),
        (error("chat template rejected the request: Unexpected message role."), Needs(developer=True)),
        (error("Input tag 'developer' found using 'role' does not match any of the expected"), Needs(developer=True)),
        (error(JINJA + "System message must be at the beginning.", 500), Needs(system="one")),
        (error("Unexpected role 'system' after role 'user'"), Needs(developer=True)),
        (error("Only user, assistant and tool roles are supported, got system.", 500), Needs(system="one")),
        (error("System role not supported", 500), Needs(system="none")),
        (error("Conversation roles must alternate user/assistant/user/assistant/...", 500), Needs(alternate=True)),
        (error("messages[2]: invalid type: sequence, expected a string at line 1", 422), Needs(plain=True)),
        (error("Input should be a valid string"), Needs(plain=True)),
        (error("invalid message content type: <nil>"), Needs(filled=True)),
        (error("Invalid 'content': 'content' field must be a string or an array of objects."), Needs(filled=True)),
        (error("max_tokens is too large: 20480. It supports at most 16384 completion tokens"), Needs(most=16384)),
        (error("max_tokens: 30000 > 16000, which is the maximum allowed number of output tokens"), Needs(most=16000)),
        (error("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"), Needs(most=8192)),
        (error("`max_tokens` must be less than or equal to `8192`, the maximum value for"), Needs(most=8192)),
        (error(LARGE), Needs(fits=True)),
    ],
    ids=lambda told: told[1][:60].decode() if isinstance(told, tuple) else "",
)  # fmt: skip
def test_an_error_teaches(told: tuple[int, bytes], needs: Needs) -> None:
    lesson = first(told)
    assert lesson is not None and lesson.needs == needs


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model.", "reasoning_effort"),
        ("The 'parallel_tool_calls' parameter is only allowed when 'tools' are specified.", "parallel_tool_calls"),
    ],
)
def test_what_is_wrong_with_a_value_is_taught_for_this_request_only(message: str, field: str) -> None:
    assert first(error(message)) == Lesson(dropping(field), once=True)


@pytest.mark.parametrize(
    ("message", "room"),
    [
        (LARGE, 1318),
        (
            "This model's maximum context length is 6048 tokens. However, you requested 6616 tokens (568 in the "
            "messages, 6048 in the completion).",
            5480,
        ),
        (
            "maximum context length is 51200 tokens. However, you requested 12054 output tokens and your prompt "
            "contains at least 40000 input tokens",
            11200,
        ),
        (
            "You passed 98305 input tokens and requested 32768 output tokens. However, the model's context length is "
            "only 131072 tokens",
            32767,
        ),
        ("input length and `max_tokens` exceed context limit: 197000 + 32000 > 200000, decrease", 3000),
    ],
)
def test_the_room_that_is_left_is_told(message: str, room: int) -> None:
    lesson = first(error(message))
    assert lesson is not None and lesson.room == room


@pytest.mark.parametrize(
    "told",
    [
        error("Unsupported parameter: 'messages'"),
        error("Unsupported parameter: 'tools'"),
        error("Unknown parameter: 'response_format'"),
        error("Unknown parameter: 'tools[0].function.parameters'"),
        error("Unknown parameter: 'messages[0].content'"),
        error("Extra inputs are not permitted"),
        error("Unsupported parameter: 'temperature'", 401),
        error("Unsupported parameter: 'temperature'", 500),
        error("Unsupported parameter: 'temperature'", 429),
        error("This model's maximum context length is 16384 tokens. However, you requested 122946 tokens "
              "(112946 in the messages, 10000 in the completion)."),
        error("You passed 32700 input tokens and requested 900 output tokens. However, the model's context length is "
              "only 32768 tokens"),
        error("supports at most 0 completion tokens"),
        (400, b""),
        (400, b"\xff\xfe{" * 100),
        (400, b"x" * 20_000 + b"Unsupported parameter: 'temperature'"),
    ],
)  # fmt: skip
def test_other_errors_teach_nothing(told: tuple[int, bytes]) -> None:
    assert first(told) is None


@pytest.mark.parametrize(
    "piece", [b"extra_forbidden", b"loc': (", b"(('", b"role ", b"property 'a.", b"[", b"max_tokens: 1"]
)
def test_the_time_is_linear_whatever_the_error_says(piece: bytes) -> None:
    began = thread_time()
    list(lessons(400, piece * (16 * 1024 // len(piece))))
    assert thread_time() - began < 0.5


def repairs(clock: Any = lambda: 0.0, **options: Any) -> tuple[Repairs, Facts]:
    facts = Facts("b", "http")
    return Repairs(HttpBackend(url=options.pop("url", "http://localhost/v1"), **options), facts, clock), facts


def test_nothing_is_known_of_a_server_that_takes_everything() -> None:
    known, _ = repairs()
    assert known.needs("any") is NOTHING


@pytest.mark.parametrize(
    ("url", "model", "needs"),
    [
        ("https://api.openai.com/v1", "gpt-4o", NOTHING),
        ("https://api.openai.com/v1", "gpt-5-chat-latest", Needs(tokens_field="max_completion_tokens")),
        ("https://api.deepseek.com", "deepseek-chat", Needs(developer=True)),
        ("https://api.cerebras.ai/v1", "x", dropping("store", "messages[].reasoning_content")),
    ],
)
def test_providers_are_known(url: str, model: str, needs: Needs) -> None:
    assert repairs(url=url)[0].needs(model) == needs


@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07"])
def test_models_that_reason_take_no_temperature(model: str) -> None:
    needs = repairs(url="https://api.openai.com/v1")[0].needs(model)
    assert needs.tokens_field == "max_completion_tokens" and {"temperature", "top_p"} <= needs.drop


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-6-luna"])
def test_models_that_may_not_reason_keep_it(model: str) -> None:
    needs = repairs(url="https://o.openai.azure.com/openai/v1")[0].needs(model)
    assert needs.tokens_field == "max_completion_tokens" and "temperature" not in needs.drop


def test_the_rules_stand_above_what_is_known() -> None:
    known, _ = repairs(
        url="https://api.mistral.ai/v1", repair={"tokens_field": "max_completion_tokens", "drop": ["seed"]}
    )
    needs = known.needs("m")
    assert needs.tokens_field == "max_completion_tokens" and {"seed", "store"} <= needs.drop


def test_nothing_is_changed_where_the_rules_say_so() -> None:
    known, facts = repairs(url="https://api.mistral.ai/v1", repair=False)
    facts.max_output = 5
    assert known.needs("m") is NOTHING
    assert known.lesson(*REFUSES, {"seed": 1, "messages": []}) is None


def test_facts_that_come_later_count() -> None:
    known, facts = repairs()
    assert known.needs("m") is NOTHING
    facts.max_output, facts.server = 100, "vllm"
    assert known.needs("m") == Needs(most=100, fits=True)


REFUSES = error("Unsupported parameter: 'seed'")


def test_only_what_stands_in_the_request_is_learned() -> None:
    known, _ = repairs()
    assert known.lesson(*REFUSES, {"messages": []}) is None
    assert known.lesson(*REFUSES, {"messages": [], "seed": 1}) == Lesson(dropping("seed"))


def test_the_likeliest_repair_that_changes_something_is_taken() -> None:
    known, _ = repairs()
    told = error("Only user, assistant and tool roles are supported, got system.", 500)
    single = {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}
    assert known.lesson(*told, single) == Lesson(Needs(system="none"))


def test_a_lesson_is_forgotten_after_some_hours() -> None:
    now = [0.0]
    known, _ = repairs(lambda: now[0])
    known.remember("m", dropping("seed"))
    now[0] = KEPT / 2
    known.remember("m", dropping("user"))
    assert known.needs("m") == dropping("seed", "user")
    assert known.needs("other") is NOTHING
    now[0] = KEPT
    assert known.needs("m") is NOTHING


def test_the_models_that_are_remembered_are_bounded() -> None:
    known, _ = repairs()
    for number in range(3 * MOST_MODELS):
        known.remember(f"m{number}", dropping("seed"))
        known.needs(f"n{number}")
    assert len(known._learned) <= MOST_MODELS
    assert len(known._plans) <= MOST_MODELS


PYDANTIC = {"type": "literal_error", "loc": ["body", "reasoning_effort"], "msg": "Input should be 'low', 'medium'"}


@pytest.mark.parametrize(
    "told",
    [
        error("Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: …"),
        error("Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.", param="reasoning_effort"),
        error("`reasoning_effort` must be one of `low`, `medium`, or `high`"),
        (422, json.dumps({"detail": [{**PYDANTIC, "input": "none"}]}).encode()),
        error(f"[{PYDANTIC}]"),
        error('invalid reasoning value: \'none\' (must be "high", "medium", or "low")'),
        error('think value "none" is not supported for this model'),
    ],
)
def test_an_effort_that_is_refused_is_left_out_of_this_request_and_of_no_other(told: tuple[int, bytes]) -> None:
    known, _ = repairs()
    call = Call("/v1/chat/completions", b"", {"model": "m", "messages": [], "reasoning_effort": "none"})
    taught = Taught(known, "m")
    assert taught.by(*told, call)
    assert taught.all_needs() == dropping("reasoning_effort")
    taught.settle()
    assert known.needs("m") is NOTHING
