import { SYNTHETIC_EMAIL } from "@grocery/schema";
import { errorText, type Log } from "../../common/log.ts";
import { Client, type Identity } from "./client.ts";
import type { Config } from "./config.ts";
import type { Door } from "./door.ts";
import type { Step, Times, Turn } from "./figures.ts";
import { within } from "./patience.ts";

/** Milliseconds for each step. Far beyond what people bear: who waits longer has not been served. */
export type Patience = Readonly<Record<Step | "closing", number>>;
const PATIENCE: Patience = { login: 10_000, connect: 20_000, write: 15_000, sync: 15_000, logout: 10_000, closing: 5_000 };

const seconds = (since: number) => (performance.now() - since) / 1000;

/**
 * One visit: log in, open two clients, write in one, see it in the other, log out. Whatever happens, nothing of it is
 * left: no client, no session that could still be ended, no cookie. `fresh` makes the clients begin from nothing.
 */
export async function turn(config: Config, door: Door, log: Log, fresh: boolean, patience = PATIENCE): Promise<Turn> {
  let step: Step = "login";
  const clients: Client[] = [];
  let failed: unknown;
  const times: { -readonly [Key in keyof Times]: number } = { login: 0, write: 0, sync: 0 };
  const perform = async (): Promise<void> => {
    let began = performance.now();
    const identity = await within(patience.login, "logging in", (signal) => logIn(config, door, signal));
    times.login = seconds(began);

    step = "connect";
    const { writer, itemId, watched } = await within(patience.connect, "connecting", async (signal) => {
      const [writer, reader] = ["writer", "reader"].map((device) => new Client(config.origin, identity, device));
      if (!writer || !reader) throw new Error("two clients were made");
      clients.push(writer, reader);
      await Promise.all([writer.connected(signal), reader.connected(signal)]);
      const { listId, itemId } = await writer.item();
      return { writer, itemId, watched: await reader.watch(listId, itemId) };
    });

    step = "write";
    const quantity = new Date().toISOString();
    began = performance.now();
    const seen = watched.saw(quantity).then(() => (times.sync = seconds(began)));
    await within(patience.write, "writing", () => writer.write(itemId, quantity));
    times.write = seconds(began);

    step = "sync";
    await within(patience.sync, "seeing what was written", () => seen);
  };
  try {
    await perform();
  } catch (error) {
    failed = error;
  }
  const loggedIn = step !== "login" || door.cookieHeader !== "";
  const forgetting = fresh || failed !== undefined;
  await within(patience.closing, "closing", () => Promise.all(clients.map((client) => client.close(forgetting)))).catch((error: unknown) =>
    log("warn", "a client could not be closed", { error: errorText(error) }),
  );
  if (loggedIn)
    try {
      if (failed === undefined) step = "logout";
      await within(patience.logout, "logging out", (signal) => door.post("/api/auth/logout", {}, signal));
    } catch (error) {
      failed ??= error;
    }
  door.forget();
  if (failed === undefined) return { times };
  log("warn", "a turn failed", { step, error: errorText(failed) });
  return { failed: step };
}

async function logIn(config: Config, door: Door, signal: AbortSignal): Promise<Identity> {
  const answer = await door.post("/api/auth/login", { email: SYNTHETIC_EMAIL, password: config.password }, signal);
  const user = (answer as { user?: { id?: unknown } } | undefined)?.user;
  if (typeof user?.id !== "string") throw new Error("the answer to the login names nobody");
  return { id: user.id, email: SYNTHETIC_EMAIL };
}
