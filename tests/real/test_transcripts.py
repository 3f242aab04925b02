"""Sound told to whisper.cpp's server. That is a program in C++ which is not built here: a server stands in for it that
was made from its source (examples/server/server.cpp), with the forms, the content types and the errors of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import pytest
from openai import BadRequestError, OpenAI

from tests.signalbox import Signalbox, ask, signalbox
from tests.upstream import Request, Upstream, upstream

RULES = """
version: 1
backends:
  ears: {{url: "{url}", serves: whisper.cpp}}
  other: {{url: "{url}/v1"}}
routes:
  - {{name: sound, when: {{task: transcribe}}, to: ears}}
  - {{name: all, to: other}}
"""
SOUND = b"RIFF" + bytes(range(256)) * 400


def parts(request: Request) -> dict[str, bytes]:
    """The form, by name."""
    mark = re.search(r'boundary="?([^";]+)', request.headers["content-type"])
    assert mark is not None
    found = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + mark[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        assert name is not None
        found[name[1].decode()] = value
    return found


def told(writer: asyncio.StreamWriter, kind: str, body: str, status: int = 200) -> None:
    raw = body.encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\nserver: whisper.cpp\r\n\r\n"
    writer.write(head.encode() + raw)


async def whisper(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.target == "/health":
        told(writer, "application/json", '{"status":"ok"}')
    elif (request.method, request.target) != ("POST", "/inference"):
        told(writer, "text/plain", f"File Not Found ({request.target})", 404)
    else:
        form = parts(request)
        said = "in english" if form.get("translate") == b"true" else "auf deutsch"
        if not form.get("file", b"").startswith(b"RIFF"):
            told(writer, "application/json", '{"error":"failed to read audio data"}')
        elif (kind := form.get("response_format", b"json").decode()) == "text":
            told(writer, "text/html; charset=utf-8", f" {said}\n")
        elif kind == "srt":
            told(writer, "application/x-subrip", f"1\n00:00:00,000 --> 00:00:02,000\n {said}\n\n")
        elif kind == "vtt":
            told(writer, "text/vtt", f"WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n {said}\n\n")
        elif kind == "verbose_json":
            segment = {"id": 0, "text": said, "start": 0.0, "end": 2.0, "tokens": [1], "temperature": 0.0}
            whole = {"task": "transcribe", "language": "german", "duration": 2.0, "text": said, "segments": [segment]}
            told(writer, "application/json", json.dumps(whole))
        else:
            told(writer, "application/json", json.dumps({"text": said}))


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(whisper) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url.removesuffix("/v1"))) as running:
        yield running


@pytest.fixture
def client(proxy: Signalbox) -> OpenAI:
    return OpenAI(base_url=proxy.url, api_key="any", max_retries=0)


def test_the_sdk_transcribes_and_every_byte_of_the_sound_arrives(client: OpenAI, server: Upstream) -> None:
    told = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", SOUND), language="de", temperature=0.2)
    assert told.text == "auf deutsch"
    form = parts(server.asked[-1])
    assert form["file"] == SOUND
    assert (form["language"], form["temperature"], form["translate"]) == (b"de", b"0.2", b"false")


def test_a_translation_says_so_in_the_servers_words(client: OpenAI) -> None:
    assert client.audio.translations.create(model="whisper-1", file=("a.wav", SOUND)).text == "in english"


@pytest.mark.parametrize(("form", "begins"), [("text", " auf"), ("srt", "1\n00:00"), ("vtt", "WEBVTT")])
def test_text_and_subtitles_come_as_they_are(client: OpenAI, form: str, begins: str) -> None:
    answer = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1",
        file=("a.wav", SOUND),
        response_format=form,  # type: ignore[call-overload]
    )
    assert answer.text.startswith(begins)
    assert "html" not in answer.headers["content-type"]


def test_the_long_form_tells_segments(client: OpenAI) -> None:
    told = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", SOUND), response_format="verbose_json")
    assert (told.language, told.duration) == ("german", 2.0)
    assert told.segments is not None
    assert told.segments[0].text == "auf deutsch"


def test_an_error_that_the_server_calls_a_success_is_a_400(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="failed to read audio data"):
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"ID3 no wave"))


def test_a_body_without_a_form_is_refused(proxy: Signalbox) -> None:
    status, _, answer = ask(proxy, "POST", "/v1/audio/transcriptions", b"RIFF", {"content-type": "audio/wav"})
    assert (status, "form" in json.loads(answer)["error"]["message"]) == (400, True)
