import type { IncomingMessage } from "node:http";
import type { Container, DockerApi } from "../docker/api.ts";
import { WORKLOAD } from "../docker/figures.ts";
import { LineReader } from "./lines.ts";
import { recordOf, type Source } from "./record.ts";
import type { Shipper } from "./shipper.ts";

const LOOK_MS = 5_000;
const LIST_MS = 5_000;
const TASK_NAME = "com.docker.swarm.task.name";

/** `<service>.<slot>.<id of the task>` names the slot; a service's name may have dots too. */
const slotOf = ({ Labels }: Container): string => /\.(\d+)\.[^.]+$/.exec(Labels[TASK_NAME] ?? "")?.[1] ?? "1";

type Followed = {
  readonly source: Source;
  /** Of the last line that was passed on, in nanoseconds since 1970; what is asked for next begins after it. */
  last: bigint;
  reading: boolean;
  /** It had ended before its log was read to the end. */
  finished: boolean;
};

/**
 * Reads what every container of the stack writes from now on, and all that those write which come later, also of those
 * that have ended by the time they are seen. After an interruption it goes on with the line after the last.
 */
export class LogFollower {
  readonly #api: DockerApi;
  readonly #shipper: Shipper;
  readonly #began: bigint;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(api: DockerApi, shipper: Shipper, began = BigInt(Date.now()) * 1_000_000n) {
    this.#api = api;
    this.#shipper = shipper;
    this.#began = began;
  }

  /** Looks for containers now and ever again. */
  async start(): Promise<void> {
    await this.look();
    if (!this.#stopping.signal.aborted) this.#timer = setTimeout(() => void this.start(), LOOK_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopping.abort();
  }

  async look(): Promise<void> {
    let containers: Container[];
    try {
      containers = await this.#api.containers(AbortSignal.timeout(LIST_MS), true);
    } catch {
      // The figures tell that the engine is away.
      return;
    }
    const present = new Set(containers.map(({ Id }) => Id));
    for (const id of this.#followed.keys()) if (!present.has(id)) this.#followed.delete(id);
    for (const container of containers) {
      const workload = container.Labels[WORKLOAD];
      if (workload === undefined) continue;
      let followed = this.#followed.get(container.Id);
      if (!followed) {
        followed = { source: { workload, task: slotOf(container) }, last: this.#began, reading: false, finished: false };
        this.#followed.set(container.Id, followed);
      }
      if (!followed.reading && !followed.finished) void this.#read(container, followed);
    }
  }

  async #read({ Id, State }: Container, followed: Followed): Promise<void> {
    followed.reading = true;
    try {
      const stream = await this.#api.follow(Id, followed.last + 1n, this.#stopping.signal);
      await this.#pass(stream, followed);
      // A stream may also end because whoever is in between has ended it: only of what does not run is this the end.
      followed.finished = State !== "running";
    } catch {
      // The next look goes on from here. That the engine is away is told by the figures.
    }
    followed.reading = false;
  }

  async #pass(stream: IncomingMessage, followed: Followed): Promise<void> {
    const reader = new LineReader();
    for await (const chunk of stream as AsyncIterable<Buffer>)
      for (const line of reader.read(chunk)) {
        if (line.time > followed.last) followed.last = line.time;
        if (line.text !== "") await this.#shipper.put(followed.source, recordOf(line));
      }
  }
}
