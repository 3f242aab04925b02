from __future__ import annotations

from typing import Any

import pytest

from router.config.schema import Route
from router.request.images import without_images
from router.request.signals import Signals
from router.routing.decision import Candidate
from router.routing.gates import GATES, drops_images, judge
from tests.routing.sample import CHAT, IMAGE, OPEN, TITLE, Open, facts, signals, tools

DROP = Route(name="r", to=["home"], old_images="drop")
AUDIO = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}
FILE = {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
LATER = [IMAGE, {"role": "assistant", "content": "a cat"}, {"role": "user", "content": "what colour?"}]


def one(
    request: Signals, *, settings: Route | None = None, private: bool = False, name: str = "home", **changes: Any
) -> Candidate:
    (candidate,) = judge((name,), request, facts(**{name: changes}), settings, private)
    return candidate


@pytest.mark.parametrize(
    ("gate", "request_", "changes"),
    [
        ("endpoint", signals(path="/v1/embeddings"), {"endpoints": frozenset({CHAT})}),
        ("modality", signals(messages=[IMAGE]), {}),
        ("modality", signals(messages=[AUDIO]), {}),
        ("modality", signals(messages=[FILE]), {}),
        ("modality", signals(), {"accepts": frozenset({"audio"})}),
        ("context", signals("word " * 40_000), {}),
        ("tools", signals(tools=tools("bash")), {"tools": False}),
        ("json", signals(response_format=SCHEMA), {"json": False}),
        ("health", signals(), {"up": False, "kind": "gguf"}),
        ("health", signals(), {"up": False, "kind": "world"}),
    ],
)
def test_each_gate_rejects_what_the_backend_cannot_do(gate: str, request_: Signals, changes: dict[str, Any]) -> None:
    candidate = one(request_, **changes)
    assert (candidate.ok, candidate.gate) == (False, gate)
    assert candidate.reason
    assert gate in GATES


def test_a_private_route_rejects_a_backend_that_is_not_private() -> None:
    assert one(signals(), private=True, name="cloud").gate == "privacy"
    assert one(signals(), private=True).ok


@pytest.mark.parametrize(
    ("asked", "changes", "stays"),
    [
        ("gpt-oss:120b-cloud", {"model": None}, False),
        ("kimi-k2:cloud", {"model": None}, False),
        ("qwen3:8b", {"model": None}, True),
        ("auto", {"model": None, "models": ("qwen3:8b", "gpt-oss:120b-cloud")}, True),
        ("auto", {"model": None, "models": ("gpt-oss:120b-cloud",)}, False),
        ("gpt-oss:120b-cloud", {"model": "qwen3:8b"}, True),
    ],
)
def test_a_private_route_keeps_out_the_models_that_a_local_ollama_has_in_its_cloud(
    asked: str, changes: dict[str, Any], stays: bool
) -> None:
    assert one(signals(model=asked), private=True, **changes).ok is stays


def test_the_first_gate_in_their_order_is_the_one_that_is_told() -> None:
    request = signals(messages=[IMAGE], tools=tools("bash"))
    assert one(request, private=True, name="cloud", tools=False).gate == "modality"


def test_an_image_inside_a_tool_result_counts() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": IMAGE["content"]}
    assert one(signals(messages=[{"role": "user", "content": "look"}, result])).gate == "modality"


def test_an_embedding_or_an_upload_is_judged_by_its_path_and_not_as_a_conversation() -> None:
    many = ["word " * 2000] * 50
    assert one(signals(path="/v1/embeddings", input=many, messages=None), context=512).ok
    assert one(signals(path="/v1/audio/transcriptions", messages=None)).ok


def test_a_title_does_not_need_the_images_it_carries() -> None:
    request = signals(messages=[TITLE, IMAGE])
    assert request.task == "title"
    assert one(request).ok


def test_old_images_do_not_count_where_the_route_drops_them() -> None:
    assert one(signals(messages=LATER)).gate == "modality"
    assert one(signals(messages=LATER), settings=DROP).ok
    assert one(signals(messages=[IMAGE]), settings=DROP).gate == "modality"


def test_which_images_are_dropped_depends_on_task_route_and_backend() -> None:
    known = facts()
    title = signals(messages=[TITLE, IMAGE])
    assert drops_images(title, None, known["home"]) == "all"
    assert drops_images(title, None, known["eyes"]) is None
    assert drops_images(signals(messages=LATER), None, known["home"]) is None
    assert drops_images(signals(messages=LATER), DROP, known["home"]) == "history"
    assert drops_images(signals(messages=LATER), DROP, known["eyes"]) == "history"
    assert drops_images(signals(), DROP, known["home"]) is None


def test_what_passes_the_modality_gate_holds_no_image_when_it_is_sent() -> None:
    for request, settings in ((signals(messages=[TITLE, IMAGE]), None), (signals(messages=LATER), DROP)):
        assert one(request, settings=settings).ok
        scope = drops_images(request, settings, facts()["home"])
        assert scope is not None
        assert "data:image" not in str(without_images(request.envelope.data, scope))


def test_the_context_gate_tells_its_figures() -> None:
    reason = one(signals("word " * 40_000, max_tokens=32_000)).reason
    assert reason is not None
    assert reason.startswith("needs about ")
    assert reason.endswith("4,096 for the answer), and its context is 32,768")


def test_a_habitual_max_tokens_of_the_whole_context_rejects_nothing() -> None:
    assert one(signals("word " * 20_000, max_tokens=32_000)).ok
    assert one(signals("hello", max_tokens=1_000_000)).ok


def test_a_prompt_that_only_perhaps_does_not_fit_is_let_through() -> None:
    request = signals("word " * 1000)
    assert one(request, context=int(request.tokens * 0.95) + 256).ok
    assert one(request, context=int(request.tokens * 0.9)).gate == "context"


def test_without_a_known_context_everything_fits() -> None:
    assert one(signals("word " * 40_000), context=None).ok


def test_a_short_body_fits_without_its_tokens_being_counted() -> None:
    request = signals(max_tokens=100)
    assert one(request).ok
    with pytest.raises(AttributeError):
        Signals.tokens.__get__(request)  # type: ignore[attr-defined]


def test_a_short_body_with_an_image_is_counted() -> None:
    assert one(signals(messages=[IMAGE]), name="eyes", context=400).gate == "context"


def test_a_backend_that_is_down_gives_way_to_one_that_is_not() -> None:
    judged = judge(("home", "cloud"), signals(), facts(home={"up": False, "fault": "connection refused"}), None, False)
    assert [(each.ok, each.gate, each.reason) for each in judged] == [
        (False, "health", "is down: connection refused"),
        (True, None, None),
    ]


def test_when_all_that_could_are_down_they_are_asked_as_a_last_resort() -> None:
    known = facts(home={"up": False}, cloud={"up": False}, eyes={"up": False, "tools": False})
    judged = judge(("home", "eyes", "cloud"), signals(tools=tools("bash")), known, None, False)
    assert [(each.ok, each.gate) for each in judged] == [(True, None), (False, "tools"), (True, None)]
    assert judged[0].reason == "is down; asked all the same, as no other is left"


def test_a_model_in_process_that_is_down_is_no_last_resort() -> None:
    known = facts(home={"up": False, "kind": "gguf", "fault": "the file is missing"}, cloud={"up": False})
    judged = judge(("home", "cloud"), signals(), known, None, False)
    assert [each.ok for each in judged] == [False, True]


def test_a_backend_that_was_not_asked_yet_is_a_candidate() -> None:
    assert one(signals(), up=None).ok


def test_an_open_circuit_gives_way_to_a_backend_whose_is_closed() -> None:
    judged = judge(("home", "cloud"), signals(), facts(home={"shut": OPEN}), None, False)
    assert [(each.ok, each.gate, each.reason) for each in judged] == [
        (False, "health", OPEN.reason),
        (True, None, None),
    ]


def test_a_half_open_circuit_that_nobody_tries_lets_the_request_pass() -> None:
    judged = judge(("home", "cloud"), signals(), facts(home={"shut": Open(None)}), None, False)
    assert [each.ok for each in judged] == [True, True]


def test_the_last_candidate_is_asked_though_its_circuit_is_open() -> None:
    assert one(signals(), shut=OPEN).reason == f"{OPEN.reason}; asked all the same, as no other is left"
    known = facts(home={"shut": OPEN}, cloud={"up": False}, eyes={"tools": False})
    judged = judge(("home", "eyes", "cloud"), signals(tools=tools("bash")), known, None, False)
    assert [(each.ok, each.gate) for each in judged] == [(True, None), (False, "tools"), (True, None)]


def test_a_model_in_process_with_an_open_circuit_is_a_last_resort_and_one_that_is_down_is_not() -> None:
    assert one(signals(), kind="gguf", shut=OPEN).ok
    assert not one(signals(), kind="gguf", shut=OPEN, up=False).ok
