import * as http from "node:http";
import * as https from "node:https";

/**
 * How sending ended. Only after `refused` is it certain that nothing was delivered and that trying again may help;
 * after `unknown` the push service may have taken the message.
 */
export type Outcome =
  | { readonly result: "sent" | "gone" }
  | { readonly result: "refused"; readonly why: string; readonly retryAfterSeconds: number | undefined }
  | { readonly result: "rejected" | "unknown"; readonly why: string };

export type Request = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
};

/** Sends one request on a connection of its own and follows no redirect: that could lead anywhere. */
export function post(request: Request, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const url = new URL(request.url);
    const secure = url.protocol === "https:";
    let connected = false;
    const sending = (secure ? https : http).request(url, {
      method: "POST",
      headers: request.headers,
      // On a connection that was idle before, a reset would not tell whether the request had arrived.
      agent: false,
    });
    const end = (outcome: Outcome) => {
      clearTimeout(timer);
      resolve(outcome);
      sending.destroy();
    };
    const fail = (why: string) =>
      end(connected ? { result: "unknown", why } : { result: "refused", why, retryAfterSeconds: undefined });
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
    sending.on("socket", (socket) => socket.once(secure ? "secureConnect" : "connect", () => (connected = true)));
    sending.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    sending.on("response", (response) => {
      end(judge(response.statusCode ?? 0, response.headers["retry-after"]));
    });
    sending.end(request.body);
  });
}

/** What a push service means by a status (RFC 8030). */
export function judge(status: number, retryAfter: string | undefined): Outcome {
  if (status >= 200 && status < 300) return { result: "sent" };
  if (status === 404 || status === 410) return { result: "gone" };
  const why = `status ${status}`;
  if (status === 408 || status === 429 || status >= 500)
    return { result: "refused", why, retryAfterSeconds: secondsOf(retryAfter) };
  return { result: "rejected", why };
}

function secondsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
