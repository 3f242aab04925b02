"""Embeddings as the client asked for them, whatever the server wrote."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.contract import Plain
from router.endpoints.vectors import as_asked, as_base64, as_numbers

PATH = "/v1/embeddings"


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answer(*vectors: Any) -> bytes:
    data = [{"object": "embedding", "embedding": vector, "index": at} for at, vector in enumerate(vectors)]
    return json.dumps({"data": data, "model": "m", "usage": {"total_tokens": 3}}).encode()


def given_to(asked: dict[str, Any], body: bytes, path: str = PATH) -> bytes:
    return asyncio.run(as_asked(path, asked, Plain(body)).read())


def test_numbers_become_base64_where_that_is_asked_for_and_nothing_else_changes() -> None:
    body = answer([0.1, -2, 1e-3], [1, 2, 3])
    assert given_to({"encoding_format": "base64"}, body) == answer(packed(0.1, -2, 1e-3), packed(1, 2, 3))


@pytest.mark.parametrize("asked", [{}, {"encoding_format": None}, {"encoding_format": "float"}])
def test_base64_becomes_numbers_where_none_was_asked_for(asked: dict[str, Any]) -> None:
    read = json.loads(given_to(asked, answer(packed(0.1, -2.5))))
    assert read["data"][0]["embedding"] == [0.1, -2.5]
    assert read["usage"] == {"total_tokens": 3}


def test_an_answer_in_the_form_asked_for_keeps_its_bytes() -> None:
    strange = b'{ "data":[ {"embedding" : [1.0e0,  2 ]} ],"x":1e400 }'
    assert given_to({}, strange) == strange
    coded = answer(packed(1, 2))
    assert given_to({"encoding_format": "base64"}, coded) == coded


@pytest.mark.parametrize(
    "vector",
    [[[1.0, 2.0], [3.0, 4.0]], {"float": [1.0]}, [1.0, None], [1e300], "no base64!", "YWJj", "AACAfw==", [1, "2"]],
    ids=["of tokens", "by type", "null", "too large", "text", "no whole floats", "infinite", "mixed"],
)
def test_what_cannot_be_converted_stays(vector: Any) -> None:
    body = answer(vector)
    assert as_base64(body) == as_numbers(body) == body


def test_words_about_an_embedding_are_no_embedding() -> None:
    body = json.dumps({"model": '"embedding": [1, 2]', "data": [], "note": '\\"embedding": "AAAA"'}).encode()
    assert as_base64(body) == as_numbers(body) == body


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (PATH, {"encoding_format": "int8"}),
        (PATH, {"encoding_format": "base64", "output_dtype": "int8"}),
        ("/v1/rerank", {"encoding_format": "base64"}),
    ],
)
def test_other_kinds_of_numbers_and_other_paths_are_left_alone(path: str, asked: dict[str, Any]) -> None:
    body = answer([1, 2])
    assert given_to(asked, body, path) == body


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1), max_size=4))
def test_each_float_comes_back_with_the_same_32_bits(vectors: list[list[float]]) -> None:
    coded = answer(*(packed(*vector) for vector in vectors))
    assert as_base64(as_numbers(coded)) == coded


def test_an_answer_that_is_large_is_converted_as_well() -> None:
    body = answer(*([0.25] * 1024 for _ in range(200)))
    assert given_to({"encoding_format": "base64"}, body) == answer(*([packed(*[0.25] * 1024)] * 200))
