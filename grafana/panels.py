"""Kinds of panels, each with what this project wants of it: a unit, a sentence, thresholds, gaps that stay gaps."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = ["SOURCE", "USD", "Panel", "bars", "lines", "number", "ranking", "rows", "states"]

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
USD = "currencyUSD"
Panel = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel | statetimeline.Panel
Limits = Sequence[tuple[float, str]]
"""From this value on, this colour; green below the first."""


def number(title: str, told: str, query: str, unit: str, *, limits: Limits = (), width: int = 3) -> stat.Panel:
    """One number for the time shown."""
    return (
        stat.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .with_target(_query(query).instant())
        .unit(unit)
        .thresholds(_thresholds(limits))
        .graph_mode(models.BigValueGraphMode.NONE)
        .color_mode(models.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(width)
    )


def lines(
    title: str, told: str, queries: Sequence[tuple[str, str]], unit: str, *, limits: Limits = (), width: int = 12
) -> timeseries.Panel:
    """(query, legend) over time."""
    panel = _over_time(title, told, unit, width).show_points(models.VisibilityMode.AUTO).fill_opacity(8)
    if limits:
        panel.thresholds(_thresholds(limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED)
        )
    for at, (query, legend) in enumerate(queries):
        panel.with_target(_query(query, legend, at).range())
    return panel


def bars(title: str, told: str, query: str, legend: str, unit: str, *, each: str = "", width: int = 12) -> Panel:
    """Stacked amounts per stretch of time: `each` ("1d"), or what fits, never less than the minute that is recorded."""
    return (
        _over_time(title, told, unit, width)
        .with_target(_query(query, legend).range())
        .draw_style(models.GraphDrawStyle.BARS)
        .stacking(common.StackingConfig().mode(models.StackingMode.NORMAL))
        .bar_alignment(models.BarAlignment.BEFORE)
        .fill_opacity(80)
        .interval(each or "1m")
    )


def ranking(title: str, told: str, query: str, legend: str, unit: str, *, width: int = 8) -> bargauge.Panel:
    """A bar for each group, of the time shown."""
    return (
        bargauge.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .with_target(_query(query, legend).instant())
        .unit(unit)
        .min(0)
        .thresholds(_thresholds(()))
        .orientation(models.VizOrientation.HORIZONTAL)
        .display_mode(models.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(8)
        .span(width)
    )


def rows(
    title: str, told: str, columns: Sequence[tuple[str, str, str]], *, width: int = 12, height: int = 8
) -> table.Panel:
    """A line for each group: (heading, query, unit) of each column of numbers, the first of them sorted by."""
    panel = table.Panel().title(title).description(told).datasource(SOURCE).height(height).span(width)
    names: dict[str, str] = {}
    for at, (heading, query, unit) in enumerate(columns):
        panel.with_target(_query(query, at=at).instant().format(PromQueryFormat.TABLE))
        names[f"Value #{_ref(at)}" if len(columns) > 1 else "Value"] = heading
        panel.with_override(MatcherConfig("byName", heading), [DynamicConfigValue("unit", unit)])
    if len(columns) > 1:
        panel.with_transformation(DataTransformerConfig("merge", options={}))
    panel.with_transformation(
        DataTransformerConfig("organize", options={"excludeByName": {"Time": True}, "renameByName": names})
    )
    return panel.sort_by([common.TableSortByFieldState().display_name(columns[0][0]).desc(True)])


def states(
    title: str, told: str, query: str, legend: str, words: dict[str, tuple[str, str]], *, width: int = 12
) -> Panel:
    """What something was, and when: a word and a colour for each value."""
    mappings = {value: ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()}
    return (
        statetimeline.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .with_target(_query(query, legend).range())
        .mappings([ValueMap(options=mappings)])
        .show_value(models.VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(False))
        .height(8)
        .span(width)
    )


def _over_time(title: str, told: str, unit: str, width: int) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(models.LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .legend(legend.placement(models.LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING))
        .height(8)
        .span(width)
    )


def _query(query: str, legend: str = "", at: int = 0) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().expr(query).ref_id(_ref(at))
    return asked.legend_format(legend) if legend else asked


def _ref(at: int) -> str:
    """Grafana's name for the query at this place of a panel."""
    return chr(ord("A") + at)


def _thresholds(limits: Limits) -> ThresholdsConfig:
    steps = [Threshold(value=None, color="green"), *(Threshold(value=value, color=color) for value, color in limits)]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
