import { mutators, schema, type Context, type Schema } from "@grocery/schema";
import {
  Zero,
  type ConnectionState,
  type MutateRequest,
  type ReadonlyJSONValue,
  type ZeroOptions,
} from "@rocicorp/zero";
import { batch, createSignal, onCleanup } from "solid-js";
import { keepsWrites, NOTED_AFTER_MS, noteOf, patienceOf, WRITE_PATIENCE_MS, type Phase } from "./connection.ts";
import { refresh, session, type User } from "./session.ts";
import { say } from "./toast.tsx";
import { lookForUpdate, setOutdated } from "./update.ts";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8_000;
// Connecting succeeds even while the server behind is away; only a connection that lasts says that all is well.
const STABLE_MS = 5_000;
const FORGET_PATIENCE_MS = 2_000;
const SETTLE_PATIENCE_MS = 3_000;
const NOT_SAVED = "Not saved: there is no connection to the server.";
/** Of the element that tells about a missing connection. */
export const NOTE_ID = "offline-note";
const WHY_NOT = "Without a connection for a minute, the lists can only be read.";

export type GroceryZero = Zero<Schema, undefined, Context>;
type Arguments = ReadonlyJSONValue | undefined;

/** The user's replica, the state of its connection, and writing through it. Belongs to the owner that creates it. */
export function createStore(user: User) {
  const [state, setState] = createSignal<Phase>("connecting");
  /** Milliseconds without a connection as far as anything depends on it: brought up to date when it does. */
  const [lost, setLost] = createSignal(0);
  const [unsettled, setUnsettled] = createSignal(0);
  /** Writes Zero has stopped to account for, though it still sends them when it is connected again. */
  const [unaccounted, setUnaccounted] = createSignal(0);
  const [online, setOnline] = createSignal(navigator.onLine);
  let lostSince = Date.now();
  let closed = false;
  const [zero, setZero] = createSignal<GroceryZero>(open());
  let stopKeeping = keepConnected(zero());

  /** Changes made here that the server has not confirmed. They are gone with the page. */
  const pending = () => unsettled() + unaccounted();
  const writable = () => keepsWrites(state(), lost());
  /** Attributes with which a control says why it changes nothing now. It stays usable: trying tells the same. */
  const whyNot = () => (writable() ? {} : { title: WHY_NOT, "aria-describedby": NOTE_ID });
  const note = () => noteOf(state(), lost(), online());

  function open(): GroceryZero {
    const options: ZeroOptions<Schema, undefined, Context> = {
      cacheURL: `${location.origin}/zero`,
      userID: user.id,
      // Whether invitations to this address are theirs yet is for the server to say, which may ask for a proof or not.
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
    if (pending() > 0) say("The last changes could not be saved. Please look what is missing.");
    setUnaccounted(0);
    void old.close();
  }

  function keepConnected(replica: GroceryZero): () => void {
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stable: ReturnType<typeof setTimeout> | undefined;
    let aging: ReturnType<typeof setTimeout>[] = [];
    const later = (work: () => Promise<void>) => {
      clearTimeout(timer);
      const wait = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS) * (0.75 + Math.random() / 2);
      failures += 1;
      timer = setTimeout(() => void work().catch(() => later(work)), wait);
    };
    const age = () => setLost(Date.now() - lostSince);
    const stopAging = () => aging.forEach(clearTimeout);
    const startAging = () => {
      lostSince = Date.now();
      setLost(0);
      stopAging();
      aging = [NOTED_AFTER_MS, WRITE_PATIENCE_MS].map((after) => setTimeout(age, after + 20));
    };
    const reconnect = () => replica.connection.connect();
    const authenticate = async () => {
      await refresh();
      if (session().state === "in") await reconnect();
    };
    let was: Phase = "connected";
    const onState = ({ name }: ConnectionState) => {
      if (name !== "connected" && was === "connected") startAging();
      // What ended the last connection may have been a release.
      if (name === "connected" && was !== "connected" && lost() > 0) void lookForUpdate();
      was = name;
      batch(() => {
        setState(name);
        if (name === "connected") setLost(0);
      });
      clearTimeout(stable);
      if (name === "connected") {
        stopAging();
        stable = setTimeout(() => {
          failures = 0;
          setUnaccounted(0);
        }, STABLE_MS);
      }
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
    // A hidden tab gives up its connection, and has it back a moment after it is looked at again.
    const onReturn = () => {
      if (document.visibilityState === "visible" && was !== "connected") startAging();
    };
    document.addEventListener("visibilitychange", onReturn);
    onState(replica.connection.state.current);
    const unsubscribe = replica.connection.state.subscribe(onState);
    return () => {
      document.removeEventListener("visibilitychange", onReturn);
      clearTimeout(timer);
      clearTimeout(stable);
      stopAging();
      unsubscribe();
    };
  }

  // Zero refuses writes in these states, which a refresh of the cookies or a return to the tab passes through.
  async function canWrite(): Promise<boolean> {
    const asked = Date.now();
    while (state() === "needs-auth" || state() === "error" || state() === "closed" || state() === "disconnected") {
      if (closed || Date.now() - Math.min(asked, lostSince) > patienceOf(state())) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return true;
  }

  /** Makes a change here at once and on the server as soon as it can be asked. True when it is made here. */
  async function write<Args extends Arguments>(change: MutateRequest<Args, Schema, Context>): Promise<boolean> {
    if (!(await canWrite())) {
      say(state() === "disconnected" ? `Not saved. ${WHY_NOT}` : NOT_SAVED);
      return false;
    }
    const result = zero().mutate(change);
    setUnsettled((count) => count + 1);
    // A refusal takes the change back; any other error means that the change is kept and sent again later.
    void Promise.all([result.client, result.server]).then(([here, told]) => {
      batch(() => {
        setUnsettled((count) => count - 1);
        if (here.type === "success" && told.type === "error" && told.error.type !== "app")
          setUnaccounted((count) => count + 1);
      });
      if (told.type === "error" && told.error.type === "app" && !closed) say(told.error.message);
    });
    const here = await result.client;
    if (here.type === "error") say(here.error.type === "app" ? here.error.message : NOT_SAVED);
    return here.type === "success";
  }

  /** Gives changes that are on their way a moment to arrive; whether none is left. Without a connection none will. */
  async function settled(): Promise<boolean> {
    const asked = Date.now();
    while (pending() > 0 && state() === "connected" && Date.now() - asked < SETTLE_PATIENCE_MS)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return pending() === 0;
  }

  /** Forgets everything this browser holds of the user. */
  async function forget(): Promise<void> {
    closed = true;
    stopKeeping();
    // Another tab may hold the database open; it lets go when it hears of the logout, which need not be waited for.
    await Promise.race([zero().delete(), new Promise((resolve) => setTimeout(resolve, FORGET_PATIENCE_MS))]);
  }

  // The device knows before a connection that has gone silent is given up.
  const onNetwork = () => setOnline(navigator.onLine);
  addEventListener("online", onNetwork);
  addEventListener("offline", onNetwork);
  onCleanup(() => {
    removeEventListener("online", onNetwork);
    removeEventListener("offline", onNetwork);
  });

  onCleanup(() => {
    if (closed) return;
    closed = true;
    stopKeeping();
    void zero().close();
  });

  return { zero, state, note, pending, writable, whyNot, write, settled, forget };
}

export type Store = ReturnType<typeof createStore>;
