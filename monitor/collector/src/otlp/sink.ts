import type { IncomingMessage, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import type { MetricsMessage } from "./message.ts";
import type { OtlpStore } from "./store.ts";

const BODY_LIMIT = 4 * 1024 * 1024;

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(whole, { maxOutputLength: BODY_LIMIT }) : whole;
}

/** The receiver of OTLP/HTTP metrics as JSON: POST /v1/metrics, nothing else. */
export async function receive(store: OtlpStore, sender: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = (status: number, text = "{}") => {
    // What was not read to its end would be taken for the next request.
    if (status >= 400) response.setHeader("connection", "close");
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  };
  if (request.method !== "POST" || request.url !== "/v1/metrics") return answer(404);
  if (!/^application\/json(;|$)/i.test(request.headers["content-type"] ?? "")) return answer(415);
  try {
    const body = await bodyOf(request);
    if (!body) return answer(413);
    store.take(JSON.parse(body.toString("utf8")) as MetricsMessage, sender);
    answer(200);
  } catch {
    // Whatever is no such message; the sender's next one is another.
    answer(400);
  }
}
