import { labelText, single, type Family, type Labels, type Sample } from "../../../common/exposition.ts";
import { BOUNDS, FixedBuckets } from "./exponential.ts";
import { attributeText, CUMULATIVE, type Attribute, type ExponentialPoint, type HistogramPoint, type Metric, type MetricsMessage, type NumberPoint } from "./message.ts";
import { baseUnit, labelName, metricName } from "./names.ts";

/** A series that nobody has reported for this long is gone: its value would look alive. */
const KEPT_MS = 120_000;
const MOST_SERIES = 5_000;
// A point that says that there is no value any more.
const NO_VALUE = 1;

type Histogram = { readonly bounds: readonly number[]; readonly counts: readonly number[]; readonly sum: number };
type Series = { readonly labels: Labels; value: number | Histogram | FixedBuckets; at: number };
type Stored = { readonly type: Family["type"]; readonly help: string; readonly series: Map<string, Series> };
// Of these there is no end of values: points that only they tell apart are added up.
const LEFT_OUT: ReadonlySet<string> = new Set(["clientGroupID"]);
type DropReason = "temporality" | "too_many" | "kind";

/** What tells one process of a sender from its others. */
function processLabels(attributes: readonly Attribute[], workload: string): Labels {
  const found = (key: string) => attributes.find((attribute) => attribute.key === key);
  const worker = found("process.worker");
  const index = found("process.worker_index");
  return {
    workload,
    ...(worker ? { process: attributeText(worker) } : {}),
    ...(index ? { process_index: attributeText(index) } : {}),
  };
}

function samplesOf({ labels, value }: Series): Sample[] {
  if (typeof value === "number") return [{ labels, value }];
  const bounds = value instanceof FixedBuckets ? BOUNDS : value.bounds;
  let total = 0;
  const buckets = value.counts.map((count, index): Sample => {
    total += count;
    const bound = bounds[index];
    return { suffix: "_bucket", labels: { ...labels, le: bound === undefined ? "+Inf" : String(bound) }, value: total };
  });
  return [...buckets, { suffix: "_sum", labels, value: value.sum }, { suffix: "_count", labels, value: total }];
}

/** The last value of every series that was pushed. */
export class OtlpStore {
  readonly #families = new Map<string, Stored>();
  readonly #received = new Map<string, number>();
  readonly #dropped: Record<DropReason, number> = { temporality: 0, too_many: 0, kind: 0 };
  #size = 0;

  /** `sender`: the workload that a message is of which does not say so itself. */
  take(message: MetricsMessage, sender: string, now = Date.now()): void {
    for (const { resource, scopeMetrics = [] } of message.resourceMetrics ?? []) {
      const attributes = resource?.attributes ?? [];
      const service = attributes.find(({ key }) => key === "service.name");
      const workload = service ? attributeText(service) : sender;
      const common = processLabels(attributes, workload);
      for (const { metrics = [] } of scopeMetrics) for (const metric of metrics) this.#metric(metric, common, now);
      if (this.#received.has(workload) || this.#received.size < 100) this.#received.set(workload, now);
    }
  }

  families(now = Date.now()): Family[] {
    this.#forget(now);
    return [
      {
        name: "otlp_last_received_timestamp_seconds",
        type: "gauge",
        help: "When a workload last pushed its figures, in seconds since 1970.",
        samples: [...this.#received].map(([workload, at]) => ({ labels: { workload }, value: at / 1000 })),
      },
      single("otlp_series", "gauge", "Series pushed in the last two minutes.", this.#size),
      {
        name: "otlp_points_dropped_total",
        type: "counter",
        help: "Pushed values that were not kept: counted from their last report only, too many, or of an unknown kind.",
        samples: Object.entries(this.#dropped).map(([reason, value]) => ({ labels: { reason }, value })),
      },
      ...[...this.#families].map(([name, { type, help, series }]) => ({
        name,
        type,
        help,
        samples: [...series.values()].flatMap(samplesOf),
      })),
    ];
  }

  #forget(now: number): void {
    for (const [name, { series }] of this.#families) {
      for (const [key, { at }] of series)
        if (now - at >= KEPT_MS) {
          series.delete(key);
          this.#size -= 1;
        }
      if (series.size === 0) this.#families.delete(name);
    }
  }

  #metric(metric: Metric, common: Labels, now: number): void {
    const { gauge, sum, histogram, exponentialHistogram } = metric;
    const { factor } = baseUnit(metric.unit ?? "");
    const scaled = (point: NumberPoint) => Number(point.asDouble ?? point.asInt) * factor;
    if (gauge) return this.#points(metric, "gauge", common, gauge.dataPoints, now, scaled);
    const points = sum ?? histogram ?? exponentialHistogram;
    if (!points) return this.#drop("kind", 1);
    if (points.aggregationTemporality !== CUMULATIVE) return this.#drop("temporality", points.dataPoints?.length ?? 0);
    if (sum) return this.#points(metric, sum.isMonotonic ? "counter" : "gauge", common, sum.dataPoints, now, scaled);
    if (histogram)
      return this.#points(metric, "histogram", common, histogram.dataPoints, now, (point: HistogramPoint) => ({
        bounds: (point.explicitBounds ?? []).map((bound) => bound * factor),
        counts: (point.bucketCounts ?? []).map(Number),
        sum: (point.sum ?? 0) * factor,
      }));
    this.#points(metric, "histogram", common, exponentialHistogram?.dataPoints, now, (point: ExponentialPoint, before) => {
      const buckets = before instanceof FixedBuckets ? before : new FixedBuckets(factor);
      buckets.add(point);
      return buckets;
    });
  }

  #points<P extends { readonly attributes?: readonly Attribute[]; readonly flags?: number }>(
    { name, unit = "", description = "" }: Metric,
    type: Family["type"],
    common: Labels,
    points: readonly P[] = [],
    now: number,
    valueOf: (point: P, before: Series["value"] | undefined) => Series["value"],
  ): void {
    const full = metricName(name, unit, type === "counter");
    let stored = this.#families.get(full);
    if (!stored || stored.type !== type) {
      this.#size -= stored?.series.size ?? 0;
      stored = { type, help: description || name, series: new Map() };
      this.#families.set(full, stored);
    }
    const seen = new Set<string>();
    for (const point of points) {
      const own = (point.attributes ?? [])
        .filter(({ key }) => !LEFT_OUT.has(key))
        .map((attribute) => [labelName(attribute.key), attributeText(attribute)]);
      const labels: Labels = { ...Object.fromEntries(own), ...common };
      const key = labelText(labels);
      const before = stored.series.get(key);
      if (((point.flags ?? 0) & NO_VALUE) !== 0) {
        if (stored.series.delete(key)) this.#size -= 1;
      } else if (before) {
        const value = valueOf(point, before.value);
        before.value =
          seen.has(key) && typeof value === "number" && typeof before.value === "number" ? before.value + value : value;
        before.at = now;
      } else if (this.#size < MOST_SERIES) {
        stored.series.set(key, { labels, value: valueOf(point, undefined), at: now });
        this.#size += 1;
      } else this.#drop("too_many", 1);
      seen.add(key);
    }
  }

  #drop(reason: DropReason, count: number): void {
    this.#dropped[reason] += count;
  }
}
