"""How attempts end where it is not plain: deadlines, hedges, clients that leave, ends of streams in each dialect."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.real.attempted import CHAT, DONE, HE, ROLE, answers, body, metric, plays, serving
from tests.signalbox import Signalbox, post
from tests.upstream import Request, Upstream, chat_answer, chat_chunks, respond

RESPONSES, MESSAGES, SOUND = "/v1/responses", "/v1/messages", "/v1/audio/transcriptions"
RULES = """
version: 1
backends:
  first:
    url: "{first}"
    model: one
    dialects: [responses, messages]
    price: {{input: 1000000, output: 1000000}}
    circuit: {{failures: 3}}
  powered: {{url: "{first}", model: one, power: {{watts: 1000000000, per_kwh: 1}}, circuit: false}}
  theirs: {{url: "{first}", model: one, pass_key: true}}
  second: {{url: "{second}", model: two, dialects: [responses, messages], circuit: false}}
routes:
  - {{name: theirs, when: {{model: theirs-first}}, to: [theirs, second]}}
  - {{name: hurry, when: {{model: hurry}}, to: [first, second], timeout: 300ms}}
  - {{name: raced, when: {{model: raced}}, to: [first, second], hedge: 100ms, timeout: 400ms}}
  - {{name: hedged, when: {{model: hedged}}, to: [powered, second], hedge: 100ms}}
  - {{name: kept, when: {{model: kept}}, to: [powered, second], hedge: 150ms, cache: 1h}}
  - {{name: patient, when: {{model: patient}}, to: second, keep_alive: 100ms}}
  - {{name: told, when: {{model: told}}, to: second, keep_alive: 100ms, on_broken_stream: error}}
  - {{name: sound, when: {{path: /v1/audio/transcriptions}}, to: [first, second], hedge: 100ms}}
  - {{name: rest, to: [first, second]}}
