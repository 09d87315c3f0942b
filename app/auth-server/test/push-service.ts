/**
 * A push service and the devices it delivers to, for tests. What is sent is checked and decrypted from the RFCs (8291,
 * 8188, 8292) with Node's own cryptography, not by the library that encrypts it.
 */
import { createDecipheriv, createECDH, hkdfSync, randomBytes, randomUUID, type ECDH } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { importJWK, jwtVerify } from "jose";
import type { PushConfig } from "../src/config.ts";

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");

/** Keys as the stack makes them: the bare scalar and point of P-256. */
export function vapidKeys(): { publicKey: string; privateKey: string } {
  const pair = createECDH("prime256v1");
  const publicKey = base64url(pair.generateKeys());
  return { publicKey, privateKey: base64url(Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()]).subarray(-32)) };
}

/** A browser with a subscription at `service`. */
export class Browser {
  readonly endpoint: string;
  readonly #pair: ECDH = createECDH("prime256v1");
  readonly #auth = randomBytes(16);

  constructor(service: PushService) {
    this.endpoint = `${service.origin}/${randomUUID()}`;
    this.#pair.generateKeys();
  }

  get keys(): { p256dh: string; auth: string } {
    return { p256dh: base64url(this.#pair.getPublicKey()), auth: base64url(this.#auth) };
  }

  /** The text of a message; throws when it was not made for this browser alone. */
  decrypt(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const recordSize = body.readUInt32BE(16);
    const sender = body.subarray(21, 21 + body.readUInt8(20));
    const record = body.subarray(21 + sender.length);
    if (record.length > recordSize) throw new Error("more than one record");
    const info = (text: string, ...more: Buffer[]) => Buffer.concat([Buffer.from(`${text}\0`), ...more]);
    const secret = this.#pair.computeSecret(sender);
    const both = info("WebPush: info", this.#pair.getPublicKey(), sender);
    const keying = Buffer.from(hkdfSync("sha256", secret, this.#auth, both, 32));
    const key = Buffer.from(hkdfSync("sha256", keying, salt, info("Content-Encoding: aes128gcm"), 16));
    const nonce = Buffer.from(hkdfSync("sha256", keying, salt, info("Content-Encoding: nonce"), 12));
    const decipher = createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(record.subarray(-16));
    const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
    const end = padded.findLastIndex((byte) => byte !== 0);
    if (padded[end] !== 2) throw new Error("the last record does not end as one");
    return padded.subarray(0, end).toString("utf8");
  }
}

export type Received = { readonly headers: IncomingHttpHeaders; readonly body: Buffer };
/** A status, with headers perhaps; `hang` for no answer at all, `reset` for a connection that breaks instead of one. */
export type Answer = number | { readonly status: number; readonly headers: Record<string, string> } | "hang" | "reset";

export class PushService {
  readonly #server: Server;
  readonly #received: { path: string; received: Received }[] = [];
  readonly #answers = new Map<string, Answer>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const path = request.url ?? "";
        this.#received.push({ path, received: { headers: request.headers, body: Buffer.concat(chunks) } });
        const answer = this.#answers.get(path) ?? 201;
        if (answer === "hang") return;
        if (answer === "reset") return void (request.socket as Socket).resetAndDestroy();
        const { status, headers } = typeof answer === "number" ? { status: answer, headers: {} } : answer;
        response.writeHead(status, headers).end();
      });
    });
  }

  static async start(): Promise<PushService> {
    const service = new PushService();
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on, for one browser. */
  answer(browser: Browser, answer: Answer): void {
    this.#answers.set(new URL(browser.endpoint).pathname, answer);
  }

  /** Everything that came for one browser, whatever was answered. */
  for(browser: Browser): Received[] {
    const { pathname } = new URL(browser.endpoint);
    return this.#received.filter(({ path }) => path === pathname).map(({ received }) => received);
  }

  /** The same, decrypted. */
  messages(browser: Browser): Record<string, unknown>[] {
    return this.for(browser).map(({ body }) => JSON.parse(browser.decrypt(body)) as Record<string, unknown>);
  }
}

/** The claims of a request's VAPID token; throws unless it is signed with the key that the browser subscribed for. */
export async function vapidClaims({ headers }: Received, config: Pick<PushConfig, "publicKey">) {
  const [, token = "", key] = /^vapid t=([^,]+), ?k=(.+)$/.exec(headers.authorization ?? "") ?? [];
  if (key !== config.publicKey) throw new Error(`signed with another key: ${key}`);
  const point = Buffer.from(key, "base64url");
  const jwk = { kty: "EC", crv: "P-256", x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) };
  return (await jwtVerify(token, await importJWK(jwk, "ES256"), { algorithms: ["ES256"] })).payload;
}
