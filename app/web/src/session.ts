import { createSignal } from "solid-js";

export type User = { readonly id: string; readonly email: string; readonly name: string };
export type Session =
  | { readonly state: "loading" }
  | { readonly state: "out"; readonly because?: string }
  | { readonly state: "in"; readonly user: User };

/** What the server said no with, in words for a person. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const REMEMBERED = "grocery.user";
const UNREACHABLE = "The server cannot be reached. Check the connection and try again.";

const [session, setSession] = createSignal<Session>({ state: "loading" });
export { session };

async function call<Answer>(method: "GET" | "POST", path: string, body: unknown = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`/api/auth/${path}`, {
      method,
      credentials: "same-origin",
      ...(method === "POST" ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
  } catch {
    throw new ApiError(0, UNREACHABLE);
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as Answer;
  const told = (answer as { error?: { message?: unknown } } | undefined)?.error?.message;
  throw new ApiError(response.status, typeof told === "string" ? told : UNREACHABLE);
}

/** Whether the server itself refused, as opposed to being out of reach or in trouble. */
const refused = (error: unknown) => error instanceof ApiError && (error.status === 401 || error.status === 403);

function remember(user: User): void {
  localStorage.setItem(REMEMBERED, JSON.stringify(user));
  const now = session();
  // The same user again must not rebuild the page below.
  if (now.state !== "in" || now.user.id !== user.id) setSession({ state: "in", user });
}

function remembered(): User | undefined {
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

/** Finds out who is logged in; without a server, whoever was last: their lists are readable offline. */
export async function resume(): Promise<void> {
  try {
    const found = await call<{ user: User | null; refreshable: boolean }>("GET", "session");
    if (found.user) remember(found.user);
    else if (found.refreshable) await refresh();
    else signedOut();
  } catch {
    const user = remembered();
    if (user) setSession({ state: "in", user });
    else signedOut();
  }
}

/** New cookies for old ones; one tab at a time, since each refresh token is good once. */
export async function refresh(): Promise<void> {
  const work = async () => {
    try {
      remember((await call<{ user: User }>("POST", "refresh")).user);
    } catch (error) {
      if (refused(error)) signedOut("Please log in again.");
      else throw error;
    }
  };
  await (navigator.locks ? navigator.locks.request("grocery.refresh", work) : work());
}

export async function logIn(email: string, password: string): Promise<void> {
  remember((await call<{ user: User }>("POST", "login", { email, password })).user);
}

/** Registering answers alike for every address, so logging in is what tells whether it worked. */
export async function register(name: string, email: string, password: string): Promise<void> {
  await call("POST", "register", { name, email, password });
  try {
    await logIn(email, password);
  } catch (error) {
    if (!refused(error)) throw error;
    throw new ApiError(401, "That did not work. If you already have an account, log in with its password.");
  }
}

/** Ends the session on the server; `signedOut` then ends it here. */
export async function logOut(): Promise<void> {
  await call("POST", "logout");
}

// Logging in or out in one tab is for all of them.
addEventListener("storage", (event) => {
  if (event.key !== REMEMBERED) return;
  const user = remembered();
  const now = session();
  if (!user) setSession({ state: "out" });
  else if (now.state !== "in" || now.user.id !== user.id) setSession({ state: "in", user });
});
