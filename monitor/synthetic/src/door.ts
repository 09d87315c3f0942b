/** The way to the application as a browser has it: by its public name, through the edge, with its cookies. */
import { Agent, request } from "node:https";
import type { Duplex } from "node:stream";
import { connect, type ConnectionOptions } from "node:tls";
import WebSocket from "ws";
import type { Config } from "./config.ts";

const ANSWER_LIMIT = 1024 * 1024;

/** Connects to the edge whoever is asked for. The certificate must be the origin's: its name is asked for and checked. */
class EdgeAgent extends Agent {
  readonly #options: ConnectionOptions;

  constructor({ origin, edge }: Pick<Config, "origin" | "edge">, authority: string | undefined) {
    super({ keepAlive: false });
    this.#options = {
      ...edge,
      servername: origin.hostname,
      ALPNProtocols: ["http/1.1"],
      ...(authority === undefined ? {} : { ca: authority }),
    };
  }

  override createConnection(): Duplex {
    return connect(this.#options);
  }
}

/** An answer that is no success. */
export class Answered extends Error {
  override readonly name = "Answered";
  readonly status: number;

  constructor(method: string, path: string, status: number) {
    super(`${method} ${path} was answered with ${status}`);
    this.status = status;
  }
}

export class Door {
  readonly #origin: URL;
  readonly #agent: EdgeAgent;
  #cookies = new Map<string, string>();

  /** `authority`: who alone may vouch for the edge, a certificate; otherwise whom Node believes. */
  constructor(config: Pick<Config, "origin" | "edge">, authority?: string) {
    this.#origin = config.origin;
    this.#agent = new EdgeAgent(config, authority);
  }

  get cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  forget(): void {
    this.#cookies = new Map();
  }

  /** Sends JSON as the page does and takes what is answered, cookies too. */
  post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const payload = Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const asked = request(
        new URL(path, this.#origin),
        {
          method: "POST",
          agent: this.#agent,
          signal,
          headers: {
            "content-type": "application/json",
            "content-length": payload.length,
            origin: this.#origin.origin,
            "user-agent": "grocery-synthetic-user",
            ...(this.#cookies.size > 0 ? { cookie: this.cookieHeader } : {}),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > ANSWER_LIMIT) answer.destroy(new Error(`POST ${path} was answered with too much`));
            else chunks.push(chunk);
          });
          answer.on("error", reject);
          answer.on("end", () => {
            this.#take(answer.headers["set-cookie"] ?? []);
            const status = answer.statusCode ?? 0;
            if (status < 200 || status >= 300) return reject(new Answered("POST", path, status));
            try {
              resolve(size === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8")));
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error)));
            }
          });
        },
      );
      asked.on("error", reject);
      asked.end(payload);
    });
  }

  /** What Zero takes for the browser's WebSocket: one that goes through this door, with the cookies of the moment. */
  socketClass(): typeof globalThis.WebSocket {
    const options = () => ({
      agent: this.#agent,
      headers: { origin: this.#origin.origin, cookie: this.cookieHeader },
      handshakeTimeout: 10_000,
      perMessageDeflate: false,
    });
    return class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols, options());
        // Zero hears of errors by its own listener; without any the process would end.
        this.on("error", () => undefined);
      }
    } as unknown as typeof globalThis.WebSocket;
  }

  #take(setCookies: readonly string[]): void {
    for (const text of setCookies) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(text) ?? [];
      if (name === undefined || value === undefined) continue;
      if (value === "" || /;\s*max-age=0/i.test(text)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}
