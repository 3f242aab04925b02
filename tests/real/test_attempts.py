"""Who is asked, when and how often, and what the client sees of it: over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.real.attempted import (
    CHAT,
    DONE,
    HE,
    LLO,
    ROLE,
    STOP,
    answers,
    body,
    halves,
    metric,
    plays,
    raw_stream,
    serving,
)
from tests.signalbox import Signalbox, free_port, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, chat_chunks, respond, upstream

SPEND, REQUESTS = "signalbox_spend_usd_total", "signalbox_requests_total"


@pytest.fixture(scope="module")
def all_three() -> Iterator[tuple[Signalbox, Upstream, Upstream]]:
    with serving() as three:
        yield three


@pytest.fixture
def proxy(all_three: tuple[Signalbox, Upstream, Upstream]) -> Signalbox:
    proxy, *servers = all_three
    for server in servers:
        server.play, server.status, server.pause = server.answer, 200, 0.0
        server.requests.clear()
    return proxy


@pytest.fixture
def first(all_three: tuple[Signalbox, Upstream, Upstream]) -> Upstream:
    return all_three[1]


@pytest.fixture
def second(all_three: tuple[Signalbox, Upstream, Upstream]) -> Upstream:
    return all_three[2]


# -- before the first content -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        (ROLE, "reset"),
        (b": hello\n\n", ROLE, "reset"),
        (ROLE[:20], "reset"),
        (b'data: {"error": {"message": "overloaded", "code": 503}}\n\n',),
        (ROLE, b'data: {"error": {"message": "overloaded"}}\n\n', DONE),
        (b"data: <html>\n\n",),
        (ROLE,),
        (),
        (ROLE, 2.0, HE, STOP, DONE),
    ],
    ids=["role", "comment", "half", "error", "error-later", "no-json", "no-end", "nothing", "silence"],
)
def test_what_fails_before_its_first_content_is_replaced_unseen(
    steps: tuple[bytes | float | str, ...], proxy: Signalbox, first: Upstream
) -> None:
    plays(first, *steps)
    status, headers, answer = post(proxy, CHAT, body(stream=True))
    assert (status, headers["x-signalbox-backend"], headers["x-signalbox-attempts"]) == (200, "second", "2")
    assert answer == b"".join(chat_chunks(second_pieces := ["hel", "lo"])), second_pieces


def test_a_plain_answer_that_is_no_json_is_replaced(proxy: Signalbox, first: Upstream) -> None:
    answers(first, b"<html>please log in</html>", head=b"content-type: text/html\r\n")
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"
    answers(first, b'{"choices": [')
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"
    answers(first, {"error": {"message": "no capacity", "code": 503}})
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"


def test_when_the_last_one_is_no_json_the_client_is_told_so(proxy: Signalbox, first: Upstream) -> None:
    answers(first, b"<html>", head=b"content-type: text/html\r\n")
    status, _, answer = post(proxy, CHAT, body("again"))
    assert status == 503
    assert "first: answered text/html that is no JSON object" in json.loads(answer)["error"]["message"]


TOO_LONG = {"error": {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}


def test_a_prompt_too_long_for_one_goes_to_one_with_more_context(proxy: Signalbox, first: Upstream) -> None:
    answers(first, TOO_LONG, status=400)
    status, headers, _ = post(proxy, CHAT, body())
    assert (status, headers["x-signalbox-backend"]) == (200, "second")
    assert metric(proxy, 'signalbox_fallbacks_total{from="first",reason="context",to="second"}') == 1


def test_and_not_to_one_with_less(proxy: Signalbox, first: Upstream, second: Upstream) -> None:
    answers(second, TOO_LONG, status=400)
    status, headers, answer = post(proxy, CHAT, body("downhill"))
    assert (status, json.loads(answer)) == (400, TOO_LONG)
    assert headers["x-signalbox-backend"] == "second"
    assert first.asked == []


# -- again ------------------------------------------------------------------------------------------------------------


def test_the_same_candidate_is_asked_again_where_the_route_allows(proxy: Signalbox, first: Upstream) -> None:
    answers(first, {"error": {"message": "busy"}}, status=503, times=2)
    before = metric(proxy, 'signalbox_retries_total{backend="first",reason="status 503"}')
    status, headers, _ = post(proxy, CHAT, body("again"))
    assert (status, headers["x-signalbox-attempts"]) == (200, "3")
    assert metric(proxy, 'signalbox_retries_total{backend="first",reason="status 503"}') == before + 2


def test_retry_after_is_waited_for(proxy: Signalbox, first: Upstream) -> None:
    answers(first, {"error": {"message": "slow down"}}, status=429, head=b"retry-after: 1\r\n", times=1)
    began = time.monotonic()
    assert post(proxy, CHAT, body("again"))[0] == 200
    assert 1.0 <= time.monotonic() - began < 2.5


def test_a_wait_that_nobody_has_time_for_is_the_clients_to_see(proxy: Signalbox, first: Upstream) -> None:
    answers(first, {"error": {"message": "come tomorrow"}}, status=429, head=b"retry-after: 86400\r\n")
    began = time.monotonic()
    status, headers, answer = post(proxy, CHAT, body("again"))
    assert (status, headers["retry-after"], json.loads(answer)["error"]["message"]) == (429, "86400", "come tomorrow")
    assert time.monotonic() - began < 1
    assert len(first.asked) == 1


def test_one_deadline_holds_for_all_attempts(proxy: Signalbox, first: Upstream, second: Upstream) -> None:
    plays(first, 0.3, "reset")
    plays(second, 3.0)
    began = time.monotonic()
    status, _, answer = post(proxy, CHAT, body("hurry", stream=True))
    assert (status, json.loads(answer)["error"]["code"]) == (504, "timeout")
    assert 0.45 < time.monotonic() - began < 1.0
    second.asked[-1].closed.wait(1)


def test_after_the_first_content_the_deadline_cuts(proxy: Signalbox, first: Upstream) -> None:
    plays(first, ROLE, HE, 3.0, LLO)
    status, answer, whole = raw_stream(proxy, body("hurry", stream=True))
    assert (status, whole, answer) == (200, False, ROLE + HE)


# -- after the first content ------------------------------------------------------------------------------------------


def test_a_stream_without_its_end_is_cut_and_told_as_broken(
    proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    plays(first, ROLE, HE)
    status, answer, whole = raw_stream(proxy, body(stream=True))
    assert (status, whole, answer) == (200, False, ROLE + HE)
    assert second.asked == []
    assert metric(proxy, 'signalbox_streams_broken_total{backend="first",content="after",route="rest"}') >= 1


@pytest.mark.parametrize("steps", [(ROLE, HE, STOP), (ROLE, HE, DONE), (ROLE, HE, STOP, DONE)])
def test_a_finish_reason_or_done_is_an_end(steps: tuple[bytes, ...], proxy: Signalbox, first: Upstream) -> None:
    plays(first, *steps)
    assert raw_stream(proxy, body(stream=True)) == (200, b"".join(steps), True)


def test_a_stream_may_end_with_an_error_where_the_route_says_so(proxy: Signalbox, second: Upstream) -> None:
    plays(second, ROLE, HE, "reset")
    status, answer, whole = raw_stream(proxy, body("told", stream=True))
    assert (status, whole) == (200, True)
    assert answer.startswith(ROLE + HE)
    error = json.loads(answer.removeprefix(ROLE + HE).removeprefix(b"data: "))["error"]
    assert error["code"] == "stream_broken"
    plays(second, ROLE, HE, LLO[:30], "reset")
    assert raw_stream(proxy, halves("told")) == (200, ROLE + HE + LLO[:30], False), "nothing can follow half an event"


# -- comments ---------------------------------------------------------------------------------------------------------


def test_a_silent_stream_is_kept_alive_by_comments(proxy: Signalbox, second: Upstream) -> None:
    plays(second, 0.35, ROLE, HE, 0.35, LLO, STOP, DONE)
    status, answer, whole = raw_stream(proxy, body("patient", stream=True))
    assert (status, whole) == (200, True)
    assert answer.replace(b": waiting\n\n", b"") == ROLE + HE + LLO + STOP + DONE
    assert answer.startswith(b": waiting\n\n: waiting\n\n")
    assert HE + b": waiting\n\n" in answer


def test_a_stream_that_waits_in_a_queue_is_kept_alive_too(proxy: Signalbox, second: Upstream) -> None:
    plays(second, 0.5, ROLE, HE, STOP, DONE)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: raw_stream(proxy, body("queued", stream=True)), range(2)))
    for status, answer, whole in both:
        assert (status, whole, answer.replace(b": waiting\n\n", b"")) == (200, True, ROLE + HE + STOP + DONE)
    assert max(answer.count(b": waiting") for _, answer, _ in both) >= 7, "half a second in the queue, half at work"


def test_never_inside_an_event(proxy: Signalbox, second: Upstream) -> None:
    plays(second, ROLE, HE, LLO[:25], 0.5, LLO[25:], STOP, DONE)
    assert raw_stream(proxy, halves("patient"))[1] == ROLE + HE + LLO + STOP + DONE


def test_a_plain_answer_has_no_comments(proxy: Signalbox, second: Upstream) -> None:
    second.pause = 0.0

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.4)
        respond(writer, 200, chat_answer())

    second.play = play
    assert json.loads(post(proxy, CHAT, body("patient"))[2]) == chat_answer()


def late_error(status: int) -> Any:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.3)
        respond(writer, status, {"error": {"message": "x" * 10, "code": status}})

    return play


@pytest.mark.parametrize(("route", "status", "told"), [("patient", 400, True), ("told", 503, True)])
def test_an_error_after_comments_is_told_in_the_stream(
    route: str, status: int, told: bool, proxy: Signalbox, second: Upstream
) -> None:
    second.play = late_error(status)
    code, answer, whole = raw_stream(proxy, body(route, stream=True))
    assert (code, whole) == (200, told)
    assert json.loads(answer.rpartition(b"data: ")[2])["error"]["code"] == status


def test_an_error_after_comments_that_may_pass_is_a_cut(proxy: Signalbox, second: Upstream) -> None:
    second.play = late_error(503)
    code, answer, whole = raw_stream(proxy, body("patient", stream=True))
    assert (code, whole, set(answer.split(b"\n\n"))) == (200, False, {b": waiting", b""})


def test_a_backend_that_dies_after_comments_is_a_cut_from_which_clients_recover(
    proxy: Signalbox, second: Upstream
) -> None:
    plays(second, 0.3, "reset")
    code, answer, whole = raw_stream(proxy, body("patient", stream=True))
    assert (code, whole) == (200, False)
    assert set(answer.split(b"\n\n")) == {b": waiting", b""}


def test_a_plain_answer_after_comments_becomes_a_stream(proxy: Signalbox, second: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.3)
        respond(writer, 200, chat_answer("hello"))

    second.play = play
    code, answer, whole = raw_stream(proxy, body("patient", stream=True))
    assert (code, whole) == (200, True)
    assert b'"content":"hello"' in answer
    assert answer.endswith(b"data: [DONE]\n\n")


# -- hedging ----------------------------------------------------------------------------------------------------------


def test_the_first_content_wins_and_the_loser_is_stopped(proxy: Signalbox, first: Upstream, second: Upstream) -> None:
    plays(first, 0.3, ROLE, HE, STOP, DONE)
    before = metric(proxy, 'signalbox_hedges_total{backend="first",beaten_by="second"}')
    status, headers, answer = post(proxy, CHAT, body("hedged", stream=True))
    ended = time.monotonic()
    assert (status, headers["x-signalbox-backend"]) == (200, "second")
    assert answer == b"".join(chat_chunks(["hel", "lo"]))
    assert first.asked[-1].closed.wait(1)
    assert first.asked[-1].closed_at - ended < 0.1
    assert metric(proxy, 'signalbox_hedges_total{backend="first",beaten_by="second"}') == before + 1


def test_a_quick_answer_is_not_hedged(proxy: Signalbox, second: Upstream) -> None:
    assert post(proxy, CHAT, body("hedged"))[1]["x-signalbox-backend"] == "first"
    assert second.asked == []


def test_a_plain_answer_may_be_hedged_too(proxy: Signalbox, first: Upstream) -> None:
    plays(first, 3.0)
    status, headers, answer = post(proxy, CHAT, body("hedged"))
    assert (status, headers["x-signalbox-backend"]) == (200, "second")
    assert json.loads(answer)["choices"]


# -- what an answer must satisfy --------------------------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]


def calls(name: str, arguments: str) -> dict[str, Any]:
    answer = chat_answer()
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}
    answer["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    return answer


def test_a_bad_tool_call_of_a_small_model_is_left_to_the_next(
    proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    answers(first, calls("rm", "{}"))
    answers(second, calls("read", "{}"))
    status, headers, answer = post(proxy, CHAT, body("picky", tools=TOOLS))
    assert (status, headers["x-signalbox-backend"]) == (200, "second")
    assert json.loads(answer) == calls("read", "{}")
    assert metric(proxy, 'signalbox_attempts_total{backend="first",result="rejected"}') >= 1
    answers(first, calls("read", '{"path": "a"}'))
    assert post(proxy, CHAT, body("picky", tools=TOOLS))[1]["x-signalbox-backend"] == "first"


def test_the_last_ones_answer_is_taken_as_it_is(proxy: Signalbox, first: Upstream, second: Upstream) -> None:
    answers(first, calls("rm", "{}"))
    answers(second, calls("mv", "{}"))
    assert json.loads(post(proxy, CHAT, body("picky", tools=TOOLS))[2]) == calls("mv", "{}")


def of_first(proxy: Signalbox, name: str) -> float:
    rows = [row for row in proxy.get("/metrics")[1].splitlines() if row.startswith(name + "{")]
    return sum(float(row.split()[-1]) for row in rows if 'backend="first"' in row)


def ledger_of_first(proxy: Signalbox) -> tuple[int, float]:
    """Requests and dollars."""
    command = [sys.executable, "-m", "router.cli", "spend", "--json", "--by", "backend"]
    environment = os.environ | {"SIGNALBOX_DATA_DIR": str(proxy.rules.parent)}
    told = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    return next((row["requests"], row["usd"]) for row in told["rows"] if row["name"] == "first")


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_not_accepted_was_paid_for(stream: bool, proxy: Signalbox, first: Upstream) -> None:
    asked = body("picky", stream=stream, response_format={"type": "json_object"})
    if stream:
        plays(first, *chat_chunks(["no", "JSON"], usage=True))
    else:
        answers(first, chat_answer("no JSON"))
    post(proxy, CHAT, body())  # for its row in the ledger
    time.sleep(1.5)
    usd, requests, ledger = of_first(proxy, SPEND), of_first(proxy, REQUESTS), ledger_of_first(proxy)
    assert post(proxy, CHAT, asked)[1]["x-signalbox-backend"] == "second"
    assert of_first(proxy, SPEND) - usd == 7.0, "five tokens read and two written, at a dollar each"
    assert of_first(proxy, REQUESTS) == requests, "it was no request of its own"
    time.sleep(1.5)
    assert ledger_of_first(proxy) == (ledger[0], ledger[1] + 7.0)


def test_what_a_loser_has_read_was_paid_for(proxy: Signalbox, first: Upstream) -> None:
    plays(first, ROLE, 0.3, HE, STOP, DONE)
    before = of_first(proxy, SPEND)
    assert post(proxy, CHAT, body("hedged", stream=True))[1]["x-signalbox-backend"] == "second"
    assert of_first(proxy, SPEND) > before


def test_a_stream_is_held_back_until_it_is_judged(proxy: Signalbox, first: Upstream) -> None:
    json_asked = {"response_format": {"type": "json_object"}}
    plays(first, *chat_chunks(["not ", "JSON"]))
    status, headers, answer = post(proxy, CHAT, body("picky", stream=True, **json_asked))
    assert headers["x-signalbox-backend"] == "second", answer
    good = chat_chunks(['{"a":', " 1}"])
    plays(first, *good)
    status, headers, answer = post(proxy, CHAT, body("picky", stream=True, **json_asked))
    assert (status, headers["x-signalbox-backend"], answer) == (200, "first", b"".join(good))


def test_an_answer_that_was_not_accepted_is_not_kept(proxy: Signalbox, first: Upstream, second: Upstream) -> None:
    asked = body("kept", response_format={"type": "json_object"}, temperature=0)
    answers(first, chat_answer("no JSON"))
    answers(second, chat_answer('{"from": 2}'))
    for _ in range(2):
        assert post(proxy, CHAT, asked)[1]["x-signalbox-backend"] == "second"
    assert len(first.asked) == 2, "what it answered the first time must not come out of the cache"


def test_the_proxy_holds_nothing_after_all_this(proxy: Signalbox) -> None:
    time.sleep(0.3)
    page = proxy.get("/metrics")[1]
    for name in ("signalbox_backend_busy", "signalbox_queue_depth"):
        rows = [row for row in page.splitlines() if row.startswith(name + "{")]
        assert rows
        assert all(row.endswith(" 0.0") for row in rows), rows


def test_nobody_there_is_asked_again_within_the_budget() -> None:
    with upstream() as there:
        backends = (
            f"{{gone: {{url: 'http://127.0.0.1:{free_port()}/v1', circuit: false}}, there: {{url: '{there.url}'}}}}"
        )
        rules = f"version: 1\nbackends: {backends}\nroutes: [{{to: gone, retries: 1}}]\n"
        asked_again_and_again(rules)


def asked_again_and_again(rules: str) -> None:
    with signalbox(rules) as proxy:
        began = time.monotonic()
        questions = [body(messages=[{"role": "user", "content": f"question {n}"}]) for n in range(40)]
        attempts = [json.loads(post(proxy, CHAT, each)[2])["error"]["message"].count("gone:") for each in questions]
        assert attempts[0] == 2
        assert 40 < sum(attempts) <= 40 + 10 + 8
        assert metric(proxy, "signalbox_retries_refused_total") >= 20
        assert time.monotonic() - began < 15
