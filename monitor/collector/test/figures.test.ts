import { describe, expect, it } from "vitest";
import { healthy, workingSet } from "../src/docker/figures.ts";

describe("the working set", () => {
  it("leaves out file cache as cgroup v1 counts it for all groups of the container", () => {
    const stats = { total_inactive_file: 30, inactive_file: 10, total_active_file: 20, active_file: 5 };
    expect(workingSet({ usage: 100, stats })).toBe(50);
  });

  it("leaves out file cache as cgroup v2 counts it", () => {
    expect(workingSet({ usage: 100, stats: { inactive_file: 30, active_file: 20 } })).toBe(50);
  });

  it("is all that is used when more cache is counted than that", () => {
    expect(workingSet({ usage: 100, stats: { inactive_file: 101 } })).toBe(100);
  });

  it("is unknown of a container that has just ended", () => {
    expect(workingSet({})).toBeUndefined();
  });
});

describe("health", () => {
  it.each([
    ["Up 3 minutes (healthy)", 1],
    ["Up 3 minutes (unhealthy)", 0],
    ["Up 2 seconds (health: starting)", 0],
    ["Up 3 minutes", undefined],
  ])("of a container that is %j is %s", (status, expected) => {
    expect(healthy(status)).toBe(expected);
  });
});
