"""Speech by Piper's own server, where it is installed: `pip install piper-tts[http,alignment]`, `piper` in PATH."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import time
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests import tiny_voice
from tests.signalbox import Signalbox, free_port, post, signalbox


@pytest.fixture(scope="module")
def piper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with two voices, of which the second is asked for by name."""
    found = shutil.which("piper")
    if found is None:
        pytest.skip("piper is not installed")
    python = str(Path(found).with_name("python"))
    folder = tmp_path_factory.mktemp("voices")
    for name in ("tone", "other"):
        subprocess.run([python, tiny_voice.__file__, str(folder), name], check=True, timeout=60)
    port = free_port()
    options = ["-m", str(folder / "tone.onnx"), "--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([python, "-m", "piper.http_server", *options], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/voices", timeout=2):
                break
            assert server.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def proxy(piper: str) -> Iterator[Signalbox]:
    rules = f"version: 1\nbackends: {{voice: {{url: '{piper}', serves: piper}}}}\nroutes: [{{to: voice}}]"
    with signalbox(rules) as running:
        yield running


def seconds(sound: bytes) -> float:
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (tiny_voice.RATE, 2)
        return file.getnframes() / tiny_voice.RATE


def test_the_sdk_gets_a_wave_and_speed_is_kept(proxy: Signalbox) -> None:
    client = OpenAI(base_url=proxy.url, api_key="any")
    lengths = {}
    for speed in (0.5, 1.0, 2.0):
        answer = client.audio.speech.create(
            model="tts-1", voice="alloy", input="the red lamp", response_format="wav", speed=speed
        )
        assert answer.response.headers["content-type"] == "audio/wav"
        lengths[speed] = seconds(answer.content)
    assert lengths[1.0] == pytest.approx(2 * lengths[2.0], rel=0.01)
    assert lengths[0.5] == pytest.approx(2 * lengths[1.0], rel=0.01)


def test_a_voice_is_chosen_by_name_and_a_long_text_takes_longer(proxy: Signalbox) -> None:
    short, long = (
        post(proxy, "/v1/audio/speech", json.dumps({"model": "auto", "voice": "other", "input": text}).encode())
        for text in ("a", "a" * 50)
    )
    assert (short[0], long[0]) == (200, 200)
    assert seconds(long[2]) > seconds(short[2])


def test_what_piper_cannot_write_is_refused_before_it_is_asked(proxy: Signalbox) -> None:
    body = {"model": "auto", "voice": "alloy", "input": "a", "response_format": "mp3"}
    status, _, answer = post(proxy, "/v1/audio/speech", json.dumps(body).encode())
    assert status == 400
    assert "WAV" in json.loads(answer)["error"]["message"]
    status, _, answer = post(proxy, "/v1/chat/completions", b'{"model": "auto", "messages": []}')
    assert "/v1/audio/speech" in json.loads(answer)["error"]["message"]
