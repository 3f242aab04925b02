"""Speech asked for as OpenAI's API has it, told to Piper's server."""

from __future__ import annotations

from typing import Any

import pytest

from router.backends.contract import BackendError, Call, Plain
from router.endpoints.speech import to_piper


def sent(**asked: Any) -> dict[str, Any]:
    found = to_piper(Call("/v1/audio/speech", b"", {"model": "tts-1", "input": "hello", **asked}))
    assert found.call.path == "/synthesize"
    assert found.instead is not None
    assert (found.instead.call.path, found.instead.call.body) == ("/", found.call.body)
    return found.call.data


def test_text_voice_and_speed_are_told_in_pipers_words() -> None:
    assert sent(voice="en_US-lessac-medium", speed=2, response_format="wav") == {
        "text": "hello",
        "voice": "en_US-lessac-medium",
        "length_scale": 0.5,
    }
    assert sent(voice={"id": "alloy"}, speaker_id=3, instructions="gently") == {
        "text": "hello",
        "voice": "alloy",
        "speaker_id": 3,
    }


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"response_format": "mp3"}, "WAV"),
        ({"response_format": {"a": 1}}, "WAV"),
        ({"stream_format": "sse"}, "events"),
        ({"input": "  "}, "input"),
        ({"input": None}, "input"),
        ({"input": "a" * 100_001}, "characters"),
        ({"speed": 0}, "speed"),
        ({"speed": 100}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"speed": True}, "speed"),
        ({"voice": "../../etc/passwd"}, "voice"),
        ({"voice": "a/b"}, "voice"),
        ({"voice": "a..b"}, "voice"),
        ({"voice": ".hidden"}, "voice"),
        ({"voice": ["a"]}, "voice"),
        ({"voice": "a" * 101}, "voice"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_to_do(asked: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BackendError, match=wrong) as error:
        sent(**asked)
    assert error.value.status == 400


def test_the_sound_is_called_what_it_is_and_an_error_is_not() -> None:
    back = to_piper(Call("/v1/audio/speech", b"", {"input": "a"})).back
    html = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"4")]
    assert back(Plain(b"RIFF", 200, html)).headers == [(b"content-length", b"4"), (b"content-type", b"audio/wav")]
    assert back(Plain(b"oops", 500, html)).headers == html
