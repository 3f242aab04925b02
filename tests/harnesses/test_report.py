"""The page about clients says what the results say."""

from __future__ import annotations

import json

from tests.harnesses.install import CLIENTS
from tests.harnesses.report import BEGIN, END, PAGE, RESULTS, table


def test_the_table_of_the_page_is_made_of_the_results() -> None:
    results = json.loads(RESULTS.read_text())
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == table(results)
    assert {name: CLIENTS[name].version for name in results} == {
        name: result["version"] for name, result in results.items()
    }
