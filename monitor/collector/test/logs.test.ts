import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { render } from "../../common/exposition.ts";
import { DockerApi } from "../src/docker/api.ts";
import { LogFollower } from "../src/logs/follow.ts";
import { LineReader } from "../src/logs/lines.ts";
import { recordOf } from "../src/logs/record.ts";
import { Shipper } from "../src/logs/shipper.ts";
import { Engine, STACK } from "./engine.ts";

const STAMP = "2026-01-02T03:04:05.000000007Z";
const AT = 1_767_323_045_000_000_007n;

/** A piece of text as the engine frames it. */
function frame(text: string, stream: 1 | 2 = 1): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe("lines", () => {
  it("come out whole however the stream was cut", () => {
    const bytes = Buffer.concat([frame(`${STAMP} první\n`), frame(`${STAMP} second\n`, 2)]);
    const reader = new LineReader();
    const lines = Array.from(bytes, (byte) => reader.read(Buffer.from([byte]))).flat();
    expect(lines).toEqual([
      { stream: "stdout", text: "první", time: AT },
      { stream: "stderr", text: "second", time: AT },
    ]);
  });

  it("that the engine cut into pieces are joined, each stream for itself", () => {
    const reader = new LineReader();
    const lines = reader.read(Buffer.concat([frame(`${STAMP} one `), frame(`${STAMP} other\n`, 2), frame(`${STAMP} two\n`)]));
    expect(lines.map(({ text }) => text)).toEqual(["other", "one two"]);
  });

  it("without an end are given up to a length", () => {
    const reader = new LineReader();
    const lines = Array.from({ length: 5 }, () => reader.read(frame(`${STAMP} ${"x".repeat(16_384)}`))).flat();
    expect(lines.map(({ text }) => text.length)).toEqual([65_536]);
  });
});

describe("a record", () => {
  const line = (text: string) => recordOf({ text, stream: "stdout", time: AT });

  it("tells level and request of a JSON line, and has the line itself", () => {
    const text = '{"level":"warn","requestId":"abc-1","msg":"late"}';
    expect(line(text)).toEqual({
      timeUnixNano: String(AT),
      severityNumber: 13,
      severityText: "WARN",
      body: { stringValue: text },
      attributes: [
        { key: "log.iostream", value: { stringValue: "stdout" } },
        { key: "request_id", value: { stringValue: "abc-1" } },
      ],
    });
  });

  it("tells the level of a line of Prometheus and its kin", () => {
    expect(line('time=2026-01-02T03:04:05Z level=ERROR source=a.go:1 msg="x"')).toMatchObject({ severityNumber: 17, severityText: "ERROR" });
  });

  it.each(["plain words", "words about level=ERROR",  "{ not JSON", '"text"', "{}", '{"level":7}'])("of %j is the line, and claims no more", (text) => {
    expect(line(text)).toEqual({
      timeUnixNano: String(AT),
      body: { stringValue: text },
      attributes: [{ key: "log.iostream", value: { stringValue: "stdout" } }],
    });
  });
});

/** A receiver of the tests' own. `answers` are the statuses of the next requests; after them all are taken. */
class Receiver {
  readonly answers: number[] = [];
  /** Takes nothing until it is up again. */
  down = false;
  readonly bodies: string[] = [];
  headers: IncomingHttpHeaders = {};
  path = "";
  readonly #server: Server;
  url = new URL("http://127.0.0.1");

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const status = this.down ? 503 : (this.answers.shift() ?? 200);
        this.headers = request.headers;
        this.path = request.url ?? "";
        if (status === 200) this.bodies.push(Buffer.concat(chunks).toString());
        response.writeHead(status).end();
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.url = new URL(`http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/otlp/`);
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get texts(): string[] {
    return this.bodies.flatMap((body) => [...body.matchAll(/"body":\{"stringValue":"(.*?)"\}/g)].map((match) => match[1] ?? ""));
  }
}

