import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { render } from "../../common/exposition.ts";
import { listen } from "../../common/serve.ts";
import { metricName } from "../src/otlp/names.ts";
import type { Metric, MetricsMessage } from "../src/otlp/message.ts";
import { receive } from "../src/otlp/sink.ts";
import { OtlpStore } from "../src/otlp/store.ts";

const NOW = 1_000_000;
const WORKER = [
  { key: "process.worker", value: { stringValue: "syncer" } },
  { key: "process.worker_index", value: { intValue: 0 } },
];
const BY = 'process="syncer",process_index="0",workload="zero-cache"';

let store: OtlpStore;
beforeEach(() => {
  store = new OtlpStore();
});

const message = (...metrics: Metric[]): MetricsMessage => ({
  resourceMetrics: [{ resource: { attributes: WORKER }, scopeMetrics: [{ metrics }] }],
});
const push = (at: number, ...metrics: Metric[]) => store.take(message(...metrics), "zero-cache", at);
const shown = (at = NOW) => render(store.families(at));
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

describe("names", () => {
  it.each([
    ["zero.replication.total_lag", "millisecond", false, "zero_replication_total_lag_seconds"],
    ["zero.sync.cvr.flush-time", "s", false, "zero_sync_cvr_flush_time_seconds"],
    ["zero.replication.slot_retained_wal_bytes", "By", false, "zero_replication_slot_retained_wal_bytes"],
    ["zero.replication.initial_sync_copy_stream", "bytes", true, "zero_replication_initial_sync_copy_stream_bytes_total"],
    ["zero.replication.slot_health", "1", false, "zero_replication_slot_health"],
    ["zero.replication.lag_report_retries", "{report}", true, "zero_replication_lag_report_retries_total"],
    ["requests.total", "", true, "requests_total"],
  ])("%s in %j is %s", (name, unit, monotonic, expected) => {
    expect(metricName(name, unit, monotonic)).toBe(expected);
  });
});

describe("a pushed value", () => {
  it("is shown with its process and its own labels, in base units, with what it means", () => {
    push(NOW, {
      name: "zero.replication.total_lag",
      description: "How late\nit is",
      unit: "millisecond",
      gauge: { dataPoints: [{ asInt: "1500", attributes: [attribute("slot.name", 'a"b')] }] },
    });
    expect(shown()).toContain("# HELP zero_replication_total_lag_seconds How late\\nit is\n");
    expect(shown()).toContain("# TYPE zero_replication_total_lag_seconds gauge\n");
    expect(shown()).toContain('zero_replication_total_lag_seconds{process="syncer",process_index="0",slot_name="a\\"b",workload="zero-cache"} 1.5\n');
  });

  it("replaces the one before", () => {
    for (const value of [1, 2]) push(NOW, { name: "a", gauge: { dataPoints: [{ asDouble: value }] } });
    expect(shown()).toContain(`a{${BY}} 2\n`);
  });

  it("disappears two minutes after it was last pushed; that it was pushed stays known", () => {
    push(NOW, { name: "a", gauge: { dataPoints: [{ asDouble: 1 }] } });
    expect(shown(NOW + 119_999)).toContain(`a{${BY}} 1\n`);
    const later = shown(NOW + 120_000);
    expect(later).not.toMatch(/^a\{/m);
    expect(later).toContain('otlp_last_received_timestamp_seconds{workload="zero-cache"} 1000\n');
    expect(later).toContain("otlp_series 0\n");
  });

  it("disappears when its sender says that there is none", () => {
    push(NOW, { name: "a", gauge: { dataPoints: [{ asDouble: 1 }] } });
    push(NOW, { name: "a", gauge: { dataPoints: [{ flags: 1 }] } });
    expect(shown()).not.toMatch(/^a\{/m);
  });

  it("is added up over client groups, of which there is no end", () => {
    const points = (...values: number[]) => ({
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: values.map((asDouble, index) => ({ asDouble, attributes: [attribute("clientGroupID", `g${index}`)] })),
    });
    push(NOW, { name: "pushes", sum: points(3, 4) });
    push(NOW, { name: "pushes", sum: points(5, 4, 1) });
    expect(shown()).toContain(`pushes_total{${BY}} 10\n`);
    expect(shown()).toContain("otlp_series 1\n");
  });

  it("is a gauge when it can go down", () => {
    push(NOW, { name: "open", sum: { aggregationTemporality: 2, dataPoints: [{ asInt: 3 }] } });
    expect(shown()).toContain(`# TYPE open gauge\nopen{${BY}} 3\n`);
  });

  it("that counts from its last report only is dropped and counted", () => {
    push(NOW, { name: "a", sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ asInt: 3 }, { asInt: 4 }] } });
    expect(shown()).toContain('otlp_points_dropped_total{reason="temporality"} 2\n');
    expect(shown()).not.toMatch(/^a_total/m);
  });

  it("belongs to the workload that its sender says it is", () => {
    const attributes = [attribute("service.name", "elsewhere")];
    store.take({ resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics: [{ name: "a", gauge: { dataPoints: [{ asInt: 1 }] } }] }] }] }, "zero-cache", NOW);
    expect(shown()).toContain('a{workload="elsewhere"} 1\n');
  });

  it("beyond five thousand series is dropped and counted", () => {
    const dataPoints = Array.from({ length: 5_001 }, (_, index) => ({ asInt: 1, attributes: [attribute("n", String(index))] }));
    push(NOW, { name: "a", gauge: { dataPoints } });
    expect(shown()).toContain("otlp_series 5000\n");
    expect(shown()).toContain('otlp_points_dropped_total{reason="too_many"} 1\n');
  });
});

