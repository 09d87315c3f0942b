import { mutators, schema, type Context, type Schema } from "@grocery/schema";
import { Zero, type ConnectionState, type MutateRequest, type ReadonlyJSONValue, type ZeroOptions } from "@rocicorp/zero";
import { batch, createSignal, onCleanup } from "solid-js";
import { refresh, session, type User } from "./session.ts";
import { say } from "./toast.tsx";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8_000;
// Connecting succeeds even while the server behind is away; only a connection that lasts says that all is well.
const STABLE_MS = 5_000;
const WRITE_PATIENCE_MS = 10_000;
const FORGET_PATIENCE_MS = 2_000;
const NOT_SAVED = "Not saved: there is no connection to the server.";

export type GroceryZero = Zero<Schema, undefined, Context>;
type Arguments = ReadonlyJSONValue | undefined;

/** The user's replica, the state of its connection, and writing through it. Belongs to the owner that creates it. */
export function createStore(user: User) {
  const [state, setState] = createSignal<ConnectionState["name"]>("connecting");
  const [outdated, setOutdated] = createSignal(false);
  let closed = false;
  const [zero, setZero] = createSignal<GroceryZero>(open());
  let stopKeeping = keepConnected(zero());

  function open(): GroceryZero {
    const options: ZeroOptions<Schema, undefined, Context> = {
      cacheURL: `${location.origin}/zero`,
      userID: user.id,
      context: { userId: user.id, email: user.email },
      schema,
      mutators,
      batchViewUpdates: batch,
      // Reloading here by itself would go on for ever while the server is the older of the two.
      onUpdateNeeded: () => setOutdated(true),
      onClientStateNotFound: () => void setTimeout(reopen, FIRST_RETRY_MS),
    };
    return new Zero(options);
  }

  // The server no longer knows this replica: it is replaced in place, and the page stays.
  function reopen(): void {
    if (closed) return;
    stopKeeping();
    const old = zero();
    const fresh = open();
    stopKeeping = keepConnected(fresh);
    setZero(() => fresh);
    void old.close();
  }

  function keepConnected(replica: GroceryZero): () => void {
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stable: ReturnType<typeof setTimeout> | undefined;
    const later = (work: () => Promise<void>) => {
      clearTimeout(timer);
      const wait = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS) * (0.75 + Math.random() / 2);
      failures += 1;
      timer = setTimeout(() => void work().catch(() => later(work)), wait);
    };
    const reconnect = () => replica.connection.connect();
    const authenticate = async () => {
      await refresh();
      if (session().state === "in") await reconnect();
    };
    const onState = ({ name }: ConnectionState) => {
      setState(name);
      clearTimeout(stable);
      if (name === "connected") stable = setTimeout(() => (failures = 0), STABLE_MS);
      // In these two states Zero waits to be told. The first try at new cookies needs no delay: theirs is a short life.
      if (name === "error") later(reconnect);
      if (name === "needs-auth") {
        if (failures > 0) later(authenticate);
        else {
          failures = 1;
          void authenticate().catch(() => later(authenticate));
        }
      }
    };
    onState(replica.connection.state.current);
    const unsubscribe = replica.connection.state.subscribe(onState);
    return () => {
      clearTimeout(timer);
      clearTimeout(stable);
      unsubscribe();
    };
  }

  // Zero refuses writes in these states, which a refresh of the cookies passes through for a moment.
  async function writable(): Promise<boolean> {
    const deadline = Date.now() + WRITE_PATIENCE_MS;
    while (state() === "needs-auth" || state() === "error" || state() === "closed") {
      if (closed || Date.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return true;
  }

  /** Makes a change here at once and on the server as soon as it can be asked. True when it is made here. */
  async function write<Args extends Arguments>(change: MutateRequest<Args, Schema, Context>): Promise<boolean> {
    if (!(await writable())) {
      say(NOT_SAVED);
      return false;
    }
    const result = zero().mutate(change);
    // A refusal takes the change back; any other error means that the change is kept and sent again later.
    void result.server.then((told) => {
      if (told.type === "error" && told.error.type === "app" && !closed) say(told.error.message);
    });
    const here = await result.client;
    if (here.type === "error") say(here.error.type === "app" ? here.error.message : NOT_SAVED);
    return here.type === "success";
  }

  /** Forgets everything this browser holds of the user. */
  async function forget(): Promise<void> {
    closed = true;
    stopKeeping();
    // Another tab may hold the database open; it lets go when it hears of the logout, which need not be waited for.
    await Promise.race([zero().delete(), new Promise((resolve) => setTimeout(resolve, FORGET_PATIENCE_MS))]);
  }

  onCleanup(() => {
    if (closed) return;
    closed = true;
    stopKeeping();
    void zero().close();
  });

  return { zero, state, outdated, write, forget };
}

export type Store = ReturnType<typeof createStore>;
