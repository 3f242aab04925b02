"""What a client is told that gets an error of ours."""

from __future__ import annotations

import pytest

from router.refusal import Refusal, shape


@pytest.mark.parametrize(("wait", "told"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.4, b"2"), (59.01, b"60")])
def test_retry_after_is_never_shorter_than_the_wait(wait: float, told: bytes) -> None:
    headers, _ = shape(Refusal(503, "later", retry_after=wait))
    assert (b"retry-after", told) in headers