describe("a histogram", () => {
  it("is shown with cumulative buckets, its sum and its count", () => {
    push(NOW, {
      name: "time",
      unit: "s",
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [{ explicitBounds: [0.1, 1], bucketCounts: ["2", 3, 1], sum: 4.5, count: "6" }],
      },
    });
    for (const line of [
      `time_seconds_bucket{le="0.1",${BY}} 2`,
      `time_seconds_bucket{le="1",${BY}} 5`,
      `time_seconds_bucket{le="+Inf",${BY}} 6`,
      `time_seconds_sum{${BY}} 4.5`,
      `time_seconds_count{${BY}} 6`,
    ])
      expect(shown()).toContain(`${line}\n`);
  });

  describe("with exponential buckets", () => {
    type Point = { scale: number; offset: number; counts: number[]; sum?: number; zero?: number; start?: string };
    const exponential = ({ scale, offset, counts, sum = 0, zero = 0, start = "1" }: Point): Metric => ({
      name: "lag",
      unit: "s",
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [{ scale, zeroCount: zero, sum, startTimeUnixNano: start, positive: { offset, bucketCounts: counts } }],
      },
    });
    const bucket = (le: string) => Number(new RegExp(`^lag_seconds_bucket\\{le="${le.replace("+", "\\+")}",.*\\} (\\d+)$`, "m").exec(shown())?.[1]);

    it("is shown with fixed ones; a value counts at the upper end of its bucket", () => {
      // Scale 0: bucket i holds (2^i, 2^(i+1)]. Two values in (0.25, 0.5], one in (1, 2], one zero.
      push(NOW, exponential({ scale: 0, offset: -2, counts: [2, 0, 1], zero: 1, sum: 2.2 }));
      expect([bucket("0.001"), bucket("0.2"), bucket("0.5"), bucket("1"), bucket("2"), bucket("+Inf")]).toEqual([1, 1, 3, 3, 4, 4]);
      expect(shown()).toContain(`lag_seconds_sum{${BY}} 2.2\n`);
      expect(shown()).toContain(`lag_seconds_count{${BY}} 4\n`);
    });

    it("only ever grows, also when its sender joins buckets", () => {
      // Scale 1: bucket 0 is (1, 1.41], bucket 1 is (1.41, 2], bucket 2 is (2, 2.83].
      push(NOW, exponential({ scale: 1, offset: 0, counts: [1, 1, 1], sum: 5 }));
      const before = [bucket("2"), bucket("5"), bucket("+Inf")];
      expect(before).toEqual([2, 3, 3]);
      // Scale 0 joins the first two, and the third with its neighbour; one value in (8, 16] is new.
      push(NOW, exponential({ scale: 0, offset: 0, counts: [2, 1, 0, 1], sum: 15 }));
      expect([bucket("2"), bucket("5"), bucket("10"), bucket("30"), bucket("+Inf")]).toEqual([2, 3, 3, 4, 4]);
      expect(shown()).toContain(`lag_seconds_sum{${BY}} 15\n`);
    });

    it("goes on where it was when its sender begins anew", () => {
      push(NOW, exponential({ scale: 0, offset: 0, counts: [5], sum: 7 }));
      push(NOW, exponential({ scale: 3, offset: 0, counts: [1], sum: 1, start: "2" }));
      expect(bucket("+Inf")).toBe(6);
      expect(shown()).toContain(`lag_seconds_sum{${BY}} 8\n`);
    });
  });
});

describe("the receiver", () => {
  let base: string;
  let close: () => void;
  beforeAll(async () => {
    const { server, port } = await listen((request, response) => void receive(store, "zero-cache", request, response), 0);
    base = `http://127.0.0.1:${port}`;
    close = () => server.closeAllConnections();
    server.unref();
  });
  afterAll(() => close());
  const send = (body: string | Buffer, headers: Record<string, string> = {}, path = "/v1/metrics") =>
    fetch(`${base}${path}`, { method: "POST", body: new Uint8Array(Buffer.from(body)), headers: { "content-type": "application/json", ...headers } });
  const one = JSON.stringify(message({ name: "a", gauge: { dataPoints: [{ asInt: 1 }] } }));

  it("takes JSON, compressed or not", async () => {
    expect((await send(one)).status).toBe(200);
    expect((await send(gzipSync(one), { "content-encoding": "gzip" })).status).toBe(200);
    expect(render(store.families())).toContain(`a{${BY}} 1\n`);
  });

  it("refuses what it cannot read, and goes on", async () => {
    expect((await send("{")).status).toBe(400);
    expect((await send(one, { "content-type": "application/x-protobuf" })).status).toBe(415);
    expect((await send(one, {}, "/v1/traces")).status).toBe(404);
    expect((await send(`"${"x".repeat(5 * 1024 * 1024)}"`)).status).toBe(413);
    expect((await send(gzipSync("x".repeat(5 * 1024 * 1024)), { "content-encoding": "gzip" })).status).toBe(400);
    expect((await send(one)).status).toBe(200);
  });
});
