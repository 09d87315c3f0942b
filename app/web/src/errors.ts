import { ApiError } from "./api.ts";
import { serverConfig } from "./server-config.ts";

/** What is told of an error. Nothing in it says who the person is or what is on their lists. */
export type Report = {
  readonly message: string;
  readonly stack: string;
  /** The page's path with ids left out. */
  readonly where: string;
  readonly release: string;
};

const MAX_REPORTS = 10;
const MAX_MESSAGE = 500;
const MAX_STACK = 4_000;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
// What a person is told in words, what the network does, and what browsers say of no consequence.
const NO_FAULT = /^(Failed to fetch|NetworkError|Load failed|ResizeObserver loop|Script error)/;

const impersonal = (text: string) => text.replace(UUID, ":id").replace(/[^\s@"'<>]+@[^\s@"'<>]+\.\w+/g, ":email");

/** What there is to report of something thrown, or undefined when it is no fault of the program. */
export function reportOf(thrown: unknown, path: string, release: string): Report | undefined {
  if (thrown instanceof ApiError) return undefined;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  // The second name: another tab logged out and took the replica with it.
  if (NO_FAULT.test(error.message) || ["AbortError", "IDBNotFoundError"].includes(error.name)) return undefined;
  return {
    message: impersonal(`${error.name}: ${error.message}`.slice(0, MAX_MESSAGE)),
    stack: impersonal((error.stack ?? "").slice(0, MAX_STACK)),
    where: impersonal(path),
    release,
  };
}

/** One fault is told once, however often it happens. */
export const keyOf = (report: Report): string => `${report.message}\n${report.stack.split("\n")[1] ?? ""}`;

/** From now on tells the server of errors nobody caught, if it wants to know. */
export function watchForErrors(): void {
  const told = new Set<string>();
  const tell = async (thrown: unknown) => {
    if (told.size >= MAX_REPORTS) return;
    const config = await serverConfig();
    if (!config.errorReporting) return;
    const report = reportOf(thrown, location.pathname, config.release);
    if (!report || told.has(keyOf(report))) return;
    told.add(keyOf(report));
    await fetch("/api/errors", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(report),
      keepalive: true,
    });
  };
  // An error in telling of errors must not tell of itself.
  const quietly = (thrown: unknown) => void tell(thrown).catch(() => undefined);
  addEventListener("error", (event) => quietly(event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => quietly(event.reason));
}
