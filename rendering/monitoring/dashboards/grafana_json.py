"""A `Board` in Grafana's own types, and their text.

These are the types of the dashboard's first schema: every Grafana that is in use loads it from a file. Its successor
needs a Grafana of its own age, which is why the package calls the first one old as it is imported (a warning that
Python does not show). They are constructed as they are, because the package's builders take ten times as long to import
and place panels by themselves.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard, prometheus, stat, table, timeseries

from rendering.monitoring.dashboards.boards import Board, Panel, Place, Row, Shape, number, places
from rendering.monitoring.figures import Limits

PROMETHEUS = "prometheus"
"""The uid of the data source, fixed by provisioning."""
TAG = "grocery"

_GREEN, _YELLOW, _RED = "green", "yellow", "red"
_SOURCE = common.DataSourceRef(type_val="prometheus", uid=PROMETHEUS)
_FIRING = 'max by (alertname, severity, workload) (ALERTS{alertstate="firing", severity=~"warning|critical"})'


def text(board: Board) -> str:
    """The dashboard as a file for Grafana's provisioning: JSON on one line, since Docker bounds the size of configs."""
    return json.dumps(_dashboard(board), cls=JSONEncoder, separators=(",", ":"), ensure_ascii=False) + "\n"


def _dashboard(board: Board) -> dashboard.Dashboard:
    place = places(board)
    panels: list[dashboard.Panel | dashboard.RowPanel] = []
    for row in board.rows:
        inside = [_panel(board.uid, panel, place[panel.key]) for panel in row.panels]
        panels.append(_row(board.uid, row, place[row.key], inside if row.folded else []))
        if not row.folded:
            panels += inside
    return dashboard.Dashboard(
        uid=board.uid,
        title=board.title,
        description=board.description,
        tags=[TAG],
        editable=False,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val="now-3h", to="now"),
        timepicker=dashboard.TimePickerConfig(refresh_intervals=["15s", "30s", "1m", "5m"]),
        refresh="30s",
        panels=panels,
        templating=dashboard.DashboardDashboardTemplating(list_val=[]),
        annotations=dashboard.AnnotationContainer(
            list_val=[
                dashboard.AnnotationQuery(
                    name="Firing alerts",
                    datasource=_SOURCE,
                    icon_color=_RED,
                    expr=_FIRING,
                    title_format="{{alertname}}",
                    text_format="{{severity}} {{workload}}",
                    step="60s",
                )
            ]
        ),
        links=[
            dashboard.DashboardLink(
                title="Dashboards",
                type_val=dashboard.DashboardLinkType.DASHBOARDS,
                icon="external link",
                tags=[TAG],
                keep_time=True,
            )
        ],
    )


def _row(uid: str, row: Row, place: Place, panels: list[dashboard.Panel]) -> dashboard.RowPanel:
    return dashboard.RowPanel(
        collapsed=row.folded, title=row.title, grid_pos=_grid(place), id_val=number(uid, row.key), panels=panels
    )


def _panel(uid: str, panel: Panel, place: Place) -> dashboard.Panel:
    kind, options, custom = _drawing(panel)
    return dashboard.Panel(
        type_val=kind,
        id_val=number(uid, panel.key),
        title=panel.title,
        description=panel.description,
        datasource=_SOURCE,
        grid_pos=_grid(place),
        targets=[
            prometheus.Dataquery(
                ref_id=chr(ord("A") + position),
                datasource=_SOURCE,
                editor_mode=prometheus.QueryEditorMode.CODE,
                expr=query.expr,
                legend_format=query.legend,
                format_val=prometheus.PromQueryFormat.TABLE if panel.shape is Shape.LIST else None,
                instant=panel.shape is Shape.LIST,
                range_val=panel.shape is not Shape.LIST,
            )
            for position, query in enumerate(panel.queries)
        ],
        transformations=[_without_columns("Time", "Value", "__name__", "alertstate", "stack")]
        if panel.shape is Shape.LIST
        else None,
        options=options,
        field_config=dashboard.FieldConfigSource(
            defaults=dashboard.FieldConfig(
                unit=panel.unit,
                min_val=0,
                max_val=panel.maximum,
                no_value="none" if panel.shape is Shape.LIST else "no data",
                mappings=_mappings(panel),
                thresholds=_thresholds(panel.limits),
                color=dashboard.FieldColor(
                    mode=dashboard.FieldColorModeId.THRESHOLDS
                    if panel.shape is Shape.FIGURE
                    else dashboard.FieldColorModeId.PALETTE_CLASSIC
                ),
                custom=custom,
            ),
            overrides=[],
        ),
    )


