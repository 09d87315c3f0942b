import type { Family } from "../../../common/exposition.ts";
import type { Task } from "./api.ts";
import { workloadOf } from "./figures.ts";

// Of its own accord, and not because it was told to (`shutdown`) or because its node is gone (`orphaned`).
const BY_ITSELF = new Set(["complete", "failed", "rejected"]);
const ENDED = new Set([...BY_ITSELF, "shutdown", "orphaned", "remove"]);

/**
 * Counts tasks that ended, since this process began. Swarm keeps the last few ended tasks of each slot, so what ended
 * between two looks is seen at the next one; what had ended before the first look is history.
 */
export class Endings {
  readonly #restarts = new Map<string, number>();
  readonly #oomKills = new Map<string, number>();
  #known: ReadonlySet<string> | undefined;
  readonly #oomKilled = new Set<string>();

  /** Counts what has ended since the last call. Returns those tasks, for whoever looks at why. */
  note(tasks: readonly Task[], workloads: Iterable<string>): Task[] {
    for (const workload of workloads) {
      this.#restarts.set(workload, this.#restarts.get(workload) ?? 0);
      this.#oomKills.set(workload, this.#oomKills.get(workload) ?? 0);
    }
    const ended = tasks.filter((task) => ENDED.has(task.Status.State));
    const known = this.#known;
    this.#known = new Set(ended.map((task) => task.ID));
    if (!known) return [];
    const fresh = ended.filter((task) => !known.has(task.ID));
    for (const task of fresh) {
      const workload = workloadOf(task);
      // A task of a service that is being removed ends however it likes.
      if (workload !== undefined && BY_ITSELF.has(task.Status.State) && task.DesiredState !== "remove")
        this.#restarts.set(workload, (this.#restarts.get(workload) ?? 0) + 1);
    }
    return fresh;
  }

  /** Counts a container that says that the kernel has killed in it, once; `history`: it said so from the beginning. */
  noteOomKill(containerId: string, workload: string, history: boolean): void {
    if (this.#oomKilled.has(containerId)) return;
    this.#oomKilled.add(containerId);
    if (!history) this.#oomKills.set(workload, (this.#oomKills.get(workload) ?? 0) + 1);
  }

  /** Forgets containers that are not there any more. */
  forgetAllBut(containerIds: ReadonlySet<string>): void {
    for (const id of this.#oomKilled) if (!containerIds.has(id)) this.#oomKilled.delete(id);
  }

  families(): Family[] {
    const counter = (name: string, help: string, counts: ReadonlyMap<string, number>): Family => ({
      name,
      type: "counter",
      help,
      samples: [...counts].map(([workload, value]) => ({ labels: { workload }, value })),
    });
    return [
      counter("workload_restarts_total", "Tasks that ended without being told to, since the collector began.", this.#restarts),
      counter(
        "workload_oom_kills_total",
        "Containers in which the kernel killed a process for want of memory, since the collector began.",
        this.#oomKills,
      ),
    ];
  }
}
