/** Errors as the event that Sentry, and what speaks like it, understands. Pure; nothing here knows a network. */
import { randomUUID } from "node:crypto";

export type Fault = {
  /** Where it happened: here, or in somebody's browser. */
  readonly platform: "node" | "javascript";
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly release: string;
  /** A route's template or a page's path without ids. */
  readonly where: string;
  /** The request whose log lines tell more. */
  readonly requestId?: string;
};

export type Frame = {
  readonly function: string;
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly in_app: boolean;
};

const MOST_FRAMES = 50;
// What comes from a browser may be written to be slow to read.
const LONGEST_LINE = 500;
// "    at work (file:///app/server.mjs:10:5)", "    at /app/server.mjs:10:5"; and "work@https://host/a.js:10:5".
const CHROMIUM = /^\s*at (?:(?:async )?(.*?) \()?(.*?):(\d+):(\d+)\)?$/;
const OTHERS = /^(.*?)@(.*?):(\d+):(\d+)$/;

/** The frames of a stack as any browser or Node writes it, the outermost call first, which is what events want. */
export function framesOf(stack: string): Frame[] {
  const frames: Frame[] = [];
  for (const line of stack.split("\n")) {
    if (line.length > LONGEST_LINE) continue;
    const match = CHROMIUM.exec(line) ?? OTHERS.exec(line);
    if (!match || frames.length >= MOST_FRAMES) continue;
    const [, name = "", filename = "", lineno, colno] = match;
    frames.push({
      function: name || "?",
      filename,
      lineno: Number(lineno),
      colno: Number(colno),
      in_app: !/^node:|node_modules/.test(filename),
    });
  }
  return frames.reverse();
}

/** A text without what may name a person or open a door: addresses, ids, and anything as long as a token. */
export const impersonal = (text: string): string =>
  text
    .replace(/[^\s@"'<>=(]+@[^\s@"'<>)]+\.\w+/g, "[address]")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, "[id]")
    .replace(/[\w-]{32,}/g, "[secret]");

/** The body of one request: an envelope with one event in it, each part a line of JSON. */
export function envelope(fault: Fault, environment: string, now = new Date()): string {
  const id = randomUUID().replaceAll("-", "");
  const event = {
    event_id: id,
    timestamp: now.getTime() / 1000,
    platform: fault.platform,
    level: "error",
    logger: fault.platform === "node" ? "auth-server" : "page",
    release: `grocery-list@${fault.release}`,
    environment,
    transaction: fault.where,
    ...(fault.requestId === undefined ? {} : { tags: { request_id: fault.requestId } }),
    exception: {
      values: [
        {
          type: fault.type,
          value: impersonal(fault.message),
          stacktrace: { frames: framesOf(fault.stack) },
        },
      ],
    },
  };
  return [{ event_id: id, sent_at: now.toISOString() }, { type: "event" }, event]
    .map((part) => `${JSON.stringify(part)}\n`)
    .join("");
}
