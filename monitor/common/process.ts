import { readdirSync } from "node:fs";
import { single, type Family } from "./exposition.ts";

const STARTED = Date.now() / 1000 - process.uptime();

/** What every Prometheus client tells of its own process. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return [
    single("process_cpu_seconds_total", "counter", "Processor time used.", (user + system) / 1e6),
    single("process_resident_memory_bytes", "gauge", "Memory in use.", rss),
    single("process_start_time_seconds", "gauge", "When it was started, in seconds since 1970.", STARTED),
    single("process_open_fds", "gauge", "Files and connections that are open.", readdirSync("/proc/self/fd").length),
    single("nodejs_heap_size_used_bytes", "gauge", "Memory in use for JavaScript.", heapUsed),
  ];
}
