import { afterEach, describe, expect, it } from "vitest";
import { Door } from "../src/door.ts";
import { certificate, Edge, NAME } from "./edge.ts";

const patient = () => AbortSignal.timeout(10_000);
const trusted = certificate(NAME);
const edges: Edge[] = [];

afterEach(async () => {
  for (const edge of edges.splice(0)) await edge.stop();
});

async function edgeWith(made = trusted, authority = trusted.cert): Promise<{ edge: Edge; door: Door }> {
  const edge = await Edge.start(made);
  edges.push(edge);
  const door = new Door({ origin: new URL(`https://${NAME}`), edge: { host: "127.0.0.1", port: edge.port } }, authority);
  return { edge, door };
}

describe("the door", () => {
  it("asks the edge for the application by its public name, and says where it comes from", async () => {
    const { edge, door } = await edgeWith();
    await door.post("/api/auth/login", { email: "a" }, patient());
    expect(edge.seen).toEqual([
      { path: "/api/auth/login", host: NAME, cookie: "", origin: `https://${NAME}`, asked: NAME, body: { email: "a" } },
    ]);
  });

  it("keeps cookies, sends them along, and loses those that are taken back", async () => {
    const { edge, door } = await edgeWith();
    await door.post("/api/auth/login", {}, patient());
    expect(door.cookieHeader).toBe("__Host-access=a; __Secure-refresh=r");
    await door.post("/api/auth/logout", {}, patient());
    expect(edge.seen.at(-1)?.cookie).toBe("__Host-access=a; __Secure-refresh=r");
    expect(door.cookieHeader).toBe("");
  });

  it("opens sockets the same way", async () => {
    const { edge, door } = await edgeWith();
    await door.post("/api/auth/login", {}, patient());
    const Socket = door.socketClass();
    const socket = new Socket(`wss://${NAME}/zero/sync/v51/connect?x=1`);
    const said = await new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
    socket.close();
    expect(said).toBe("welcome");
    expect(edge.sockets).toMatchObject([
      { path: "/zero/sync/v51/connect?x=1", host: NAME, cookie: "__Host-access=a; __Secure-refresh=r", origin: `https://${NAME}`, asked: NAME },
    ]);
  });

  it("lets nobody through whose certificate is for another name, or of nobody it trusts", async () => {
    const other = certificate("elsewhere.test");
    const named = await edgeWith(other, other.cert);
    await expect(named.door.post("/", {}, patient())).rejects.toThrow(/altnames/);
    const unknown = await edgeWith(certificate(NAME));
    await expect(unknown.door.post("/", {}, patient())).rejects.toThrow(/certificate/);
    const Socket = unknown.door.socketClass();
    const socket = new Socket(`wss://${NAME}/`);
    await new Promise((resolve) => socket.addEventListener("close", resolve));
    expect([named.edge.seen, unknown.edge.seen, unknown.edge.sockets]).toEqual([[], [], []]);
  });

  it("says which answer was no success", async () => {
    const { edge, door } = await edgeWith();
    edge.answers.set("/api/auth/login", 429);
    await expect(door.post("/api/auth/login", {}, patient())).rejects.toThrow("POST /api/auth/login was answered with 429");
  });
});
