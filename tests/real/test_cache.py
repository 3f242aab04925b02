"""The cache as a client meets it: a proxy with memory for a store, a scripted server that counts what reaches it."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.cached import KEYS, RULES, chat, question, results, streamed, texts
from tests.signalbox import Signalbox, ask, free_port, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, chat_chunks, respond, upstream


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Upstream, second: Upstream) -> Iterator[Signalbox]:
    rules = RULES.format(first=server.url, second=second.url, nobody=free_port())
    with signalbox(rules, SIGNALBOX_KEYS=KEYS) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(server: Upstream, second: Upstream) -> None:
    for each in (server, second):
        each.play, each.pause, each.pieces, each.status = each.answer, 0.0, ["hel", "lo"], 200
        each.requests.clear()


def test_the_second_of_two_equal_requests_is_a_hit(proxy: Signalbox, server: Upstream) -> None:
    body = question()
    _, miss, first = chat(proxy, body)
    time.sleep(1.1)
    status, hit, second = chat(proxy, body)
    assert (miss["x-signalbox-cache"], hit["x-signalbox-cache"]) == ("miss", "hit")
    assert "age" not in miss
    assert hit["age"] == "1"
    assert (status, second) == (200, first)
    assert (hit["x-signalbox-route"], hit["x-signalbox-backend"], hit["x-signalbox-model"]) == (
        "the rest",
        "first",
        "one",
    )
    assert hit["x-signalbox-attempts"] == "0"
    assert len(server.asked) == 1


def test_a_route_without_a_cache_says_nothing_of_one(proxy: Signalbox, server: Upstream) -> None:
    body = question("none")
    assert results(proxy, body, body) == ["none", "none"]
    assert len(server.asked) == 2


def test_a_stream_is_replayed_byte_for_byte(proxy: Signalbox, server: Upstream) -> None:
    body = question(stream=True)
    live, kept = chat(proxy, body), chat(proxy, body)
    assert kept[1]["x-signalbox-cache"] == "hit"
    assert kept[1]["content-type"].startswith("text/event-stream")
    assert live[2] == kept[2] == b"".join(chat_chunks(server.pieces))
    assert len(server.asked) == 1


@pytest.mark.parametrize("stream_first", [True, False])
def test_a_hit_is_replayed_in_the_callers_form(stream_first: bool, proxy: Signalbox, server: Upstream) -> None:
    plain = question()
    stream = streamed(plain)
    chat(proxy, stream if stream_first else plain)
    _, headers, answer = chat(proxy, plain if stream_first else stream)
    assert headers["x-signalbox-cache"] == "hit"
    if stream_first:
        assert json.loads(answer) == chat_answer("hello")
    else:
        assert texts(answer) == "hello"
        assert answer.endswith(b"data: [DONE]\n\n")
    assert len(server.asked) == 1


@pytest.mark.parametrize("origin", ["plain", "stream", "stream with usage"])
def test_usage_is_shown_to_those_who_ask_for_it_and_to_no_others(origin: str, proxy: Signalbox) -> None:
    plain = question()
    with_usage = streamed(plain, stream_options={"include_usage": True})
    chat(proxy, {"plain": plain, "stream": streamed(plain), "stream with usage": with_usage}[origin])
    asked, not_asked = chat(proxy, with_usage), chat(proxy, streamed(plain))
    assert asked[1]["x-signalbox-cache"] == not_asked[1]["x-signalbox-cache"] == "hit"
    assert b'"usage":{' in asked[2].replace(b" ", b"")
    assert b'"usage"' not in not_asked[2]


def test_each_client_key_has_its_own_answers(proxy: Signalbox, server: Upstream) -> None:
    body = question()
    told = [chat(proxy, body, key)[1]["x-signalbox-cache"] for key in ("ka", "kb", "ka", "kb")]
    assert told == ["miss", "miss", "hit", "hit"]
    assert len(server.asked) == 2


def test_everyone_shares_where_the_route_says_so(proxy: Signalbox, server: Upstream) -> None:
    body = question("everyone")
    assert [chat(proxy, body, key)[1]["x-signalbox-cache"] for key in ("ka", "kb")] == ["miss", "hit"]
    assert len(server.asked) == 1


def test_a_body_that_two_programs_read_differently_is_not_shared(proxy: Signalbox, server: Upstream) -> None:
    other = json.dumps(json.loads(question())["messages"])
    honest = b'{"model": "everyone", "messages": %b}' % other.encode()
    twofold = (
        b'{"model": "everyone", "messages": [{"role": "user", "content": "evil"}], "messages": %b}' % other.encode()
    )
    assert results(proxy, twofold, honest, honest) == ["bypass", "miss", "hit"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("model", "fields", "told"),
    [
        ("auto", {"temperature": 0.7}, ["bypass", "bypass"]),
        ("auto", {"temperature": 0}, ["miss", "hit"]),
        ("all", {"temperature": 0.7}, ["miss", "hit"]),
        ("plain-only", {"stream": True}, ["bypass", "bypass"]),
        ("plain-only", {}, ["miss", "hit"]),
        ("small", {"stream": True}, ["miss", "miss"]),
        ("small", {}, ["miss", "hit"]),
    ],
)
def test_what_the_route_does_not_allow_is_not_kept(
    model: str, fields: dict[str, Any], told: list[str], proxy: Signalbox
) -> None:
    body = question(model, **fields)
    assert results(proxy, body, body) == told


def test_turns_that_bring_tool_results_are_kept_only_when_asked(proxy: Signalbox) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for model, told in (("auto", ["bypass", "bypass"]), ("all", ["miss", "hit"])):
        body = json.loads(question(model))
        body["messages"] += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "x"},
        ]
        raw = json.dumps(body).encode()
        assert results(proxy, raw, raw) == told


def test_an_answer_is_good_for_its_time_and_no_longer(proxy: Signalbox, server: Upstream) -> None:
    body = question("short")
    assert results(proxy, body, body) == ["miss", "hit"]
    time.sleep(0.35)
    assert results(proxy, body) == ["miss"]
    assert len(server.asked) == 2


def test_no_cache_asks_anew_and_keeps_the_new_answer(proxy: Signalbox, server: Upstream) -> None:
    body = question(stream=True)
    chat(proxy, body)
    server.pieces = ["new", "er"]
    _, headers, answer = chat(proxy, body, **{"cache-control": "no-cache"})
    assert headers["x-signalbox-cache"] == "bypass"
    assert texts(answer) == "newer"
    _, headers, answer = chat(proxy, body)
    assert (headers["x-signalbox-cache"], texts(answer)) == ("hit", "newer")


def test_no_store_neither_looks_nor_keeps(proxy: Signalbox, server: Upstream) -> None:
    body = question()
    assert results(proxy, body, **{"cache-control": "no-store"}) == ["bypass"]
    assert results(proxy, body, body) == ["miss", "hit"]
    assert results(proxy, body, **{"cache-control": "no-store"}) == ["bypass"]
    assert len(server.asked) == 3


def test_the_request_field_does_the_same_and_does_not_reach_the_backend(proxy: Signalbox, server: Upstream) -> None:
    body = question()
    told = json.loads(body)
    refresh, bypass = (json.dumps({**told, "signalbox": {"cache": word}}).encode() for word in ("refresh", "bypass"))
    assert results(proxy, bypass, body, refresh, bypass, body) == ["bypass", "miss", "bypass", "bypass", "hit"]
    assert all("signalbox" not in request.json for request in server.asked)
    both = json.dumps({**told, "signalbox": {"cache": "bypass", "world": True}}).encode()
    chat(proxy, both)
    assert server.asked[-1].json["signalbox"] == {"world": True}
    chat(proxy, json.dumps({**json.loads(question("none")), "signalbox": {"cache": "bypass"}}).encode())
    assert "signalbox" not in server.asked[-1].json
    status, _, answer = chat(proxy, json.dumps({**told, "signalbox": {"cache": "sometimes"}}).encode())
    assert (status, json.loads(answer)["error"]["param"]) == (400, "signalbox")


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_was_cut_off_at_its_length_is_not_kept(stream: bool, proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if not stream:
            answer = chat_answer()
            answer["choices"][0]["finish_reason"] = "length"
            respond(writer, 200, answer)
            return
        body = b"".join(chat_chunks(["a"])).replace(b'"stop"', b'"length"')
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    server.play = play
    body = question(stream=stream)
    assert results(proxy, body, body) == ["miss", "miss"]
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_errors_are_shown_and_not_kept(status: int, proxy: Signalbox, server: Upstream) -> None:
    body = question()
    server.status = status
    assert chat(proxy, body)[0] == status
    server.status = 200
    code, headers, _ = chat(proxy, body)
    assert (code, headers["x-signalbox-cache"]) == (200, "miss")


def test_a_stream_that_breaks_is_cut_for_its_reader_and_not_kept(proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in chat_chunks(["a", "b"])[:2]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    body = question(stream=True)
    server.play = play
    with pytest.raises(http.client.IncompleteRead):
        chat(proxy, body)
    server.play = server.answer
    assert results(proxy, body) == ["miss"]


def test_what_a_fallback_answered_is_kept_under_its_own_name(
    proxy: Signalbox, server: Upstream, second: Upstream
) -> None:
    body = question("fallback")
    for told in ("miss", "hit"):
        _, headers, _ = chat(proxy, body)
        assert (headers["x-signalbox-backend"], headers["x-signalbox-cache"]) == ("second", told)
    body = question("two-of-them")
    server.status = 503
    assert chat(proxy, body)[1]["x-signalbox-backend"] == "second"
    server.status = 200
    _, headers, _ = chat(proxy, body)  # the first is asked again, and what the second said is not passed off as its own
    assert (headers["x-signalbox-backend"], headers["x-signalbox-cache"]) == ("first", "miss")
    assert (len(server.asked), len(second.asked)) == (2, 2)


def test_other_dialects_are_kept_in_their_own_form(proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if not request.json.get("stream"):
            respond(
                writer, 200, {"type": "message", "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 3}}
            )
            return
        said = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
        body = b"".join(b"event: x\ndata: %b\n\n" % json.dumps(one).encode() for one in said)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    server.play = play
    plain = question(max_tokens=5)
    told = [
        post(proxy, "/v1/messages", b, **{"x-api-key": "ka"}) for b in (plain, plain, streamed(plain), streamed(plain))
    ]
    assert [headers["x-signalbox-cache"] for _, headers, _ in told] == ["miss", "hit", "miss", "hit"]
    assert told[2][2] == told[3][2]


def test_embeddings_are_kept(proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        respond(
            writer, 200, {"object": "list", "data": [{"embedding": [0.5], "index": 0}], "usage": {"prompt_tokens": 1}}
        )

    server.play = play
    body = json.dumps({"model": "auto", "input": question().decode()}).encode()
    told = [post(proxy, "/v1/embeddings", body, **{"x-api-key": "ka"})[1]["x-signalbox-cache"] for _ in range(2)]
    assert told == ["miss", "hit"]


def admin(proxy: Signalbox, method: str, path: str, key: str | None = "ka") -> tuple[int, Any]:
    status, _, body = ask(proxy, method, path, headers={"authorization": f"Bearer {key}"} if key else {})
    return status, json.loads(body)


def test_the_admin_page_counts_and_clears_by_route(proxy: Signalbox) -> None:
    assert admin(proxy, "GET", "/api/cache", None)[0] == 401
    assert admin(proxy, "DELETE", "/api/cache", None)[0] == 401
    admin(proxy, "DELETE", "/api/cache")
    before = admin(proxy, "GET", "/api/cache")[1]["results"]
    bodies = [question("everyone"), question(), question()]
    results(proxy, *bodies, bodies[0])
    state = admin(proxy, "GET", "/api/cache")[1]
    assert state["redis"] is None
    assert state["memory"]["up"] is True
    assert {name: share["entries"] for name, share in state["memory"]["routes"].items()} == {
        "everyone": 1,
        "the rest": 2,
    }
    assert state["results"]["hit"] == before.get("hit", 0) + 1
    assert state["results"]["miss"] == before.get("miss", 0) + 3
    assert admin(proxy, "DELETE", "/api/cache?route=the%20rest") == (200, {"cleared": 2})
    assert results(proxy, bodies[0], bodies[1]) == ["hit", "miss"]
    assert admin(proxy, "DELETE", "/api/cache") == (200, {"cleared": 2})


def test_a_new_revision_makes_all_before_it_a_miss(server: Upstream) -> None:
    rules = f'version: 1\nbackends: {{b: {{url: "{server.url}", model: m}}}}\n'
    rules += "routes: [{name: r, to: b, cache: {ttl: 1h, revision: 1}}]\n"
    with signalbox(rules) as proxy:
        body = question()
        assert results(proxy, body, body) == ["miss", "hit"]
        proxy.rules.write_text(rules.replace("revision: 1", "revision: 2"))
        until = time.monotonic() + 5
        while "rules reloaded" not in proxy.log.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert results(proxy, body, body) == ["miss", "hit"]


def test_the_memory_is_bounded(server: Upstream) -> None:
    rules = f'version: 1\nbackends: {{b: {{url: "{server.url}", model: m}}}}\nroutes: [{{name: r, to: b, cache: 1h}}]\n'
    with signalbox(rules, SIGNALBOX_CACHE_BYTES="5000") as proxy:
        bodies = [question() for _ in range(20)]
        results(proxy, *bodies)
        state = json.loads(proxy.get("/api/cache")[1])["memory"]
        assert 0 < state["entries"] <= 8
        assert results(proxy, bodies[-1], bodies[0]) == ["hit", "miss"]


def test_an_answer_of_the_cache_costs_nothing_and_is_told_as_saved(server: Upstream) -> None:
    rules = f'version: 1\nbackends: {{b: {{url: "{server.url}", model: m, price: {{input: 100, output: 1000}}}}}}\n'
    with signalbox(rules + "routes: [{name: r, to: b, cache: 1h}]\n") as proxy:
        body = question()
        costs = [chat(proxy, body)[1]["x-signalbox-cost-usd"] for _ in range(3)]
        assert [float(cost) for cost in costs] == [0.0025, 0, 0]
        assert results(proxy, streamed(body)) == ["hit"]

        def total(name: str) -> float:
            lines = [line for line in proxy.get("/metrics")[1].splitlines() if line.startswith(name)]
            return sum(float(line.split()[-1]) for line in lines)

        assert total("signalbox_spend_usd_total") == 0.0025
        assert total("signalbox_saved_usd_total") == pytest.approx(3 * 0.0025)
        assert total("signalbox_tokens_total") == 7
        assert total("signalbox_attempts_total") == 1
        assert total('signalbox_cache_requests_total{result="hit",route="r"}') == 3
        assert total('signalbox_cache_requests_total{result="miss",route="r"}') == 1
