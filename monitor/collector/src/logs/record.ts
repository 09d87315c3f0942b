import type { Line } from "./lines.ts";

export type Source = { readonly workload: string; readonly task: string };
/** One log record of OTLP, as JSON. */
export type LogRecord = {
  readonly timeUnixNano: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly Attribute[];
};
type Attribute = { readonly key: string; readonly value: { readonly stringValue: string } };

// The first number of each of OpenTelemetry's ranges.
const SEVERITY: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  notice: 10,
  log: 9,
  warn: 13,
  warning: 13,
  error: 17,
  fatal: 21,
  panic: 21,
};

export const attribute = (key: string, stringValue: string): Attribute => ({ key, value: { stringValue } });

function parsed(text: string): Readonly<Record<string, unknown>> {
  if (!text.startsWith("{")) return {};
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

// Prometheus and its kin write neither JSON nor prose: time=… level=INFO msg="…"
const levelOf = (text: string) => /^(?:[\w.]+=(?:"[^"]*"|\S*) )*?level=(\w+)(?: |$)/.exec(text.slice(0, 200))?.[1];

/** The line as it is; its level, and of one that is JSON the request that it is about, are told besides. */
export function recordOf({ text, stream, time }: Line): LogRecord {
  const { level = levelOf(text), requestId, id } = parsed(text);
  const severity = typeof level === "string" ? SEVERITY[level.toLowerCase()] : undefined;
  // The edge's lines call it id.
  const request = typeof requestId === "string" ? requestId : typeof id === "string" ? id : undefined;
  return {
    timeUnixNano: String(time),
    ...(severity === undefined ? {} : { severityNumber: severity, severityText: String(level).toUpperCase() }),
    body: { stringValue: text },
    attributes: [attribute("log.iostream", stream), ...(request === undefined ? [] : [attribute("request_id", request)])],
  };
}

/** The body of a request: records by who wrote them. */
export function messageOf(stack: string, records: readonly { readonly source: Source; readonly record: LogRecord }[]): string {
  const bySource = new Map<string, { source: Source; logRecords: LogRecord[] }>();
  for (const { source, record } of records) {
    const key = `${source.workload}.${source.task}`;
    const group = bySource.get(key) ?? { source, logRecords: [] };
    group.logRecords.push(record);
    bySource.set(key, group);
  }
  return JSON.stringify({
    resourceLogs: [...bySource.values()].map(({ source, logRecords }) => ({
      resource: {
        attributes: [
          attribute("service.namespace", stack),
          attribute("service.name", source.workload),
          attribute("service.instance.id", source.task),
        ],
      },
      scopeLogs: [{ scope: { name: "grocery.collector" }, logRecords }],
    })),
  });
}
