/** The few GETs of the engine's API that are needed, and of their answers only what is read. */
import { Agent, request, type IncomingMessage } from "node:http";

export type Container = {
  readonly Id: string;
  /** Seconds since 1970. */
  readonly Created: number;
  /** "running", "exited" and the like. */
  readonly State: string;
  /** As people read it: "Up 3 minutes (healthy)". The list tells of health in no other way. */
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>>;
};

export type Task = {
  readonly ID: string;
  readonly Slot?: number;
  readonly DesiredState: string;
  readonly Status: { readonly State: string; readonly ContainerStatus?: { readonly ContainerID?: string } };
  readonly Spec: {
    readonly ContainerSpec?: { readonly Labels?: Readonly<Record<string, string>> };
    readonly Resources?: { readonly Limits?: { readonly NanoCPUs?: number } };
  };
};

export type Service = {
  readonly Spec: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly Mode: { readonly Replicated?: { readonly Replicas?: number } };
  };
};

export type Stats = {
  /** Nanoseconds. */
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
  /** Bytes; empty when the container has just ended. */
  readonly memory_stats: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
};

export type Inspected = { readonly State: { readonly StartedAt: string; readonly OOMKilled: boolean } };

/** The engine answered, and not with what was asked for. */
export class Refused extends Error {
  readonly status: number;

  constructor(path: string, status: number) {
    super(`${path} was answered with ${status}`);
    this.status = status;
  }
}

const BODY_LIMIT = 32 * 1024 * 1024;

export class DockerApi {
  readonly #where: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32, timeout: 30_000 });
  readonly #filters: string;

  constructor(url: URL, stack: string) {
    this.#where =
      url.protocol === "unix:" ? { socketPath: url.pathname } : { host: url.hostname, port: Number(url.port || 80) };
    this.#filters = `filters=${encodeURIComponent(JSON.stringify({ label: [`grocery.stack=${stack}`] }))}`;
  }

  /** Those that run; with `all`, those that have ended too. */
  containers(signal: AbortSignal, all = false): Promise<Container[]> {
    return this.#json(`/containers/json?${this.#filters}${all ? "&all=true" : ""}`, signal);
  }

  /** Also those that ended, as far as Swarm keeps them. */
  tasks(signal: AbortSignal): Promise<Task[]> {
    return this.#json(`/tasks?${this.#filters}`, signal);
  }

  services(signal: AbortSignal): Promise<Service[]> {
    return this.#json(`/services?${this.#filters}`, signal);
  }

  /** One reading: the engine would otherwise wait a second for another, to compare. */
  stats(id: string, signal: AbortSignal): Promise<Stats> {
    return this.#json(`/containers/${id}/stats?stream=false&one-shot=true`, signal);
  }

  inspect(id: string, signal: AbortSignal): Promise<Inspected> {
    return this.#json(`/containers/${id}/json`, signal);
  }

  /** What a container writes, from a moment in nanoseconds since 1970 on, for as long as it runs. */
  follow(id: string, since: bigint, signal: AbortSignal): Promise<IncomingMessage> {
    const moment = `${since / 1_000_000_000n}.${String(since % 1_000_000_000n).padStart(9, "0")}`;
    const query = `follow=true&stdout=true&stderr=true&timestamps=true&since=${moment}`;
    // Streams last: they must not take the few connections that figures are read over.
    return this.#get(`/containers/${id}/logs?${query}`, signal, false);
  }

  close(): void {
    this.#agent.destroy();
  }

  #get(path: string, signal: AbortSignal, shared = true): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const agent = shared ? this.#agent : false;
      const asked = request({ ...this.#where, path, agent, signal, headers: { host: "docker" } }, (answer) => {
        if (answer.statusCode === 200) return resolve(answer);
        answer.resume();
        reject(new Refused(path.replace(/\?.*/, ""), answer.statusCode ?? 0));
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  async #json<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
    const answer = await this.#get(path, signal);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_LIMIT) throw new Error(`${path} was answered with more than ${BODY_LIMIT} bytes`);
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Answer;
  }
}
