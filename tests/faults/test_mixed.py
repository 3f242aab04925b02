"""Everything at once for a moment; `python -m tests.faults.soak --minutes 10` does so for longer."""

from __future__ import annotations

import pytest

from tests.faults.soak import soak


@pytest.mark.alone
def test_clients_and_backends_of_every_kind_at_once_get_what_is_promised_and_leave_nothing_behind() -> None:
    report = soak(minutes=0.2, workers=2, seed=1)
    assert report.wrong == []
    assert report.left == ""
    assert report.done.total() > 200
