/** How Prometheus would call what OpenTelemetry calls otherwise, and values in its base units. */

type BaseUnit = { readonly suffix: string; readonly factor: number };

const plain: BaseUnit = { suffix: "", factor: 1 };
const UNITS: Readonly<Record<string, BaseUnit>> = {
  "": plain,
  "1": plain,
  s: { suffix: "_seconds", factor: 1 },
  ms: { suffix: "_seconds", factor: 1e-3 },
  millisecond: { suffix: "_seconds", factor: 1e-3 },
  By: { suffix: "_bytes", factor: 1 },
  bytes: { suffix: "_bytes", factor: 1 },
};

/** The unit as a suffix, and what values are multiplied with; a unit that is not known is left as it is. */
export function baseUnit(unit: string): BaseUnit {
  // Braces hold a remark: {request}.
  const bare = unit.replace(/\{.*?\}/g, "");
  return UNITS[bare] ?? { suffix: `_${labelName(bare)}`, factor: 1 };
}

export const labelName = (text: string): string => text.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_");

export function metricName(name: string, unit: string, monotonic: boolean): string {
  const { suffix } = baseUnit(unit);
  let full = labelName(name).replace(/_total$/, "");
  if (!full.endsWith(suffix)) full += suffix;
  return monotonic ? `${full}_total` : full;
}
