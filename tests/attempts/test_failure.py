"""What an error of a backend means for the others."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from router.attempts.failure import CONTEXT, is_context_error, of_error, of_status, speaks_of_server
from router.backends.contract import BackendError
from router.wire.retry_after import retry_after

TOO_LONG = [
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}',
    b'{"error":{"message":"too many","code":"context_length_exceeded"}}',
    b'{"error":{"code":400,"message":"the request is too large","type":"exceed_context_size_error"}}',
    b'{"error":{"code":400,"message":"the request exceeds the available context size"}}',
    b'{"error":{"message":"request (70494 tokens) exceeds the available context size (67584 tokens)"}}',
    b'{"error":{"message":"Requested tokens (2285) exceed context window of 2048"}}',
    b'{"type":"error","error":{"type":"x","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
    b'{"error":{"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."}}',
    b'{"error":"the input length exceeds the context length"}',
    b'{"error":"Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded"}',
    b'{"error":"Context size has been exceeded."}',
]
OTHERS = [
    b'{"error":{"message":"Unknown parameter: context_management","code":"unknown_parameter"}}',
    b'{"error":{"message":"rate limit exceeded in this context of use. Try again"}}',
    b'{"error":{"message":"max_tokens is too large: 999999"}}',
    b'{"error":{"message":"You exceeded your current quota, please check your plan and billing details."}}',
    b"",
    b"<html>",
]


@pytest.mark.parametrize("body", TOO_LONG)
def test_a_prompt_too_long_is_recognised_in_the_words_of_each_server(body: bytes) -> None:
    assert is_context_error(body)
    failure = of_status(400, [], body)
    assert failure is not None
    assert (failure.context, failure.reason, failure.code) == (True, "context", CONTEXT)
    assert failure.answer is not None
    assert failure.answer.body == body


@pytest.mark.parametrize("body", OTHERS)
def test_other_errors_are_not_taken_for_it(body: bytes) -> None:
    assert not is_context_error(body)
    assert of_status(400, [], body) is None


@pytest.mark.parametrize(
    "words", [b"exceed the its this ", b"exceed ", b"context size ", b"input token count ", b"exceed" + b" the" * 4000]
)
def test_a_hostile_error_is_looked_through_as_fast(words: bytes) -> None:
    began = time.thread_time()
    is_context_error(words * (1_000_000 // len(words)))
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 520, 529, 599])
def test_a_status_of_the_server_is_a_failure(status: int) -> None:
    assert speaks_of_server(status)
    failure = of_status(status, [(b"retry-after", b"7")], b"{}")
    assert failure is not None
    assert (failure.reason, failure.retry_after, failure.context) == (f"status {status}", 7.0, False)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 418, 422, 451])
def test_a_status_of_the_request_is_the_clients_to_see(status: int) -> None:
    assert of_status(status, [], b'{"error":{"message":"no"}}') is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"retry-after", b"3")], 3.0),
        ([(b"retry-after", b"1.5")], 1.5),
        ([(b"retry-after", b" 2 ")], 2.0),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"-5")], None),
        ([(b"retry-after", b"1e309")], None),
        ([(b"retry-after", b"\xff\xfe")], None),
        ([(b"retry-after", b"Thu, 99 Nov 99999999999 08:49:37 GMT")], None),
        ([(b"retry-after", b"Sun, 06 Nov 1994 08:49:37 GMT")], 0.0),
        ([], None),
    ],
)
def test_when_to_come_again_is_read_in_each_form(headers: list[tuple[bytes, bytes]], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_when_to_come_again_may_be_a_date() -> None:
    at = formatdate(time.time() + 30, usegmt=True).encode()
    wait = retry_after([(b"retry-after", at)])
    assert wait is not None
    assert 28 <= wait <= 30


def test_a_refusal_is_final_unless_it_speaks_of_the_context() -> None:
    assert of_error(BackendError("refused", "no such parameter", status=400)).final
    too_long = of_error(BackendError("refused", "too long", status=400, code=CONTEXT))
    assert (too_long.final, too_long.context, too_long.reason) == (False, True, "context")
    assert not of_error(BackendError("connect", "nobody there")).final