"""


@pytest.fixture
def three() -> Iterator[tuple[Signalbox, Upstream, Upstream]]:
    with serving(RULES) as running:
        yield running


Three = tuple[Signalbox, Upstream, Upstream]


def ask(proxy: Signalbox, path: str, data: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, all bytes of the body, and whether it ended properly."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", path, data, {"content-type": "application/json"})
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    try:
        return answer.status, headers, answer.read(), True
    except http.client.IncompleteRead as error:
        return answer.status, headers, error.partial, False
    finally:
        connection.close()


def sends(server: Upstream, head: bytes, *pieces: bytes | float) -> None:
    """Exactly these bytes, with seconds of waiting between them; then the connection is closed."""

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
            return
        writer.write(b"HTTP/1.1 " + head + b"\r\n\r\n")
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        writer.close()

    server.play = play


def slowly(server: Upstream, seconds: float) -> None:
    """Answer whole, after so long."""

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(seconds)
        respond(writer, 200, chat_answer())

    server.play = play


def soon(holds: Callable[[], bool], seconds: float = 3.0) -> bool:
    until = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(0.05)
    return held


# -- deadlines and hedges ---------------------------------------------------------------------------------------------


def test_one_that_is_silent_until_the_deadline_is_left_alone_after_a_few(three: Three) -> None:
    proxy, first, _ = three
    plays(first, 5.0)
    statuses = [post(proxy, CHAT, body("hurry", user=str(n)))[0] for n in range(3)]
    assert statuses == [504, 504, 504]
    assert soon(lambda: post(proxy, CHAT, body("hurry"))[0] == 200), "the second was not asked"
    assert len(first.asked) <= 4
    assert metric(proxy, 'signalbox_circuit_opened_total{backend="first",reason="timeout"}') == 1


def test_a_deadline_that_cuts_an_answer_speaks_well_of_its_backend(three: Three) -> None:
    proxy, first, _ = three
    plays(first, ROLE, HE, 5.0)
    for _ in range(4):
        assert ask(proxy, CHAT, body("hurry", stream=True))[3] is False
    assert len(first.asked) == 4


def test_at_a_deadline_all_that_were_asked_have_timed_out(three: Three) -> None:
    proxy, first, second = three
    plays(first, 5.0)
    plays(second, 5.0)
    assert post(proxy, CHAT, body("raced"))[0] == 504
    for name in ("first", "second"):
        assert metric(proxy, f'signalbox_attempts_total{{backend="{name}",result="timeout"}}') == 1


def test_an_upload_is_sent_to_one_only(three: Three) -> None:
    proxy, first, second = three

    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.5)
        respond(writer, 200, {"text": f"{len(request.body)} bytes"})

    first.play = second.play = slow
    part = b'--x\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    form = part % (b"model", b"", b"any") + part % (b"file", b'; filename="a.wav"', b"a" * 3_000_000) + b"--x--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", SOUND, form, {"content-type": "multipart/form-data; boundary=x"})
    answer = connection.getresponse()
    assert json.loads(answer.read())["text"] == f"{len(first.asked[0].body)} bytes"
    assert (len(first.asked), second.asked) == (1, [])
    assert len(first.asked[0].body) > 3_000_000


def test_the_work_of_the_winner_is_paid_for_though_another_was_asked_after_it(three: Three) -> None:
    proxy, first, second = three
    slowly(first, 0.3)
    plays(second, 5.0)
    status, headers, _ = post(proxy, CHAT, body("hedged"))
    assert (status, headers["x-signalbox-backend"]) == (200, "powered")
    assert len(second.asked) == 1
    assert float(headers["x-signalbox-cost-usd"]) > 10, "a tenth of a second of a gigawatt"


def test_what_the_cache_says_is_of_the_attempt_that_won(three: Three) -> None:
    proxy, first, second = three
    slowly(first, 0.4)
    plays(second, 5.0)
    status, headers, _ = post(proxy, CHAT, body("kept", temperature=0))
    assert (status, headers["x-signalbox-backend"], headers["x-signalbox-cache"]) == (200, "powered", "miss")
    assert len(second.asked) == 1
    assert post(proxy, CHAT, body("kept", temperature=0))[1]["x-signalbox-cache"] == "hit"


def test_the_limit_of_one_clients_own_key_is_not_held_against_the_backend(three: Three) -> None:
    proxy, first, _ = three
    answers(first, {"error": {"message": "slower"}}, status=429, head=b"retry-after: 60\r\n", times=1)
    poor = post(proxy, CHAT, body("theirs-first"), authorization="Bearer poor")
    rich = post(proxy, CHAT, body("theirs-first"), authorization="Bearer rich")
    assert (poor[1]["x-signalbox-backend"], rich[1]["x-signalbox-backend"]) == ("second", "theirs")


# -- clients that leave -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_before_the_first_word_pays_for_the_prompt(stream: bool, three: Three) -> None:
    proxy, first, _ = three
    plays(first, 5.0)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", CHAT, body(stream=stream))
    assert soon(lambda: len(first.asked) == 1)
    connection.close()
    line = (
        'signalbox_spend_usd_total{backend="first",harness="other",key="",model="one",route="rest",source="estimated"}'
    )
    assert soon(lambda: metric(proxy, line) > 0), proxy.get("/metrics")[1]


# -- ends of streams --------------------------------------------------------------------------------------------------


def event(data: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), json.dumps(data).encode())


CREATED = event({"type": "response.created", "response": {"id": "r"}})
DELTA = event({"type": "response.output_text.delta", "delta": 'say "type": "response.completed"'})
COMPLETED = event({"type": "response.completed", "response": {"id": "r", "usage": {"input_tokens": 1}}})
START = event({"type": "message_start", "message": {"id": "m"}})
WORDS = event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": '"message_stop"'}})
END = event({"type": "message_stop"})
SAYS_DONE = chat_chunks(["say [DONE] now"])[1]


@pytest.mark.parametrize(
    ("path", "pieces", "whole"),
    [
        (RESPONSES, (CREATED, DELTA), False),
        (RESPONSES, (CREATED, DELTA, COMPLETED), True),
        (MESSAGES, (START, WORDS), False),
        (MESSAGES, (START, WORDS, END), True),
        (CHAT, (ROLE, SAYS_DONE), False),
        (CHAT, (ROLE, SAYS_DONE, DONE), True),
    ],
)
def test_a_stream_ends_where_its_dialect_says_so(
    path: str, pieces: tuple[bytes, ...], whole: bool, three: Three
) -> None:
    proxy, first, _ = three
    plays(first, *pieces)
    said = json.loads(body(stream=True)) | {"input": "hi", "max_tokens": 9}
    status, _, answer, ended = ask(proxy, path, json.dumps(said).encode())
    assert (status, answer, ended) == (200, b"".join(pieces), whole)


def test_a_length_that_was_told_of_a_stream_is_not_passed_on(three: Three) -> None:
    """An event is taken out of it, or an error put at its end."""
    proxy, first, second = three
    events = b"".join(chat_chunks(["he", "llo"], usage=True))
    head = b"200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d"
    sends(first, head % len(events), events)
    status, headers, answer, whole = ask(proxy, CHAT, body(stream=True))
    assert (status, whole, answer) == (200, True, b"".join(chat_chunks(["he", "llo"])))
    assert "content-length" not in headers
    sends(second, head % len(events), ROLE + HE)
    status, _, answer, whole = ask(proxy, CHAT, body("told", stream=True))
    assert (status, whole) == (200, True)
    assert answer.startswith(ROLE + HE) and b"stream_broken" in answer


def test_an_error_that_ends_a_responses_stream_has_its_type(three: Three) -> None:
    proxy, _, second = three
    plays(second, CREATED, DELTA, "reset")
    said = json.dumps({"model": "told", "input": "hi", "stream": True}).encode()
    status, _, answer, whole = ask(proxy, RESPONSES, said)
    assert (status, whole) == (200, True)
    last = answer.removeprefix(CREATED + DELTA)
    assert last.startswith(b"event: error\ndata: ")
    error = json.loads(last.partition(b"data: ")[2])
    assert (error["type"], error["code"]) == ("error", "stream_broken")
    assert error["message"] == error["error"]["message"]


# -- comments ---------------------------------------------------------------------------------------------------------


def test_no_comment_stands_in_what_is_no_stream_of_events(three: Three) -> None:
    proxy, _, second = three
    packed = gzip.compress(b"x" * 1000)[:40] + b"\n\n"
    head = b"200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close"
    sends(second, head, packed, 0.5, b"xyz")
    assert ask(proxy, CHAT, body("patient", stream=True))[2] == packed + b"xyz"


def test_a_plain_answer_after_comments_is_one_event_without_the_usage_that_nobody_asked_for(three: Three) -> None:
    proxy, _, second = three

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.3)
        answer = chat_answer("a  b") if "chat" in request.target else {"type": "message", "content": [{"text": "a  b"}]}
        data = json.dumps(answer, indent=2).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data))
        writer.write(data)

    second.play = play
    answer = ask(proxy, CHAT, body("patient", stream=True))[2]
    assert b'"content":"a  b"' in answer and b'"usage":{' not in answer
    answer = ask(proxy, MESSAGES, body("patient", stream=True, max_tokens=5))[2]
    events = [line for line in answer.split(b"\n") if line and not line.startswith(b":")]
    assert len(events) == 1
    assert json.loads(events[0].removeprefix(b"data: "))["content"] == [{"text": "a  b"}]


def test_a_packed_error_after_comments_is_told_in_words_of_ours(three: Three) -> None:
    proxy, _, second = three
    packed = gzip.compress(b'{"error": {"message": "no"}}')
    kind = b"content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\nconnection: close"

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method != "GET":
            await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 503 X\r\n" + kind % len(packed) + b"\r\n\r\n" + packed)

    second.play = play
    status, _, answer, whole = ask(proxy, CHAT, body("told", stream=True))
    assert (status, whole) == (200, True)
    assert b"no backend could answer" in answer


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_whose_words_do_not_come_does_not_hold_up_the_next(three: Three) -> None:
    proxy, first, _ = three
    head = b"503 X\r\ncontent-type: application/json\r\ncontent-length: 100"
    sends(first, head, b'{"error"', 30.0)
    began = time.monotonic()
    status, headers, _, _ = ask(proxy, CHAT, body())
    assert (status, headers["x-signalbox-backend"]) == (200, "second")
    assert time.monotonic() - began < 6
    sends(first, b"422" + head[3:], b'{"error"', 30.0)
    status, headers, answer, _ = ask(proxy, CHAT, body())
    assert (status, headers["x-signalbox-backend"]) == (422, "first")
    assert "first answered 422" in json.loads(answer)["error"]["message"]
