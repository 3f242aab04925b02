"""What a GGUF file says of itself, and what is found wrong with it before llama.cpp sees it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.backends.llama.file import GgufError, read
from tests import tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", context=640)


def fault(path: Path) -> str:
    with pytest.raises(GgufError) as raised:
        read(path)
    return str(raised.value)


def test_the_head_of_a_file_tells_its_context_and_its_chat_template(tiny: Path) -> None:
    file = read(tiny)
    assert file.architecture == "llama"
    assert file.context == 640
    assert file.chat_template == tiny_gguf.CHAT_TEMPLATE
    assert file.pooling is None


def test_an_embedding_model_tells_how_it_pools(tmp_path: Path) -> None:
    assert read(tiny_gguf.write(tmp_path / "e.gguf", embeddings=True)).pooling == 1


def test_the_same_arguments_give_the_same_file(tmp_path: Path, tiny: Path) -> None:
    again = tiny_gguf.write(tmp_path / "again.gguf", context=640)
    other = tiny_gguf.write(tmp_path / "other.gguf", context=640, seed=1)
    assert again.read_bytes() == tiny.read_bytes() != other.read_bytes()


def test_a_missing_file_is_named_missing(tmp_path: Path) -> None:
    assert fault(tmp_path / "none.gguf") == "does not exist"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert fault(tmp_path).startswith("cannot be read")


def test_another_kind_of_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x40" + bytes(100))
    assert "does not begin with GGUF" in fault(path)


def test_a_download_that_broke_off_is_called_incomplete(tmp_path: Path, tiny: Path) -> None:
    whole = tiny.read_bytes()
    path = tmp_path / "part.gguf"
    for size in (100, 5000, len(whole) // 2):
        path.write_bytes(whole[:size])
        assert "incomplete" in fault(path)


def test_a_token_that_is_twice_in_the_vocabulary_is_found(tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "twice.gguf"
    path.write_bytes(tiny.read_bytes().replace(b"<0x41>", b"<0x42>"))
    assert "twice" in fault(path)


def test_heads_of_odd_size_are_refused_because_llama_cpp_would_end_the_process(tmp_path: Path, tiny: Path) -> None:
    data = tiny.read_bytes()
    key = b"llama.attention.head_count"
    at = data.index(struct.pack("<Q", len(key)) + key) + 8 + len(key) + 4
    path = tmp_path / "odd.gguf"
    path.write_bytes(data[:at] + struct.pack("<I", 32) + data[at + 4 :])
    assert "not even" in fault(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_a_head_raises_anything_but_its_own_fault(
    tmp_path_factory: pytest.TempPathFactory, tiny: Path, data: st.DataObject
) -> None:
    damaged = bytearray(tiny.read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, 1500))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    with pytest.raises(GgufError):
        read(path)
