from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.world.frames import MOST, Frame, FrameError, Frames, Kind, frame

kinds = st.sampled_from(Kind)


@given(st.lists(st.tuples(kinds, st.integers(0, 2**64 - 1), st.binary(max_size=40))), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_wherever_the_pipe_cuts_them(
    sent: list[tuple[Kind, int, bytes]], cut: int
) -> None:
    data = b"".join(frame(*each) for each in sent)
    frames = Frames()
    came = [one for start in range(0, len(data), cut) for one in frames.feed(data[start : start + cut])]
    assert came == [Frame(*each) for each in sent]


def test_a_long_payload_comes_in_pieces_and_one_that_is_too_long_is_not_sent() -> None:
    long = bytes(3_000_000)
    data, frames = frame(Kind.ASK, 7, long), Frames()
    came = [one for start in range(0, len(data), 65536) for one in frames.feed(data[start : start + 65536])]
    assert came == [Frame(Kind.ASK, 7, long)]
    with pytest.raises(FrameError, match="the most"):
        frame(Kind.ASK, 7, bytes(MOST + 1))


@pytest.mark.parametrize("data", [b"Segmentation fault\n", b"\xff" * 13, b"\x00\x00\x00\x00\x63" + bytes(8)])
def test_what_is_no_frame_is_found_before_memory_is_taken_for_it(data: bytes) -> None:
    with pytest.raises(FrameError, match="a frame of kind"):
        Frames().feed(data)
