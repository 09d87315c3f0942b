import { SYNTHETIC_EMAIL } from "@grocery/schema";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../src/config.ts";
import { Door } from "../src/door.ts";
import { turn } from "../src/turn.ts";
import { certificate, Edge, NAME } from "./edge.ts";

type Doing = () => Promise<unknown>;
const never: Doing = () => new Promise(() => undefined);
const broken: Doing = () => Promise.reject(new Error("broken"));

/** What the clients of a turn do, and what became of them. Zero itself is tried on a running stack. */
const zero = vi.hoisted(() => ({ connected: null as Doing | null, write: null as Doing | null, saw: null as Doing | null, closed: [] as string[], made: 0 }));
vi.mock("../src/client.ts", () => ({
  Client: class {
    readonly #device: string;
    constructor(_origin: URL, _identity: object, device: string) {
      this.#device = device;
      zero.made += 1;
    }
    connected = async () => zero.connected?.();
    item = async () => ({ listId: "list", itemId: "item" });
    write = async () => zero.write?.();
    watch = async () => ({ saw: async () => zero.saw?.() });
    close = async (forgetting: boolean) => void zero.closed.push(`${this.#device}${forgetting ? ", forgetting" : ""}`);
  },
}));

const LONG = 30_000;
const PATIENT = { login: LONG, connect: LONG, write: LONG, sync: LONG, logout: LONG, closing: LONG };
const made = certificate(NAME);
let edge: Edge;
let config: Config;
let door: Door;
const said: unknown[] = [];

beforeEach(async () => {
  Object.assign(zero, { connected: null, write: null, saw: null, closed: [], made: 0 });
  said.length = 0;
  edge = await Edge.start(made);
  config = {
    origin: new URL(`https://${NAME}`),
    edge: { host: "127.0.0.1", port: edge.port },
    intervalMs: 1000,
    metricsPort: 0,
    password: "the secret of it",
  };
  door = new Door(config, made.cert);
});
afterEach(() => edge.stop());

const visit = ({ fresh = false, patience = PATIENT } = {}) =>
  turn(config, door, (_level, _message, more) => void said.push(more), fresh, patience);
const leftNothing = () => {
  expect(door.cookieHeader).toBe("");
  expect(zero.closed).toHaveLength(zero.made);
};

describe("a turn", () => {
  it("logs in, writes, sees it and logs out, and tells how long it took", async () => {
    const result = await visit();
    expect(result).toEqual({ times: { login: expect.any(Number), write: expect.any(Number), sync: expect.any(Number) } });
    expect(edge.seen[0]?.body).toEqual({ email: SYNTHETIC_EMAIL, password: "the secret of it" });
    expect(edge.paths()).toEqual(["/api/auth/login", "/api/auth/logout"]);
    expect(edge.seen[1]?.cookie).toContain("__Secure-refresh=r");
    expect(zero.closed).toEqual(["writer", "reader"]);
    leftNothing();
  });

  it("makes its clients forget everything when it is told to", async () => {
    await visit({ fresh: true });
    expect(zero.closed).toEqual(["writer, forgetting", "reader, forgetting"]);
  });

  it.each<[string, () => void]>([
    ["login", () => edge.answers.set("/api/auth/login", 401)],
    ["login", () => edge.answers.set("/api/auth/login", "silence")],
    ["connect", () => (zero.connected = broken)],
    ["connect", () => (zero.connected = never)],
    ["write", () => (zero.write = broken)],
    ["write", () => (zero.write = never)],
    ["sync", () => (zero.saw = never)],
    ["logout", () => edge.answers.set("/api/auth/logout", 500)],
    ["logout", () => edge.answers.set("/api/auth/logout", "silence")],
  ])("that fails in %s says so, leaves nothing behind, and the next one succeeds", async (step, breakIt) => {
    breakIt();
    expect(await visit({ patience: { ...PATIENT, [step]: 200 } })).toEqual({ failed: step });
    expect(said).toEqual([{ step, error: expect.any(String) }]);
    leftNothing();
    if (step !== "login") expect(edge.paths()).toContain("/api/auth/logout");
    if (step !== "login" && step !== "logout") expect(zero.closed).toEqual(["writer, forgetting", "reader, forgetting"]);
    edge.answers.clear();
    Object.assign(zero, { connected: null, write: null, saw: null });
    expect(await visit()).toHaveProperty("times");
  });

  it("never repeats the password", async () => {
    edge.answers.set("/api/auth/login", 401);
    await visit();
    expect(JSON.stringify(said)).not.toContain("the secret of it");
  });
});
