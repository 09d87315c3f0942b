/**
 * A dashboard as Grafana's published schema has it, narrowed to the kinds of panels that are used here: for those the
 * schema also says what their options and fields may be.
 */
import type { AnnotationQuery, Dashboard, DataQuery, Panel, TableFieldOptions } from "@grafana/schema";
import type { Options as StatOptions } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as TableOptions } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
  FieldConfig as TimeSeriesFields,
  Options as TimeSeriesOptions,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** The same in JSON, where a member of an enumeration is its text. */
type Json<Type> = Type extends string
  ? `${Type}`
  : Type extends (infer Item)[]
    ? Json<Item>[]
    : Type extends object
      ? { [Key in keyof Type]: Json<Type[Key]> }
      : Type;

/** What Prometheus' data source reads; its own package publishes no schema. */
interface PrometheusQuery extends DataQuery {
  expr: string;
  legendFormat: string;
  editorMode: "code";
  instant: boolean;
  range: boolean;
  format?: "table" | "time_series";
}
interface PrometheusAnnotation extends AnnotationQuery {
  expr: string;
  titleFormat: string;
  textFormat: string;
  step: string;
}

type Of<Type extends string, Options, Fields> = Omit<Panel, "type" | "options" | "targets" | "fieldConfig"> & {
  type: Type;
  options: Options;
  targets: PrometheusQuery[];
  fieldConfig: {
    defaults: Omit<NonNullable<Panel["fieldConfig"]>["defaults"], "custom"> & { custom?: Fields };
    overrides: NonNullable<Panel["fieldConfig"]>["overrides"];
  };
};

type Shown = Of<"stat", StatOptions, never> | Of<"table", TableOptions, TableFieldOptions> | Of<"timeseries", TimeSeriesOptions, TimeSeriesFields>;

interface Row {
  type: "row";
  id: number;
  title: string;
  collapsed: boolean;
  gridPos: Panel["gridPos"];
  panels: Shown[];
}

export type Board = Json<
  Omit<Dashboard, "panels" | "annotations"> & { panels: (Shown | Row)[]; annotations: { list: PrometheusAnnotation[] } }
>;
