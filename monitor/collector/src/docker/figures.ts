/** What the engine says, as series: decisions only, nothing is asked here. */
import type { Family, Labels } from "../../../common/exposition.ts";
import type { Container, Inspected, Service, Stats, Task } from "./api.ts";

export const WORKLOAD = "grocery.workload";
const TASK_ID = "com.docker.swarm.task.id";

/** One running container with all that was read of it. */
export type Reading = { readonly container: Container; readonly stats: Stats; readonly inspected: Inspected };
export type Observation = {
  readonly tasks: readonly Task[];
  readonly services: readonly Service[];
  readonly readings: readonly Reading[];
};

export const workloadOf = (task: Task): string | undefined => task.Spec.ContainerSpec?.Labels?.[WORKLOAD];

/**
 * Bytes in use that the kernel cannot take back. All of the file cache is left out, also what is in use often (which
 * `docker stats` counts): a database fills its limit with that and loses nothing when the kernel takes it.
 */
export function workingSet({ usage, stats = {} }: Stats["memory_stats"]): number | undefined {
  if (usage === undefined) return undefined;
  // cgroup v1 names the sum over the container's groups, v2 knows only such sums.
  const cached = (which: string) => stats[`total_${which}_file`] ?? stats[`${which}_file`] ?? 0;
  const reclaimable = cached("inactive") + cached("active");
  return reclaimable < usage ? usage - reclaimable : usage;
}

/** 1 or 0; undefined for a container that nobody checks. Not healthy yet is not healthy. */
export function healthy(status: string): number | undefined {
  const said = /\((healthy|unhealthy|health: starting)\)/.exec(status)?.[1];
  return said === undefined ? undefined : said === "healthy" ? 1 : 0;
}

/**
 * The container of each task's slot. Two share a slot while one takes over from the other: the newer one counts, so
 * that no series is there twice.
 */
export function bySlot<Entry extends { readonly container: Container }>(
  entries: readonly Entry[],
  tasks: readonly Task[],
): { readonly labels: Labels; readonly task: Task; readonly entry: Entry }[] {
  const taskById = new Map(tasks.map((task) => [task.ID, task]));
  const found = new Map<string, { labels: Labels; task: Task; entry: Entry }>();
  for (const entry of entries) {
    const task = taskById.get(entry.container.Labels[TASK_ID] ?? "");
    const workload = task && workloadOf(task);
    if (task === undefined || workload === undefined) continue;
    const labels = { workload, task: String(task.Slot ?? 1) };
    const key = `${workload}.${labels.task}`;
    const other = found.get(key);
    if (!other || other.entry.container.Created < entry.container.Created) found.set(key, { labels, task, entry });
  }
  return [...found.values()];
}

type Column = {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (reading: Reading, task: Task) => number | undefined;
};

const sum = (stats: Stats, which: "rx_bytes" | "tx_bytes") =>
  Object.values(stats.networks ?? {}).reduce((total, network) => total + network[which], 0);

const COLUMNS: readonly Column[] = [
  {
    name: "container_cpu_seconds_total",
    type: "counter",
    help: "Processor time used.",
    value: ({ stats }) => stats.cpu_stats.cpu_usage.total_usage / 1e9,
  },
  {
    name: "container_cpu_limit_cores",
    type: "gauge",
    help: "Most cores the task may use at a time.",
    value: (_, task) => {
      const limit = task.Spec.Resources?.Limits?.NanoCPUs;
      return limit === undefined || limit === 0 ? undefined : limit / 1e9;
    },
  },
  {
    name: "container_memory_working_set_bytes",
    type: "gauge",
    help: "Memory in use without the file cache, which is given back when it is needed.",
    value: ({ stats }) => workingSet(stats.memory_stats),
  },
  {
    name: "container_memory_limit_bytes",
    type: "gauge",
    help: "Memory the container may use; beyond it the kernel kills.",
    value: ({ stats }) => stats.memory_stats.limit,
  },
  {
    name: "container_network_receive_bytes_total",
    type: "counter",
    help: "Bytes received on all networks.",
    value: ({ stats }) => sum(stats, "rx_bytes"),
  },
  {
    name: "container_network_transmit_bytes_total",
    type: "counter",
    help: "Bytes sent on all networks.",
    value: ({ stats }) => sum(stats, "tx_bytes"),
  },
  {
    name: "container_start_time_seconds",
    type: "gauge",
    help: "When the container was started, in seconds since 1970.",
    value: ({ inspected }) => Date.parse(inspected.State.StartedAt) / 1000,
  },
  {
    name: "container_healthy",
    type: "gauge",
    help: "1 when the container's own check says so; 0 when it says otherwise or nothing yet.",
    value: ({ container }) => healthy(container.Status),
  },
];

export function containerFamilies({ readings, tasks }: Observation): Family[] {
  const slots = bySlot(readings, tasks);
  return COLUMNS.map(({ name, type, help, value }) => ({
    name,
    type,
    help,
    samples: slots.flatMap(({ labels, task, entry }) => {
      const found = value(entry, task);
      return found === undefined || Number.isNaN(found) ? [] : [{ labels, value: found }];
    }),
  }));
}

/** How many tasks of each workload there should be, and are. */
export function taskFamilies({ tasks, services }: Observation): Family[] {
  const desired = new Map<string, number>();
  for (const { Spec } of services) {
    const workload = Spec.Labels[WORKLOAD];
    if (workload !== undefined)
      desired.set(workload, (desired.get(workload) ?? 0) + (Spec.Mode.Replicated?.Replicas ?? 0));
  }
  const running = new Map([...desired.keys()].map((workload) => [workload, 0]));
  for (const task of tasks) {
    const workload = workloadOf(task);
    if (workload !== undefined && task.Status.State === "running" && task.DesiredState === "running")
      running.set(workload, (running.get(workload) ?? 0) + 1);
  }
  const gauge = (name: string, help: string, counts: ReadonlyMap<string, number>): Family => ({
    name,
    type: "gauge",
    help,
    samples: [...counts].map(([workload, value]) => ({ labels: { workload }, value })),
  });
  return [
    gauge("workload_tasks_desired", "Tasks that should run.", desired),
    gauge("workload_tasks_running", "Tasks that run and should.", running),
  ];
}
