import type { ExponentialPoint } from "./message.ts";

/** Seconds; the last bucket is without end. */
export const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60] as const;

type Counts = { readonly scale: number; readonly zero: number; readonly positive: ReadonlyMap<number, number> };

function countsOf({ scale = 0, zeroCount = 0, positive = {} }: ExponentialPoint): Counts {
  const { offset = 0, bucketCounts = [] } = positive;
  return {
    scale,
    zero: Number(zeroCount),
    positive: new Map(bucketCounts.map((count, index) => [offset + index, Number(count)])),
  };
}

/** The same counts in coarser buckets: each step down joins two neighbours. */
function coarser({ positive, scale, zero }: Counts, wanted: number): Counts {
  const joined = new Map<number, number>();
  for (const [index, count] of positive) {
    const target = index >> (scale - wanted);
    joined.set(target, (joined.get(target) ?? 0) + count);
  }
  return { scale: wanted, zero, positive: joined };
}

/**
 * An exponential histogram as one with fixed bounds, which every Prometheus reads. The sender may make its buckets
 * coarser at any time, so it is what was added since its last report that is sorted into ours: they only ever grow. A
 * value counts at the upper end of its bucket.
 */
export class FixedBuckets {
  readonly #factor: number;
  /** Not cumulative; one more than bounds. */
  readonly counts: number[] = Array<number>(BOUNDS.length + 1).fill(0);
  sum = 0;
  #last: Counts = { scale: 20, zero: 0, positive: new Map() };
  #lastSum = 0;
  #start: string | undefined;

  constructor(factor: number) {
    this.#factor = factor;
  }

  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  add(point: ExponentialPoint): void {
    const start = String(point.startTimeUnixNano ?? "");
    const now = countsOf(point);
    // Its sender began anew.
    if (start !== this.#start || now.scale > this.#last.scale) {
      this.#last = { ...now, zero: 0, positive: new Map() };
      this.#lastSum = 0;
    }
    this.#start = start;
    const before = coarser(this.#last, now.scale);
    this.#count(0, now.zero - before.zero);
    for (const [index, count] of now.positive)
      this.#count(2 ** ((index + 1) * 2 ** -now.scale), count - (before.positive.get(index) ?? 0));
    this.sum += ((point.sum ?? 0) - this.#lastSum) * this.#factor;
    this.#last = now;
    this.#lastSum = point.sum ?? 0;
  }

  #count(upper: number, added: number): void {
    if (added <= 0) return;
    const value = upper * this.#factor;
    const place = BOUNDS.findIndex((bound) => value <= bound);
    const index = place === -1 ? BOUNDS.length : place;
    this.counts[index] = (this.counts[index] ?? 0) + added;
  }
}