describe("shipping", () => {
  let engine: Engine;
  let receiver: Receiver;
  let api: DockerApi;
  let shipper: Shipper;
  let follower: LogFollower;
  beforeEach(async () => {
    engine = await Engine.start();
    receiver = await new Receiver().start();
    api = new DockerApi(engine.url, STACK);
    const silent = () => undefined;
    shipper = new Shipper(STACK, { endpoint: receiver.url, headers: { "x-team": "shop" } }, silent, { gather: 20, firstRetry: 20, longestRetry: 20 });
    follower = new LogFollower(api, shipper, 5n);
  });
  afterEach(async () => {
    follower.stop();
    shipper.stop();
    api.close();
    await engine.stop();
    await receiver.stop();
  });

  /** The stream of a container's log, once somebody follows it. */
  const log = (id: string) =>
    vi.waitFor(() => {
      const stream = engine.followed.get(id);
      if (!stream) throw new Error(`nobody follows ${id}`);
      return stream;
    });
  const arrived = (...texts: string[]) => vi.waitFor(() => expect(receiver.texts).toEqual(texts), { timeout: 10_000 });
  const figures = () => render(shipper.families());
  const source = { workload: "edge", task: "1" };
  const put = (text: string) => shipper.put(source, recordOf({ text, stream: "stdout", time: AT }));

  it("brings what a container writes to the receiver, with its workload and the receiver's headers", async () => {
    engine.run("edge");
    await follower.look();
    (await log("c-edge-1-1")).write(frame(`${STAMP} hello\n`));
    await arrived("hello");
    expect(receiver.path).toBe("/otlp/v1/logs");
    expect(receiver.headers).toMatchObject({ "x-team": "shop", "content-type": "application/json" });
    expect(JSON.parse(receiver.bodies[0] ?? "").resourceLogs[0].resource.attributes).toEqual([
      { key: "service.namespace", value: { stringValue: STACK } },
      { key: "service.name", value: { stringValue: "edge" } },
      { key: "service.instance.id", value: { stringValue: "1" } },
    ]);
    expect(figures()).toContain("log_records_shipped_total 1\n");
  });

  it.each(["in order", "suddenly"])("goes on after the last line when a stream ends %s, and repeats none", async (how) => {
    engine.run("edge");
    await follower.look();
    const stream = await log("c-edge-1-1");
    expect(engine.asked.at(-1)).toMatch(/^GET \/containers\/c-edge-1-1\/logs\?follow=true.*&since=0\.000000006$/);
    stream.write(frame(`${STAMP} one\n`));
    await arrived("one");
    engine.followed.clear();
    if (how === "in order") stream.end();
    else stream.destroy();
    const asked = () => engine.asked.filter((path) => path.includes("/logs"));
    await vi.waitFor(async () => {
      await follower.look();
      expect(asked()).toHaveLength(2);
    });
    expect(asked()[1]).toMatch(/&since=1767323045\.000000008$/);
    (await log("c-edge-1-1")).write(frame(`${STAMP} two\n`));
    await arrived("one", "two");
  });

  it("reads a container that has ended once", async () => {
    engine.run("edge", { status: "Exited (1) 2 seconds ago" });
    await follower.look();
    (await log("c-edge-1-1")).end(frame(`${STAMP} last words\n`));
    await arrived("last words");
    engine.followed.clear();
    await follower.look();
    await follower.look();
    expect(engine.asked.filter((path) => path.includes("/logs"))).toHaveLength(1);
  });

  it("keeps records that are not taken, in their order, and sends them again", async () => {
    receiver.answers.push(503, 429);
    await put("one");
    await put("two");
    await arrived("one", "two");
    expect(figures()).toContain("log_shipping_failures_total 2\n");
    expect(figures()).toContain('log_records_dropped_total{reason="refused"} 0\n');
    expect(figures()).toContain("log_records_waiting 0\n");
  });

  it("drops what the receiver refuses for good, counts it, and goes on", async () => {
    receiver.answers.push(400);
    await put("bad");
    await vi.waitFor(() => expect(figures()).toContain('log_records_dropped_total{reason="refused"} 1\n'), { timeout: 10_000 });
    await put("good");
    await arrived("good");
  });

  it("makes its reader wait while many records wait, and loses none of them", async () => {
    receiver.down = true;
    const numbers = Array.from({ length: 4_100 }, (_, number) => String(number));
    let read = 0;
    const reading = (async () => {
      for (const number of numbers) {
        await put(number);
        read += 1;
      }
    })();
    await vi.waitFor(() => expect(figures()).toMatch(/^log_shipping_failures_total [3-9]$/m), { timeout: 10_000 });
    expect(read).toBe(1_999);
    receiver.down = false;
    await reading;
    await arrived(...numbers);
  });
});
