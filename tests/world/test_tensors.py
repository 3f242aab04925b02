"""Safetensors files: read without a copy, and damage told in a sentence."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.world.tensors import WorldError, read_tensors
from tests.world.checkpoints import write_tensors

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


def raw(header: Any, numbers: bytes = b"\0" * 24) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + numbers


def entry(**changed: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changed}}


def test_tensors_have_names_shapes_and_the_words_of_their_file(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m", {"w": NUMBERS, "b": NUMBERS[0]}, {"padding": "none"})
    tensors = read_tensors(str(tmp_path / "m"))
    assert set(tensors) == {"w", "b"} and len(tensors) == 2
    assert tensors.metadata == {"padding": "none"}
    np.testing.assert_array_equal(tensors["w"], NUMBERS)
    np.testing.assert_array_equal(tensors.take("b", 3), NUMBERS[0])


def test_float32_stays_in_the_mapped_file_and_cannot_be_written(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m", {"w": NUMBERS})
    array = read_tensors(tmp_path / "m")["w"]
    assert not array.flags.owndata
    assert str(tmp_path / "m") in Path("/proc/self/maps").read_text()
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_half_precision_of_either_kind_becomes_float32(tmp_path: Path) -> None:
    values = np.array([1.5, -0.25, 3.0], np.float32)
    upper_half = (values.view(np.uint32) >> 16).astype(np.uint16)
    write_tensors(tmp_path / "m", {"half": values.astype(np.float16), "brain": upper_half})
    for array in read_tensors(tmp_path / "m").values():
        assert array.dtype == np.float32 and not array.flags.writeable
        np.testing.assert_array_equal(array, values)


def test_numbers_at_an_odd_place_are_read_as_well(tmp_path: Path) -> None:
    head = json.dumps(entry()).encode()
    head += b" " * (3 - len(head) % 2)
    assert len(head) % 2
    (tmp_path / "m").write_bytes(raw(head, NUMBERS.tobytes()))
    array = read_tensors(tmp_path / "m")["w"]
    assert array.flags.aligned
    np.testing.assert_array_equal(array, NUMBERS)


FAULTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no safetensors file: it has 0 bytes"),
    "no head": (b"\1\2\3", "is no safetensors file: it has 3 bytes"),
    "another format": (b"GGUF\3\0\0\0" + bytes(40), "is truncated or no safetensors file: its head says"),
    "head cut": (raw(entry())[:30], "is truncated or no safetensors file: its head says"),
    "head beyond all": (struct.pack("<Q", 2**63) + bytes(40), "its head says 9223372036854775808 bytes"),
    "no JSON": (raw(b"{nonsense"), "its header is no JSON"),
    "not UTF-8": (raw(b'{"\xff": 1}'), "its header is no JSON"),
    "deep JSON": (raw(b"[" * 100_000), "its header is no JSON"),
    "a list": (raw([]), "its header is no JSON object"),
    "no tensors": (raw({}), "holds no tensors"),
    "metadata": (raw({**entry(), "__metadata__": {"a": 1}}), "its metadata are not texts"),
    "numbers cut": (raw(entry(), b"\0" * 20), "is truncated: tensor w ends at byte"),
    "dtype": (raw(entry(dtype="I8")), "tensor w is of type 'I8'; F32, F16, BF16 are known"),
    "no dtype": (raw({"w": 1}), "tensor w is of type None"),
    "shape": (raw(entry(shape=[2, 4])), "tensor w says 8 numbers and has 24 bytes"),
    "huge shape": (raw(entry(shape=[2**40, 2**40])), "says 1208925819614629174706176 numbers and has 24 bytes"),
    "beyond counting": (raw(entry(shape=[2**70])), "shape or place of tensor w makes no sense"),
    "huge place": (raw(entry(shape=[2**40], data_offsets=[0, 2**42])), "is truncated: tensor w ends at byte"),
    "negative": (raw(entry(shape=[-2, -3])), "shape or place of tensor w makes no sense"),
    "true": (raw(entry(shape=[True, 6])), "shape or place of tensor w makes no sense"),
    "nothing": (raw(entry(shape=[0, 2**40], data_offsets=[0, 0])), "shape or place of tensor w makes no sense"),
    "axes": (raw(entry(shape=[6] + [1] * 70)), "shape or place of tensor w makes no sense"),
    "backwards": (raw(entry(data_offsets=[24, 0])), "shape or place of tensor w makes no sense"),
    "one place": (raw(entry(data_offsets=[24])), "shape or place of tensor w makes no sense"),
    "a name of no text": (raw({"w\ud800": entry()["w"]}), r"whose name, 'w\ud800', cannot be printed"),
    "a type of no text": (raw(entry(dtype="\ud800\n")), r"tensor w is of type '\ud800\n'; F32"),
    "long name": (raw({"w" * 500: entry()["w"]}), "a tensor whose name is 500 characters long"),
    "over each other": (raw({**entry(), "v": entry()["w"]}), "tensors v and w lie over each other"),
    "NaN": (raw(entry(), np.where(NUMBERS == 4, np.nan, NUMBERS).tobytes()), "tensor w holds NaN"),
    "infinity": (raw(entry(), np.where(NUMBERS == 4, -np.inf, NUMBERS).tobytes()), "tensor w holds an infinite number"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_damaged_file_is_told_with_its_fault(tmp_path: Path, case: str) -> None:
    content, fault = FAULTS[case]
    file = tmp_path / "model_world.safetensors"
    file.write_bytes(content)
    with pytest.raises(WorldError) as told:
        read_tensors(file)
    said = str(told.value)
    assert said.startswith(str(file)) and fault in said and said.endswith(".") and len(said) < 400
    assert said.isprintable()


def test_large_numbers_that_are_finite_are_not_taken_for_infinite(tmp_path: Path) -> None:
    most = np.full(1000, np.finfo(np.float32).max)
    write_tensors(tmp_path / "m", {"w": most})
    np.testing.assert_array_equal(read_tensors(tmp_path / "m")["w"], most)


def test_a_tensor_that_is_not_there_or_of_another_shape_is_named(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m", {"w": NUMBERS, "one": np.float32([1]).reshape(())})
    tensors = read_tensors(tmp_path / "m")
    assert tensors.take("w", 2, None).shape == (2, 3)
    assert tensors.take("one") == 1
    with pytest.raises(WorldError, match=r"m has no tensor v\.$"):
        tensors.take("v", 2)
    with pytest.raises(WorldError, match=r"m: tensor w is 2 x 3, but any x 4 is needed\.$"):
        tensors.take("w", None, 4)
    with pytest.raises(WorldError, match=r"m: tensor one is a single number, but 1 is needed\.$"):
        tensors.take("one", 1)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_bytes_are_changed_it_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "changed.safetensors"
    whole = bytearray(raw({**entry(), "v": entry(data_offsets=[24, 48])["w"]}, NUMBERS.tobytes() * 2))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    with contextlib.suppress(WorldError):
        assert all(np.isfinite(array).all() for array in read_tensors(file).values())
