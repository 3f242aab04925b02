"""The memory of similar questions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.cache.key import Key
from router.cache.similar import LONGEST, Neighbours, last_turn, without_last_turn

FRAME, OTHER = Key("r", "frame"), Key("r", "other frame")


def key(number: int) -> Key:
    return Key("r", str(number))


def direction(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def test_the_nearest_question_is_found_among_equal_frames_only() -> None:
    neighbours = Neighbours(10)
    neighbours.add(FRAME, key(1), direction(1, 0))
    neighbours.add(FRAME, key(2), direction(0, 1))
    neighbours.add(OTHER, key(3), direction(1, 1))
    found = neighbours.nearest(FRAME, direction(2, 1))
    assert found is not None
    assert found[0] == key(1)
    assert found[1] == pytest.approx(2 / 5**0.5)
    assert neighbours.nearest(Key("r", "a third"), direction(1, 0)) is None


def test_what_was_not_useful_longest_goes_first() -> None:
    neighbours = Neighbours(2)
    neighbours.add(FRAME, key(1), direction(1, 0))
    neighbours.add(FRAME, key(2), direction(0, 1))
    neighbours.nearest(FRAME, direction(1, 0))
    neighbours.add(FRAME, key(3), direction(-1, 0))
    assert len(neighbours) == 2
    assert neighbours.nearest(FRAME, direction(1, 0)) == (key(1), pytest.approx(1))
    assert neighbours.nearest(FRAME, direction(0, 1)) != (key(2), pytest.approx(1))


def test_embeddings_of_another_length_forget_those_before() -> None:
    neighbours = Neighbours(2)
    neighbours.add(FRAME, key(1), direction(1, 0))
    assert neighbours.nearest(FRAME, direction(1, 0, 0)) is None
    neighbours.add(FRAME, key(2), direction(1, 0, 0))
    assert len(neighbours) == 1
    assert neighbours.nearest(FRAME, direction(1, 0)) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("afn"), st.integers(0, 8), st.integers(0, 2)), max_size=60))
def test_it_holds_what_a_list_would_hold(steps: list[tuple[str, int, int]]) -> None:
    limit = 4
    neighbours = Neighbours(limit)
    model: dict[Key, tuple[Key, int]] = {}  # by entry, the least recently useful first
    for what, number, place in steps:
        frame = Key("r", f"frame {place}")
        angle = direction(np.cos(number), np.sin(number))
        if what == "a":
            model.pop(key(number), None)
            if len(model) == limit:
                del model[next(iter(model))]
            model[key(number)] = frame, number
            neighbours.add(frame, key(number), angle)
        elif what == "f":
            model.pop(key(number), None)
            neighbours.forget(key(number))
        else:
            near = {entry: np.cos(number - at) for entry, (held, at) in model.items() if held == frame}
            found = neighbours.nearest(frame, angle)
            if not near:
                assert found is None
                continue
            assert found is not None
            assert found[1] == pytest.approx(max(near.values()), abs=1e-5)
            model[found[0]] = model.pop(found[0])
        assert len(neighbours) == len(model)


@pytest.mark.parametrize(
    ("path", "data", "text"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, "hi"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, "hi"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
        ("/v1/chat/completions", {"messages": [{"role": "tool", "content": "hi"}]}, None),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x" * (LONGEST + 1)}]}, None),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "  "}]}, None),
        ("/v1/chat/completions", {"messages": [7]}, None),
        ("/v1/chat/completions", {"messages": "hi"}, None),
        ("/v1/embeddings", {"messages": [{"role": "user", "content": "hi"}]}, None),
    ],
)
def test_only_a_last_turn_of_text_may_vary(path: str, data: dict, text: str | None) -> None:
    assert last_turn(path, data) == text


def test_all_but_the_text_of_the_last_turn_stays() -> None:
    data = {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi", "name": "n"}],
    }
    rest = without_last_turn(data)
    assert rest["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": None, "name": "n"}]
    assert data["messages"][1]["content"] == "hi"
