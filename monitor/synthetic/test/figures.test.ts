import { describe, expect, it } from "vitest";
import { render } from "../../common/exposition.ts";
import { Figures } from "../src/figures.ts";

const times = { login: 0.4, write: 0.1, sync: 0.3 };
const shown = (figures: Figures) => render(figures.families());

describe("figures", () => {
  it("begin with every count at nought, and claim no time before there was one", () => {
    const text = shown(new Figures());
    for (const line of [
      "synthetic_up 0",
      'synthetic_turns_total{result="success"} 0',
      'synthetic_turns_total{result="failure"} 0',
      'synthetic_failures_total{step="sync"} 0',
      "synthetic_sync_duration_seconds_count 0",
    ])
      expect(text).toContain(`${line}\n`);
    expect(text).not.toMatch(/^synthetic_(sync|login|write)_seconds|^synthetic_last_success/m);
  });

  it("tell the times of the last turn that succeeded, and when that was", () => {
    const figures = new Figures();
    figures.note({ times: { login: 9, write: 9, sync: 9 } }, 1_000);
    figures.note({ times }, 60_000);
    const text = shown(figures);
    for (const line of [
      "synthetic_up 1",
      'synthetic_turns_total{result="success"} 2',
      "synthetic_login_seconds 0.4",
      "synthetic_write_seconds 0.1",
      "synthetic_sync_seconds 0.3",
      "synthetic_last_success_timestamp_seconds 60",
      'synthetic_sync_duration_seconds_bucket{le="0.2"} 0',
      'synthetic_sync_duration_seconds_bucket{le="0.5"} 1',
      'synthetic_sync_duration_seconds_bucket{le="+Inf"} 2',
      "synthetic_sync_duration_seconds_sum 9.3",
    ])
      expect(text).toContain(`${line}\n`);
  });

  it("tell of a failure by its step, and keep the times of before", () => {
    const figures = new Figures();
    figures.note({ times }, 1_000);
    figures.note({ failed: "write" }, 60_000);
    const text = shown(figures);
    for (const line of [
      "synthetic_up 0",
      'synthetic_turns_total{result="failure"} 1',
      'synthetic_failures_total{step="write"} 1',
      'synthetic_failures_total{step="login"} 0',
      "synthetic_last_success_timestamp_seconds 1",
      "synthetic_sync_duration_seconds_count 1",
    ])
      expect(text).toContain(`${line}\n`);
  });
});
