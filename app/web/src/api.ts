/** What the server said no with, in words for a person. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const UNREACHABLE = "The server cannot be reached. Check the connection and try again.";
const TOO_OFTEN = "Too many attempts. Wait a few minutes and try again.";
const AGAIN_MS = 500;

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Whether asking twice does no more than asking once, so that a request that got lost may be sent again. */
const harmlessTwice = (method: Method, path: string) =>
  method !== "POST" || ["/api/auth/login", "/api/auth/refresh", "/api/auth/logout"].includes(path);

/** Asks the server; what it answers is not looked at. Throws an ApiError unless it agrees. */
export async function ask(method: Method, path: string, body?: unknown): Promise<Response> {
  const sent = body === undefined ? {} : body;
  const attempt = () =>
    fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      ...(method === "GET" ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(sent) }),
    });
  let response: Response;
  try {
    response = await attempt().catch(async (error: unknown) => {
      // A phone that changes networks loses what is under way.
      if (!navigator.onLine || !harmlessTwice(method, path)) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      return attempt();
    });
  } catch {
    throw new ApiError(0, UNREACHABLE);
  }
  if (response.ok) return response;
  throw refusal(response.status, await response.json().catch(() => undefined));
}

/** An answer that is no agreement, as an error: {error: {code, message}} where the server itself speaks. */
export function refusal(status: number, answer: unknown): ApiError {
  const told = (answer as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  const code = typeof told?.code === "string" ? told.code : undefined;
  if (typeof told?.message === "string") return new ApiError(status, told.message, code);
  return new ApiError(status, status === 429 ? TOO_OFTEN : UNREACHABLE, code);
}

/** The same, with the answer as what its route answers with; undefined where that is nothing. */
export async function call<Answer>(method: Method, path: string, body?: unknown): Promise<Answer> {
  const response = await ask(method, path, body);
  return (await response.json().catch(() => undefined)) as Answer;
}

/** Whether the server itself refused, as opposed to being out of reach or in trouble. */
export const refused = (error: unknown) => error instanceof ApiError && (error.status === 401 || error.status === 403);

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
