import { createSignal } from "solid-js";
import { call, wordsOf } from "./api.ts";
import { bytesOf, deviceLabel, sameBytes } from "./keys.ts";
import { serverConfig } from "./server-config.ts";
import { callAs, loginMark, type User } from "./session.ts";

/** `unsupported`: by this browser, or by the server, which has no key to send with. */
export type PushState = "unsupported" | "denied" | "off" | "on";
export type Device = {
  readonly id: string;
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Of the session that asks. */
  readonly current: boolean;
};
/** Local times "HH:MM" between which nothing is sent, in an IANA time zone. */
export type Quiet = { readonly from: string; readonly until: string; readonly timeZone: string };
export type PushSettings = { readonly devices: readonly Device[]; readonly quiet: Quiet | null };

/** What this browser has told the server: which subscription is whose, since which login, under which id. */
type Told = { readonly user: string; readonly login: string; readonly endpoint: string; readonly id: string };

const KEPT = "grocery.push";
// Without a service worker, as when one could not be installed, `ready` never comes.
const WORKER_PATIENCE_MS = 5_000;
const GIVE_UP_MS = 3_000;

/** Undefined until it is known. */
const [pushState, setPushState] = createSignal<PushState>();
export { pushState };

const capable = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const within = <Value>(work: Promise<Value>, milliseconds: number): Promise<Value | undefined> =>
  Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds))]);

function told(): Told | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KEPT) ?? "null") as Told | null) ?? undefined;
  } catch {
    return undefined;
  }
}

async function registration(): Promise<ServiceWorkerRegistration> {
  const found = await within(navigator.serviceWorker.ready, WORKER_PATIENCE_MS);
  if (!found) throw new Error("This browser has not installed the application's service worker yet. Reload the page.");
  return found;
}

const subscription = async () => (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription();

async function tell(user: User, held: PushSubscription): Promise<void> {
  const { endpoint, keys } = held.toJSON();
  const label = deviceLabel(navigator.userAgent);
  const { id } = await callAs<{ id: string }>("POST", "/api/push/subscriptions", { endpoint, keys, label });
  localStorage.setItem(
    KEPT,
    JSON.stringify({ user: user.id, login: loginMark(), endpoint: held.endpoint, id } satisfies Told),
  );
}

/** Which of the devices the server knows is this one. */
export const isThisDevice = (device: Device): boolean => device.current || device.id === told()?.id;

/**
 * Brings this browser and the server to one mind: a subscription that is somebody else's here ends, and one the server
 * has not heard of is told again. Does nothing where nobody has opted in.
 */
export async function resumePush(user: User): Promise<void> {
  if (!capable()) return void setPushState("unsupported");
  const held = await subscription();
  if (!held) return void setPushState(Notification.permission === "denied" ? "denied" : "off");
  const known = told();
  if (known?.user !== user.id) {
    await endPush();
    return;
  }
  setPushState(Notification.permission === "denied" ? "denied" : "on");
  // The server tells nobody whose session has ended.
  if (known.endpoint !== held.endpoint || known.login !== loginMark()) await tell(user, held);
}

/** Finds out whether the server sends notifications at all. */
export async function askOffer(): Promise<void> {
  const { pushPublicKey } = await serverConfig();
  if (!pushPublicKey || !capable()) setPushState("unsupported");
}

/** Asks the person, the browser and the server, in this order. Throws when the last two do not agree. */
export async function startPush(user: User): Promise<void> {
  const { pushPublicKey } = await serverConfig();
  if (!pushPublicKey || !capable()) return void setPushState("unsupported");
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return void setPushState(permission === "denied" ? "denied" : "off");
  const key = bytesOf(pushPublicKey);
  const { pushManager } = await registration();
  let held = await pushManager.getSubscription();
  if (held && !sameBytes(held.options.applicationServerKey, key)) {
    // Made for a key the server no longer has: it could send nothing to it.
    await held.unsubscribe();
    held = null;
  }
  held ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  try {
    await tell(user, held);
  } catch (error) {
    await held.unsubscribe();
    throw error;
  }
  setPushState("on");
}

/** Ends notifications on this device: in the browser for certain, on the server if it can be reached. */
export async function endPush(): Promise<void> {
  localStorage.removeItem(KEPT);
  const held = capable() ? await subscription() : undefined;
  if (held) {
    const { endpoint } = held;
    await within(
      call("POST", "/api/push/unsubscribe", { endpoint }).catch((error: unknown) => console.warn(wordsOf(error))),
      GIVE_UP_MS,
    );
    await held.unsubscribe();
  }
  if (pushState() !== "unsupported") setPushState(capable() && Notification.permission === "denied" ? "denied" : "off");
}

export const pushSettings = () => callAs<PushSettings>("GET", "/api/push");
export const removeDevice = (id: string) => callAs<void>("DELETE", `/api/push/subscriptions/${encodeURIComponent(id)}`);
export const setQuiet = (quiet: Quiet | null) => callAs<void>("PUT", "/api/push/quiet", quiet);
