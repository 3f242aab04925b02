"""The dashboards are what their source makes, read metrics that exist, and answer what they were made for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from grafana.dashboards import DASHBOARDS, FOLDER, Dashboard, as_json
from grafana.queries import LABELS, RECORDED, series
from tests.grafana.asked import RECORDED as RECORDED_NAME
from tests.grafana.asked import Asked, alerts, boards, metrics, panels, queries, records
from tests.signalbox import signalbox
from tests.upstream import upstream

QUESTIONS = (
    "Where did my money go?",
    "Which rule fired?",
    "Is local fast enough?",
    "What is the cache worth?",
    "What failed over, and why?",
)
RULES = 'version: 1\nbackends: {{b: {{url: "{url}", price: 0}}}}\nroutes: [{{name: all, to: b}}]\n'


@pytest.fixture(scope="module")
def shown() -> Iterator[dict[str, str]]:
    """Name and type of each metric of a running Signalbox."""
    with upstream() as server, signalbox(RULES.format(url=server.url)) as proxy:
        page = proxy.get("/metrics")[1]
        yield dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_the_committed_dashboard_is_what_its_source_makes(dashboard: Dashboard) -> None:
    assert dashboard.file.read_text() == as_json(dashboard), "run `python -m grafana` and commit what it writes"


def test_there_is_no_other_dashboard() -> None:
    assert set(FOLDER.iterdir()) == {dashboard.file for dashboard in DASHBOARDS}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_grafanas_own_types_read_the_dashboard_without_loss(dashboard: Dashboard) -> None:
    register_default_plugins()
    written = json.loads(dashboard.file.read_text())
    read = json.loads(json.dumps(Model.from_json(written), cls=JSONEncoder))
    for panel in read["panels"]:  # what is left out has a default there
        if panel["type"] in ("table", "state-timeline"):
            del panel["fieldConfig"]["defaults"]["custom"]
    assert read == written


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_has_a_panel_on_the_first_page_and_one_on_a_page_of_its_own(question: str) -> None:
    titles = {(uid, panel["title"]) for uid, panel in panels()}
    assert ("signalbox", question) in titles
    word = question.removesuffix("?")
    assert any(uid != "signalbox" and title.startswith(word) for uid, title in titles)


@pytest.mark.parametrize("label", ["key", "harness", "model"])
def test_what_each_key_harness_and_model_does_over_weeks_is_told(label: str) -> None:
    weeks = boards()["signalbox-weeks"]
    assert weeks["time"]["from"] == "now-28d"
    told = [panel["targets"][0]["expr"] for panel in weeks["panels"] if panel.get("interval") == "1d"]
    for metric in ("requests", "spend_usd", "tokens"):
        assert any(f"by ({label}) (sum_over_time(signalbox:{metric}:increase1m" in expr for expr in told)


@pytest.mark.parametrize(
    ("uid", "panel"), list(panels()), ids=lambda part: part if isinstance(part, str) else part["title"]
)
def test_each_panel_is_a_question_with_a_unit_and_an_explanation(uid: str, panel: dict[str, object]) -> None:
    assert str(panel["title"]).endswith("?") and str(panel["description"]).endswith((".", "…"))
    assert "unit" in json.dumps(panel) or panel["type"] == "state-timeline"


@pytest.mark.parametrize("uid", boards())
def test_no_two_panels_lie_on_each_other(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in boards()[uid]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("uid", boards())
def test_the_reader_chooses_source_route_backend_model_key_and_harness(uid: str) -> None:
    names = [variable["name"] for variable in boards()[uid]["templating"]["list"]]
    assert names == ["datasource", "route", "backend", "model", "key", "harness"]


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
def test_each_panel_reads_metrics_that_exist_from_the_chosen_source(asked: Asked, shown: dict[str, str]) -> None:
    assert metrics(asked.expr) and metrics(asked.expr) <= shown.keys()
    assert set(re.findall(r"signalbox:\w+:increase1m", asked.expr)) <= records().keys()


@pytest.mark.parametrize("name", [*alerts(), *records()])
def test_each_rule_reads_metrics_that_exist(name: str, shown: dict[str, str]) -> None:
    read = metrics({**alerts(), **records()}[name])
    assert (read or name == "SignalboxDown") and read <= shown.keys()


def test_a_panel_that_read_a_metric_that_does_not_exist_would_be_noticed(shown: dict[str, str]) -> None:
    assert not metrics('sum by (route) (rate(signalbox_guesses_total{route="a"}[5m]))') <= shown.keys()
    assert metrics("sum(sum_over_time(signalbox:guesses:increase1m[1h]))") == {"signalbox_guesses_total"}
    with pytest.raises(KeyError):
        series("signalbox_guesses_total")
    with pytest.raises(KeyError):
        series("signalbox_requests_total", colour="red")


def test_each_recorded_counter_is_recorded_in_the_same_way() -> None:
    assert {f"signalbox_{RECORDED_NAME.match(name).group(1)}_total" for name in records()} == set(RECORDED)  # type: ignore[union-attr]
    for name, expr in records().items():
        metric = f"signalbox_{name.split(':')[1]}_total"
        growth = f"({metric} offset 30s - last_over_time({metric}[1d] offset 90s)) >= 0"
        assert expr == f"sum without (instance, job) ({growth} or {metric} offset 30s)"
        assert metric in LABELS
