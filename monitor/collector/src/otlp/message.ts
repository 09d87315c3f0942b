/** OTLP's metrics as JSON, as far as they are read. Numbers of 64 bits may be strings. */
type Int = number | string;
export type Attribute = {
  readonly key: string;
  readonly value?: {
    readonly stringValue?: string;
    readonly intValue?: Int;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
};
type Point = { readonly attributes?: readonly Attribute[]; readonly flags?: number };
export type NumberPoint = Point & { readonly asDouble?: number; readonly asInt?: Int };
export type HistogramPoint = Point & {
  readonly count?: Int;
  readonly sum?: number;
  readonly bucketCounts?: readonly Int[];
  readonly explicitBounds?: readonly number[];
};
type Buckets = { readonly offset?: number; readonly bucketCounts?: readonly Int[] };
export type ExponentialPoint = Point & {
  readonly startTimeUnixNano?: Int;
  readonly count?: Int;
  readonly sum?: number;
  readonly scale?: number;
  readonly zeroCount?: Int;
  readonly positive?: Buckets;
};
type Points<P> = { readonly dataPoints?: readonly P[]; readonly aggregationTemporality?: number };
export type Metric = {
  readonly name: string;
  readonly description?: string;
  readonly unit?: string;
  readonly gauge?: Points<NumberPoint>;
  readonly sum?: Points<NumberPoint> & { readonly isMonotonic?: boolean };
  readonly histogram?: Points<HistogramPoint>;
  readonly exponentialHistogram?: Points<ExponentialPoint>;
};
export type MetricsMessage = {
  readonly resourceMetrics?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] };
    readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[];
  }[];
};

export const CUMULATIVE = 2;

export function attributeText({ value = {} }: Attribute): string {
  const found = value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue;
  return found === undefined ? "" : String(found);
}
