import { createSignal } from "solid-js";
import { ApiError, ask, call, refused, type Method } from "./api.ts";

/** `emailVerified` is absent where the server does not say. */
export type User = {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly emailVerified?: boolean;
};
export type Session =
  | { readonly state: "loading" }
  | { readonly state: "out"; readonly because?: string }
  | { readonly state: "in"; readonly user: User };

const REMEMBERED = "grocery.user";
const LOGIN = "grocery.login";
const RESUME_PATIENCE_MS = 1_500;
const LOGIN_AGAIN = "Please log in again.";

const [session, setSession] = createSignal<Session>({ state: "loading" });
export { session };

/** Who is logged in, and from now on what the page knows of them. */
export function remember(user: User): void {
  const text = JSON.stringify(user);
  const now = session();
  if (localStorage.getItem(REMEMBERED) !== text) localStorage.setItem(REMEMBERED, text);
  // The same again must not rebuild the page below.
  if (now.state !== "in" || JSON.stringify(now.user) !== text) setSession({ state: "in", user });
}

/** Who was logged in here last, if they did not log out. */
export function remembered(): User | undefined {
  try {
    return (JSON.parse(localStorage.getItem(REMEMBERED) ?? "null") as User | null) ?? undefined;
  } catch {
    return undefined;
  }
}

export function signedOut(because?: string): void {
  localStorage.removeItem(REMEMBERED);
  setSession(because === undefined ? { state: "out" } : { state: "out", because });
}

/**
 * Finds out who is logged in; without a server, or with one that takes long, whoever was last: their lists are readable
 * offline.
 */
export async function resume(): Promise<void> {
  const last = remembered();
  const asking = askWhoIsIn().catch(() => {
    if (session().state !== "loading") return;
    if (last) setSession({ state: "in", user: last });
    else signedOut();
  });
  if (!last) return asking;
  const patience = navigator.onLine ? RESUME_PATIENCE_MS : 0;
  await Promise.race([asking, new Promise((resolve) => setTimeout(resolve, patience))]);
  if (session().state === "loading") setSession({ state: "in", user: last });
}

async function askWhoIsIn(): Promise<void> {
  const found = await call<{ user: User | null; refreshable: boolean }>("GET", "/api/auth/session");
  if (found.user) remember(found.user);
  else if (found.refreshable) await refresh();
  else signedOut();
}

/** New cookies for old ones; one tab at a time, since each refresh token is good once. */
export async function refresh(): Promise<void> {
  const work = async () => {
    try {
      remember((await call<{ user: User }>("POST", "/api/auth/refresh")).user);
    } catch (error) {
      if (refused(error)) signedOut(LOGIN_AGAIN);
      else throw error;
    }
  };
  await (navigator.locks ? navigator.locks.request("grocery.refresh", work) : work());
}

/** Asks what only somebody logged in may: with new cookies when the old ones have run out. */
export async function askAs(method: Method, path: string, body?: unknown): Promise<Response> {
  try {
    return await ask(method, path, body);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    await refresh();
    return ask(method, path, body);
  }
}

export async function callAs<Answer>(method: Method, path: string, body?: unknown): Promise<Answer> {
  const response = await askAs(method, path, body);
  return (await response.json().catch(() => undefined)) as Answer;
}

/** Another text after each login here: what belongs to a session on the server must be made anew for the next one. */
export const loginMark = (): string => localStorage.getItem(LOGIN) ?? "";

export async function logIn(email: string, password: string): Promise<void> {
  const { user } = await call<{ user: User }>("POST", "/api/auth/login", { email, password });
  localStorage.setItem(LOGIN, crypto.randomUUID());
  remember(user);
}

/** Registering answers alike for every address, so logging in is what tells whether it worked. */
export async function register(name: string, email: string, password: string): Promise<void> {
  await call("POST", "/api/auth/register", { name, email, password });
  try {
    await logIn(email, password);
  } catch (error) {
    if (!refused(error)) throw error;
    throw new ApiError(401, "That did not work. If you already have an account, log in with its password.");
  }
}

/** Ends the session on the server; `signedOut` then ends it here. */
export async function logOut(): Promise<void> {
  await call("POST", "/api/auth/logout");
}

// Logging in or out in one tab is for all of them.
addEventListener("storage", (event) => {
  if (event.key !== REMEMBERED) return;
  const user = remembered();
  const now = session();
  if (!user) setSession({ state: "out" });
  else if (now.state !== "in" || JSON.stringify(now.user) !== JSON.stringify(user)) setSession({ state: "in", user });
});