def _drawing(panel: Panel) -> tuple[str, object, object]:
    """Grafana's kind of panel, its options, and what it adds to the configuration of fields."""
    match panel.shape:
        case Shape.FIGURE:
            return (
                "stat",
                stat.Options(
                    graph_mode=common.BigValueGraphMode.AREA,
                    color_mode=common.BigValueColorMode.VALUE,
                    justify_mode=common.BigValueJustifyMode.AUTO,
                    text_mode=common.BigValueTextMode.AUTO,
                    reduce_options=common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields=""),
                    percent_change_color_mode=common.PercentChangeColorMode.STANDARD,
                    orientation=common.VizOrientation.AUTO,
                ),
                None,
            )
        case Shape.LIST:
            lines = table.Options(cell_height=common.TableCellHeight.SM)
            # The one thing these types write that Grafana's schema does not know any more.
            lines.footer = None
            return "table", lines, None
        case Shape.LINES | Shape.AREA:
            stacked = panel.shape is Shape.AREA
            return (
                "timeseries",
                timeseries.Options(
                    legend=common.VizLegendOptions(
                        display_mode=common.LegendDisplayMode.LIST,
                        placement=common.LegendPlacement.BOTTOM,
                        show_legend=True,
                        calcs=[],
                    ),
                    tooltip=common.VizTooltipOptions(
                        mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING
                    ),
                ),
                common.GraphFieldConfig(
                    draw_style=common.GraphDrawStyle.LINE,
                    line_width=1,
                    fill_opacity=40 if stacked else 10,
                    show_points=common.VisibilityMode.NEVER,
                    # A scrape that is missed is no gap, two minutes without any are.
                    span_nulls=120_000,
                    stacking=common.StackingConfig(
                        mode=common.StackingMode.NORMAL if stacked else common.StackingMode.NONE, group="A"
                    ),
                    thresholds_style=common.GraphThresholdsStyleConfig(mode=_threshold_style(panel.limits)),
                ),
            )


def _threshold_style(limits: Limits) -> common.GraphThresholdsStyleMode:
    has_some = limits.warning is not None or limits.critical is not None
    return common.GraphThresholdsStyleMode.DASHED if has_some else common.GraphThresholdsStyleMode.OFF


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    """Grafana colours what is at or above a step; the first has no value and is the colour of what lies below all."""
    known = [
        (value, colour) for value, colour in ((limits.warning, _YELLOW), (limits.critical, _RED)) if value is not None
    ]
    steps: list[dashboard.Threshold] = []
    if limits.below:
        # From the worst upwards: red below critical, yellow below warning, green above.
        known.reverse()
        colours = [colour for _, colour in known] + [_GREEN]
        steps = [dashboard.Threshold(color=colours[0])]
        steps += [
            dashboard.Threshold(value=value, color=colour)
            for (value, _), colour in zip(known, colours[1:], strict=True)
        ]
    else:
        steps = [dashboard.Threshold(color=_GREEN)]
        steps += [dashboard.Threshold(value=value, color=colour) for value, colour in known]
    return dashboard.ThresholdsConfig(mode=dashboard.ThresholdsMode.ABSOLUTE, steps=steps)


def _mappings(panel: Panel) -> list[dashboard.ValueMapping]:
    if not panel.words:
        return []
    options = {str(value): dashboard.ValueMappingResult(text=word) for value, word in panel.words}
    return [dashboard.ValueMap(options=options)]


def _without_columns(*names: str) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(id_val="organize", options={"excludeByName": dict.fromkeys(names, True)})


def _grid(place: Place) -> dashboard.GridPos:
    return dashboard.GridPos(x=place.x, y=place.y, w=place.width, h=place.height)
