/** An engine of the tests' own: answers the GETs that the collector may ask, from what a test puts into it. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { Container, Service, Stats, Task } from "../src/docker/api.ts";

export const STACK = "shop";

export class Engine {
  containers: Container[] = [];
  tasks: Task[] = [];
  services: Service[] = [];
  stats = new Map<string, Stats>();
  oomKilled = new Set<string>();
  startedAt = "2026-01-02T03:04:05.5Z";
  /** Answers everything with this instead. */
  broken: number | undefined;
  readonly asked: string[] = [];
  /** Streams of logs that are being followed, by container. */
  readonly followed = new Map<string, ServerResponse>();
  readonly #server: Server;
  url = new URL("http://127.0.0.1");

  private constructor() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://engine");
      this.asked.push(`${request.method} ${url.pathname}${url.search}`);
      if (this.broken !== undefined) return void response.writeHead(this.broken).end();
      const [, id = "", what] = /^\/containers\/([^/]+)\/(stats|json|logs)$/.exec(url.pathname) ?? [];
      if (what === "logs") {
        response.writeHead(200).flushHeaders();
        this.followed.set(id, response);
        return;
      }
      const answer = what === undefined ? this.#list(url) : what === "stats" ? this.stats.get(id) : this.#inspected(id);
      if (answer === undefined) return void response.writeHead(404).end();
      response.end(JSON.stringify(answer));
    });
  }

  static async start(): Promise<Engine> {
    const engine = new Engine();
    await new Promise<void>((resolve) => engine.#server.listen(0, "127.0.0.1", resolve));
    const address = engine.#server.address();
    engine.url = new URL(`http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
    return engine;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** One running task of a workload, with its container. */
  run(workload: string, { slot = 1, number = 1, status = "Up 2 minutes (healthy)", stats = idle() } = {}): Task {
    const id = `${workload}-${slot}-${number}`;
    const task = taskOf(workload, { id, slot });
    this.tasks.push(task);
    this.containers.push({
      Id: `c-${id}`,
      Created: 1000 + number,
      State: status.startsWith("Up") ? "running" : "exited",
      Status: status,
      Labels: { "grocery.stack": STACK, "grocery.workload": workload, "com.docker.swarm.task.id": id },
    });
    this.stats.set(`c-${id}`, stats);
    return task;
  }

  serve(workload: string, replicas = 1): void {
    this.services.push({ Spec: { Labels: { "grocery.workload": workload }, Mode: { Replicated: { Replicas: replicas } } } });
  }

  /** A task ends, and so does its container; `how` is the state that Swarm names. */
  end(task: Task, how: string, desired = "shutdown"): void {
    this.tasks = this.tasks.map((other) =>
      other === task ? { ...task, DesiredState: desired, Status: { ...task.Status, State: how } } : other,
    );
    this.containers = this.containers.filter(({ Id }) => Id !== task.Status.ContainerStatus?.ContainerID);
  }

  #list(url: URL): unknown {
    const filters = JSON.parse(url.searchParams.get("filters") ?? "{}") as { label?: string[] };
    if (filters.label?.[0] !== `grocery.stack=${STACK}`) return [];
    return { "/containers/json": this.containers, "/tasks": this.tasks, "/services": this.services }[url.pathname];
  }

  #inspected(id: string): unknown {
    const known = this.tasks.some((task) => task.Status.ContainerStatus?.ContainerID === id);
    return known ? { State: { StartedAt: this.startedAt, OOMKilled: this.oomKilled.has(id) } } : undefined;
  }
}

export const taskOf = (workload: string, { id = workload, slot = 1, state = "running", desired = "running" } = {}): Task => ({
  ID: id,
  Slot: slot,
  DesiredState: desired,
  Status: { State: state, ContainerStatus: { ContainerID: `c-${id}` } },
  Spec: { ContainerSpec: { Labels: { "grocery.workload": workload } }, Resources: { Limits: { NanoCPUs: 500_000_000 } } },
});

export const idle = (): Stats => ({
  cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 } },
  memory_stats: { usage: 3_000_000, limit: 64_000_000, stats: { total_inactive_file: 1_000_000 } },
  networks: { eth0: { rx_bytes: 10, tx_bytes: 1 }, eth1: { rx_bytes: 20, tx_bytes: 2 } },
});
