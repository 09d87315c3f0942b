import { single, type Family } from "../../../common/exposition.ts";
import { errorText, type Log } from "../../../common/log.ts";
import { Refused, type DockerApi, type Task } from "./api.ts";
import { Endings } from "./endings.ts";
import { containerFamilies, taskFamilies, WORKLOAD, workloadOf, type Observation, type Reading } from "./figures.ts";

// A scrape that waits longer is given up by Prometheus (scrape_timeout 10 s), and with it all other figures.
const BUDGET_MS = 5_000;
// The engine answers for each container at its next whole second, so all are asked side by side.
const AT_ONCE = 32;
/** Several readers within this time see the same figures, and the engine is asked once. */
const FRESH_MS = 5_000;

async function some<In, Out>(all: readonly In[], work: (one: In) => Promise<Out | undefined>): Promise<Out[]> {
  const found: Out[] = [];
  const left = [...all];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const result = await work(one);
      if (result !== undefined) found.push(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}

/** Reads the engine when somebody asks for figures. Without an answer of the engine there are fewer figures, no error. */
export class DockerWatch {
  readonly #api: DockerApi;
  readonly #log: Log;
  readonly #endings = new Endings();
  #looked = false;
  /** Ended tasks of which nobody has said yet what ended them. */
  #unexplained: Task[] = [];
  #last: { readonly at: number; readonly families: Promise<Family[]> } | undefined;
  #down = false;

  constructor(api: DockerApi, log: Log) {
    this.#api = api;
    this.#log = log;
  }

  families(now = Date.now()): Promise<Family[]> {
    if (!this.#last || now - this.#last.at >= FRESH_MS) this.#last = { at: now, families: this.#read() };
    return this.#last.families;
  }

  async #read(): Promise<Family[]> {
    const began = performance.now();
    let observed: Family[] = [];
    let up = 0;
    const late = AbortSignal.timeout(BUDGET_MS);
    try {
      const observation = await this.#observe(late);
      observed = [...containerFamilies(observation), ...taskFamilies(observation)];
      up = 1;
      if (this.#down) this.#log("info", "the engine answers again");
      this.#down = false;
    } catch (error) {
      const why = late.aborted ? `no answer within ${BUDGET_MS / 1000} s` : errorText(error);
      if (!this.#down) this.#log("warn", "the engine does not answer", { error: why });
      this.#down = true;
    }
    return [
      single("docker_up", "gauge", "1 when the engine answered.", up),
      single("docker_scrape_seconds", "gauge", "How long the engine took to answer.", (performance.now() - began) / 1000),
      ...observed,
      ...this.#endings.families(),
    ];
  }

  async #observe(signal: AbortSignal): Promise<Observation> {
    const [containers, tasks, services] = await Promise.all([
      this.#api.containers(signal),
      this.#api.tasks(signal),
      this.#api.services(signal),
    ]);
    const workloads = services.flatMap(({ Spec }) => Spec.Labels[WORKLOAD] ?? []);
    this.#unexplained.push(...this.#endings.note(tasks, workloads));
    this.#unexplained = await some(this.#unexplained, (task) => this.#askWhy(task, signal));
    // What ends while it is read is left out; that the engine is gone shows in the lists above, and at the next look.
    const readings = await some(containers, async (container): Promise<Reading | undefined> => {
      const quietly = <Answer>(answer: Promise<Answer>) => answer.catch(() => undefined);
      const [stats, inspected] = await Promise.all([
        quietly(this.#api.stats(container.Id, signal)),
        quietly(this.#api.inspect(container.Id, signal)),
      ]);
      return stats && inspected && { container, stats, inspected };
    });
    signal.throwIfAborted();
    // Newer engines say so while the container runs, when it was not its first process that was killed.
    for (const { container, inspected } of readings)
      if (inspected.State.OOMKilled) this.#endings.noteOomKill(container.Id, container.Labels[WORKLOAD] ?? "", !this.#looked);
    this.#looked = true;
    const ids = [...containers.map(({ Id }) => Id), ...tasks.map(({ Status }) => Status.ContainerStatus?.ContainerID ?? "")];
    this.#endings.forgetAllBut(new Set(ids));
    return { tasks, services, readings };
  }

  /** Returns the task when nobody could say. */
  async #askWhy(task: Task, signal: AbortSignal): Promise<Task | undefined> {
    const id = task.Status.ContainerStatus?.ContainerID;
    const workload = workloadOf(task);
    if (!id || workload === undefined) return undefined;
    try {
      if ((await this.#api.inspect(id, signal)).State.OOMKilled) this.#endings.noteOomKill(id, workload, false);
    } catch (error) {
      // Removed already: now nobody will ever know.
      return error instanceof Refused && error.status === 404 ? undefined : task;
    }
    return undefined;
  }
}
