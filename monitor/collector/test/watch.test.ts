import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { render } from "../../common/exposition.ts";
import { DockerApi } from "../src/docker/api.ts";
import { DockerWatch } from "../src/docker/watch.ts";
import { Engine, idle, STACK } from "./engine.ts";

let engine: Engine;
let api: DockerApi;
let watch: DockerWatch;
let now: number;
const said: string[] = [];

beforeEach(async () => {
  engine = await Engine.start();
  api = new DockerApi(engine.url, STACK);
  watch = new DockerWatch(api, (_level, message) => void said.push(message));
  now = 1_000_000;
  said.length = 0;
});
afterEach(async () => {
  api.close();
  await engine.stop();
});

/** What is shown at a scrape a quarter of a minute after the last. */
async function look(): Promise<string> {
  now += 15_000;
  return render(await watch.families(now));
}

describe("a running container", () => {
  it("has figures by workload and slot", async () => {
    engine.serve("auth-server");
    engine.run("auth-server", { slot: 2 });
    const text = await look();
    for (const line of [
      'container_cpu_seconds_total{task="2",workload="auth-server"} 1.5',
      'container_cpu_limit_cores{task="2",workload="auth-server"} 0.5',
      'container_memory_working_set_bytes{task="2",workload="auth-server"} 2000000',
      'container_memory_limit_bytes{task="2",workload="auth-server"} 64000000',
      'container_network_receive_bytes_total{task="2",workload="auth-server"} 30',
      'container_network_transmit_bytes_total{task="2",workload="auth-server"} 3',
      'container_start_time_seconds{task="2",workload="auth-server"} 1767323045.5',
      'container_healthy{task="2",workload="auth-server"} 1',
      "docker_up 1",
    ])
      expect(text).toContain(`${line}\n`);
  });

  it("is the newer one while two share a slot, so that no series is there twice", async () => {
    engine.run("edge", { number: 1 });
    engine.run("edge", { number: 2, stats: { ...idle(), cpu_stats: { cpu_usage: { total_usage: 7e9 } } } });
    const text = await look();
    expect(text.match(/^container_cpu_seconds_total.*$/gm)).toEqual(['container_cpu_seconds_total{task="1",workload="edge"} 7']);
  });

  it("that ends while it is read is left out, and the others are not", async () => {
    engine.run("edge");
    engine.run("postgres");
    engine.stats.delete("c-edge-1-1");
    const text = await look();
    expect(text).toContain('container_cpu_seconds_total{task="1",workload="postgres"}');
    expect(text).not.toContain('container_cpu_seconds_total{task="1",workload="edge"}');
    expect(text).toContain("docker_up 1\n");
  });
});

describe("a workload", () => {
  it("has as many tasks as its services want, and none where nothing runs", async () => {
    engine.serve("auth-server", 2);
    engine.serve("edge");
    engine.run("auth-server", { slot: 1 });
    const text = await look();
    expect(text).toContain('workload_tasks_desired{workload="auth-server"} 2\n');
    expect(text).toContain('workload_tasks_running{workload="auth-server"} 1\n');
    expect(text).toContain('workload_tasks_running{workload="edge"} 0\n');
  });

  it("is counted from nought, whatever ended before", async () => {
    engine.serve("edge");
    engine.end(engine.run("edge"), "failed");
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 0\n');
  });

  it.each(["failed", "complete", "rejected"])("restarted when a task ended by itself: %s", async (how) => {
    engine.serve("edge");
    const task = engine.run("edge");
    await look();
    engine.end(task, how);
    engine.run("edge", { number: 2 });
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 1\n');
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 1\n');
  });

  it("did not restart when a task was told to end, or its service was removed", async () => {
    engine.serve("edge");
    const [updated, removed] = [engine.run("edge"), engine.run("edge", { slot: 2 })];
    await look();
    engine.end(updated, "shutdown");
    engine.end(removed, "failed", "remove");
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 0\n');
  });

  it("restarted also while the engine did not answer, and is counted once it does", async () => {
    engine.serve("edge");
    const task = engine.run("edge");
    await look();
    engine.broken = 502;
    engine.end(task, "failed");
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 0\n');
    engine.broken = undefined;
    expect(await look()).toContain('workload_restarts_total{workload="edge"} 1\n');
  });

  it("was killed for want of memory when its ended container says so", async () => {
    engine.serve("edge");
    const [killed, ended] = [engine.run("edge"), engine.run("edge", { slot: 2 })];
    await look();
    engine.oomKilled.add("c-edge-1-1");
    engine.end(killed, "failed");
    engine.end(ended, "failed");
    const text = await look();
    expect(text).toContain('workload_oom_kills_total{workload="edge"} 1\n');
    expect(text).toContain('workload_restarts_total{workload="edge"} 2\n');
  });
});

describe("a process that the kernel killed in a container that runs on", () => {
  it("is counted where the engine tells of it, once, also when the container ends later", async () => {
    engine.serve("postgres");
    const task = engine.run("postgres");
    await look();
    engine.oomKilled.add("c-postgres-1-1");
    expect(await look()).toContain('workload_oom_kills_total{workload="postgres"} 1\n');
    engine.end(task, "shutdown");
    expect(await look()).toContain('workload_oom_kills_total{workload="postgres"} 1\n');
  });

  it("is history when it was there from the beginning", async () => {
    engine.serve("postgres");
    engine.run("postgres");
    engine.oomKilled.add("c-postgres-1-1");
    expect(await look()).toContain('workload_oom_kills_total{workload="postgres"} 0\n');
  });
});

describe("an engine that does not answer", () => {
  it("is told of, without figures of containers, and is no error", async () => {
    engine.serve("edge");
    engine.run("edge");
    await look();
    engine.broken = 500;
    const text = await look();
    expect(text).toContain("docker_up 0\n");
    expect(text).not.toContain("container_cpu_seconds_total");
    expect(text).toContain("workload_restarts_total");
    await look();
    engine.broken = undefined;
    expect(await look()).toContain("docker_up 1\n");
    expect(said).toEqual(["the engine does not answer", "the engine answers again"]);
  });
});

it("asks the engine once for readers that come together", async () => {
  await Promise.all([watch.families(now), watch.families(now + 10)]);
  expect(engine.asked.filter((path) => path.startsWith("GET /tasks"))).toHaveLength(1);
});
