/** An edge of the tests' own: TLS for one name, logins, and whatever else a test makes of it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";

export const NAME = "groceries.test";
export type Seen = { readonly path: string; readonly host: string; readonly cookie: string; readonly origin: string; readonly asked: string | undefined; readonly body: unknown };
/** How the edge answers: a status, or not at all. */
type Answer = number | "silence";

/** A certificate for `name`, signed by itself. */
export function certificate(name: string): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(join(tmpdir(), "synthetic-"));
  try {
    const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=DNS:${name} -keyout key -out cert`;
    execFileSync("openssl", args.split(" "), { cwd: directory, stdio: "ignore" });
    return { key: readFileSync(join(directory, "key"), "utf8"), cert: readFileSync(join(directory, "cert"), "utf8") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export class Edge {
  readonly seen: Seen[] = [];
  /** By path; 200 otherwise. */
  readonly answers = new Map<string, Answer>();
  readonly sockets: Seen[] = [];
  readonly #server: Server;
  port = 0;

  private constructor({ key, cert }: { key: string; cert: string }) {
    this.#server = createServer({ key, cert }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { url: path = "", headers } = request;
        const text = Buffer.concat(chunks).toString();
        const { servername } = request.socket as TLSSocket & { servername?: string };
        this.seen.push({
          path,
          host: headers.host ?? "",
          cookie: headers.cookie ?? "",
          origin: headers.origin ?? "",
          asked: servername,
          body: text === "" ? undefined : JSON.parse(text),
        });
        const answer = this.answers.get(path) ?? 200;
        if (answer === "silence") return;
        if (path === "/api/auth/login" && answer === 200)
          response.setHeader("set-cookie", ["__Host-access=a; Path=/; Secure", "__Secure-refresh=r; Path=/api/auth; Secure"]);
        if (path === "/api/auth/logout") response.setHeader("set-cookie", ["__Host-access=; Max-Age=0", "__Secure-refresh=; Max-Age=0"]);
        response.writeHead(answer, { "content-type": "application/json" });
        response.end(JSON.stringify({ user: { id: "5e7e71c0-9a5e-4b0d-8d1e-6f0c3a7b1d42" } }));
      });
    });
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on("connection", (socket, request) => {
      const { host = "", cookie = "", origin = "" } = request.headers;
      const { servername } = request.socket as TLSSocket & { servername?: string };
      this.sockets.push({ path: request.url ?? "", host, cookie, origin, asked: servername, body: undefined });
      socket.send("welcome");
    });
  }

  static async start(made = certificate(NAME)): Promise<Edge> {
    const edge = new Edge(made);
    await new Promise<void>((resolve) => edge.#server.listen(0, "127.0.0.1", resolve));
    const address = edge.#server.address();
    edge.port = typeof address === "object" && address ? address.port : 0;
    return edge;
  }

  paths(): string[] {
    return this.seen.map(({ path }) => path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
