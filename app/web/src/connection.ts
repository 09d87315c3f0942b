import type { ConnectionState } from "@rocicorp/zero";

export type Phase = ConnectionState["name"];

/** A reload or a restart behind takes less: not worth a word. */
export const NOTED_AFTER_MS = 3_000;
/** As long as a write waits for a server in trouble before it is refused. */
export const WRITE_PATIENCE_MS = 10_000;

export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  connected: "Live",
  connecting: "Connecting",
  disconnected: "Offline",
  "needs-auth": "Signing in again",
  error: "Reconnecting",
  closed: "Offline",
};

/**
 * Whether a change made now is kept until it can be sent. Zero keeps writes for a minute without a connection; after
 * that, and while the server behind is in trouble, it refuses them. `lostMs`: how long there has been no connection.
 */
export function keepsWrites(phase: Phase, lostMs: number): boolean {
  if (phase === "disconnected" || phase === "closed") return false;
  return phase !== "error" || lostMs < WRITE_PATIENCE_MS;
}

/** What to tell about a missing connection, if it is time to. `online`: whether the device has a network at all. */
export function noteOf(phase: Phase, lostMs: number, online = true): { readonly writable: boolean } | undefined {
  if (online && (phase === "connected" || lostMs < NOTED_AFTER_MS)) return undefined;
  return { writable: keepsWrites(phase, lostMs) };
}

/** How long a write that is refused now is worth holding back, in milliseconds. */
export const patienceOf = (phase: Phase): number => (phase === "disconnected" ? NOTED_AFTER_MS : WRITE_PATIENCE_MS);
