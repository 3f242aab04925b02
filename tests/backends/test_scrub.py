"""What a backend echoes of its own secrets is not what a client sees."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.scrub import Scrubber

KEY = "sk-upstream/0123456789+abc"
SHORT = "hunter22"


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber([KEY, SHORT, None, "none", ""])


def test_headers_that_hold_a_secret_are_masked_and_others_are_the_same(scrubber: Scrubber) -> None:
    headers = [(b"x-debug", f"Bearer {KEY}".encode()), (b"x-echo", SHORT.encode()), (b"content-type", b"none")]
    clean = scrubber.headers(headers)
    assert clean == [(b"x-debug", b"Bearer " + b"*" * len(KEY)), (b"x-echo", b"*" * 8), (b"content-type", b"none")]
    unharmed = [(b"content-type", b"application/json")]
    assert scrubber.headers(unharmed) is unharmed


@pytest.mark.parametrize(
    "spelled", [KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), "sk-upstream%2F0123456789%2Babc"]
)
def test_errors_hold_no_secret_however_it_is_spelled_and_keep_their_length(spelled: str, scrubber: Scrubber) -> None:
    body = f'{{"error": "bad key {spelled}, and {SHORT}"}}'.encode()
    clean = scrubber.whole(body, 401)
    assert spelled.encode() not in clean and SHORT.encode() not in clean
    assert len(clean) == len(body)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token", "Key", "Api-Key"])
def test_what_stands_after_a_scheme_is_a_secret_by_itself(scheme: str) -> None:
    scrubber = Scrubber([f"{scheme} {KEY}"])
    for status in (200, 401):
        assert scrubber.whole(f"{scheme} {KEY} or {KEY}".encode(), status) in (
            b"*" * len(f"{scheme} {KEY}") + b" or " + b"*" * len(KEY),
            scheme.encode() + b" " + b"*" * len(KEY) + b" or " + b"*" * len(KEY),
        )


@pytest.mark.parametrize(("pair", "secret"), [(f"me:{KEY}", KEY), (f"{KEY}:", KEY), ("production:hunter22", SHORT)])
def test_the_password_of_basic_is_a_secret_by_itself_and_the_name_is_none(pair: str, secret: str) -> None:
    encoded = base64.b64encode(pair.encode()).decode()
    clean = Scrubber([f"Basic {encoded}"]).whole(f"{encoded} {secret} production".encode(), 401)
    assert clean == b"*" * len(encoded) + b" " + b"*" * len(secret) + b" production"
    assert Scrubber(["Basic %%%%%%%%"]).whole(b"%%%%%%%% Basic", 401) == b"******** Basic"


def test_an_answer_may_be_about_a_short_word_that_is_a_key_somewhere(scrubber: Scrubber) -> None:
    assert scrubber.whole(b"hunter22 is a bad password", 200) == b"hunter22 is a bad password"
    assert KEY.encode() not in scrubber.whole(KEY.encode(), 200)


def test_without_a_secret_nothing_is_looked_for() -> None:
    nothing = Scrubber([None, "none", "EMPTY"])
    assert not nothing
    assert nothing.stream(lambda _: None) is None
    body = b"none"
    assert nothing.whole(body, 500) is body


@given(st.lists(st.integers(0, 60), max_size=6), st.text(max_size=12), st.text(max_size=12))
def test_a_stream_holds_no_secret_wherever_it_is_cut(cuts: list[int], before: str, after: str) -> None:
    whole = f"data: {before}{KEY}{after}\n\n".encode()
    wanted = whole.replace(KEY.encode(), b"*" * len(KEY))
    came: list[bytes] = []
    stream = Scrubber([KEY]).stream(came.append)
    assert stream is not None
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    for start, end in itertools.pairwise(places):
        stream.take(whole[start:end])
    stream.end()
    assert b"".join(came) == wanted


def test_the_end_of_an_event_is_never_held_back_and_the_beginning_of_a_secret_is() -> None:
    came: list[bytes] = []
    stream = Scrubber([KEY]).stream(came.append)
    assert stream is not None
    stream.take(b"data: hello sk\n\n")
    assert came == [b"data: hello sk\n\n"]
    stream.take(b"data: sk-up")
    assert came[1:] == [b"data: "]
    stream.take(b"per\n\n")
    assert b"".join(came) == b"data: hello sk\n\ndata: sk-upper\n\n"
    stream.take(b"sk-")
    stream.end()
    assert came[-1] == b"sk-"
