"""The model field of an upload is found and replaced wherever it stands and however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.multipart import ModelRewriter, boundary, fields

TYPE = "multipart/form-data; boundary=XbX"


def part(disposition: str, value: bytes, more: str = "") -> bytes:
    return f"--XbX\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + value + b"\r\n"


FILE = part(
    'name="file"; filename="a.wav"', b"RIFF\r\n--Xb\r\n\r\n--XbXmore\r\r\n-\x00\xff", "Content-Type: audio/wav\r\n"
)
MODEL = part('name="model"', b"whisper-1")
OTHER = part('name="language"', b"de")
END = b"--XbX--\r\n"


def rewrite(body: bytes, cuts: list[int], model: str = "large") -> bytes:
    rewriter = ModelRewriter(TYPE, model)
    places = [0, *sorted(cuts), len(body)]
    return b"".join(rewriter.feed(body[a:b]) for a, b in itertools.pairwise(places)) + rewriter.close()


LARGE = part('name="model"', b"large")
NAMED_FILE = part('name="model"; filename="m"', b"x")
BODIES = {
    "field first": (MODEL + FILE + END, LARGE + FILE + END),
    "file first": (OTHER + FILE + MODEL + END, OTHER + FILE + LARGE + END),
    "empty value": (part('name="model"', b"") + END, LARGE + END),
    "unquoted name": (part("NAME=model", b"x") + FILE + END, part("NAME=model", b"large") + FILE + END),
    "escaped name": (part('name="mod\\el"', b"x") + END, part('name="mod\\el"', b"large") + END),
    "twice": (MODEL + OTHER + MODEL + END, LARGE + OTHER + LARGE + END),
    "a file of that name": (NAMED_FILE + END, NAMED_FILE + END),
    "preamble and epilogue": (b"hi\r\n" + MODEL + END + b"bye", b"hi\r\n" + LARGE + END + b"bye"),
    "padded delimiter": (
        MODEL.replace(b"--XbX\r\n", b"--XbX \t\r\n") + END,
        LARGE.replace(b"--XbX\r\n", b"--XbX \t\r\n") + END,
    ),
    "no header lines": (b"--XbX\r\n\r\nx\r\n" + END, b"--XbX\r\n\r\nx\r\n" + END),
    "no field at all": (FILE + OTHER + END, FILE + OTHER + END),
    "cut off in a delimiter": (FILE + OTHER + b"--Xb", FILE + OTHER + b"--Xb"),
    "cut off behind a delimiter": (FILE + b"--XbX", FILE + b"--XbX"),
    "empty": (b"", b""),
    "a line end": (b"\r", b"\r"),
    "no multipart": (b"just bytes \r\n--", b"just bytes \r\n--"),
}


@pytest.mark.parametrize("name", BODIES)
def test_only_the_model_value_changes_at_every_split_point(name: str) -> None:
    body, expected = BODIES[name]
    for cut in range(len(body) + 1):
        assert rewrite(body, [cut]) == expected
    assert rewrite(body, list(range(len(body)))) == expected


@given(st.data(), st.sampled_from(sorted(BODIES)))
def test_only_the_model_value_changes_with_many_splits(data: st.DataObject, name: str) -> None:
    body, expected = BODIES[name]
    assert rewrite(body, data.draw(st.lists(st.integers(0, len(body)), max_size=8))) == expected


@given(
    st.lists(
        st.binary(max_size=30) | st.sampled_from([b"\r\n--XbX", b"\r\n", b"--", b"\r\n\r\n", b"--XbX"]), max_size=12
    )
)
def test_bodies_without_a_model_field_pass_whole(pieces: list[bytes]) -> None:
    rewriter = ModelRewriter(TYPE, "large")
    assert b"".join(map(rewriter.feed, pieces)) + rewriter.close() == b"".join(pieces)


def test_what_is_kept_back_is_bounded() -> None:
    rewriter = ModelRewriter(TYPE, "large")
    sent = len(rewriter.feed(b'--XbX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'))
    taken = sent
    for _ in range(64):
        taken += 65536
        sent += len(rewriter.feed(b"\r\n--Xb" * 8192 + b"x" * 16384))
        assert taken - sent <= 7
    with pytest.raises(ValueError, match="longer than 16 kB"):
        ModelRewriter(TYPE, "large").feed(b"--XbX\r\n" + b"x" * 20_000)


def test_small_fields_in_the_first_bytes_are_read_and_files_are_not() -> None:
    assert fields(OTHER + MODEL + FILE[:60], TYPE) == {"language": "de", "model": "whisper-1"}
    assert fields(MODEL + MODEL.replace(b"whisper-1", b"second") + FILE + END, TYPE) == {"model": "whisper-1"}
    assert fields(MODEL[:-5], TYPE) == {}
    assert fields(b"", TYPE) == {}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b;c"', b"a b;c"),
        ("multipart/form-data; boundary=----WebKitFormBoundary7MA4", b"----WebKitFormBoundary7MA4"),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type: str, expected: bytes) -> None:
    assert boundary(content_type) == expected


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_a_content_type_without_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(ValueError, match="multipart/form-data"):
        boundary(content_type)
