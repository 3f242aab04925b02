"""Which conversations a backend has served: bounded, and found by the longest beginning."""

from __future__ import annotations

from router.telemetry.warm import KEPT, LOOKED_AT, Warm


def chain(length: int, name: str = "a") -> list[bytes]:
    return [f"{name}{number}".encode() for number in range(length)]


def test_the_longest_known_beginning_is_found() -> None:
    warm = Warm()
    assert warm.depth(chain(5)) == 0
    warm.put(chain(1))
    warm.put(chain(3))
    assert warm.depth(chain(5)) == 3
    assert warm.depth(chain(2)) == 2
    assert warm.depth(chain(5, "b")) == 0


def test_a_conversation_whose_last_messages_were_changed_is_still_found() -> None:
    warm = Warm()
    warm.put(chain(10))
    assert warm.depth([*chain(10)[:-2], b"changed", b"new"]) == 8
    assert warm.depth([*chain(10)[: -KEPT - 1], b"changed"]) == 0


def test_it_is_forgotten_an_hour_after_its_last_turn() -> None:
    now = 0.0
    warm = Warm(clock=lambda: now)
    warm.put(chain(1))
    now = 3599.0
    assert warm.depth(chain(1)) == 1
    now = 3600.0
    assert warm.depth(chain(1)) == 0


def test_the_table_is_bounded_and_the_one_unused_for_longest_goes_first() -> None:
    warm = Warm(capacity=6)
    for name in "abc":
        warm.put(chain(2, name))
    warm.put(chain(2, "a"))
    warm.put(chain(2, "d"))
    assert len(warm) == 6
    assert [bool(warm.depth(chain(2, name))) for name in "abcd"] == [True, False, True, True]


def test_a_long_conversation_is_not_searched_to_its_beginning() -> None:
    warm = Warm()
    warm.put(chain(1))
    assert warm.depth(chain(LOOKED_AT)) == 1
    assert warm.depth(chain(LOOKED_AT + 1)) == 0
