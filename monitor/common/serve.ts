import { createServer, type RequestListener, type Server } from "node:http";
import { CONTENT_TYPE, render, type Family } from "./exposition.ts";
import { errorText, type Log } from "./log.ts";
import { ConfigError } from "./settings.ts";

/** Listens on all addresses; port 0 for any. Resolves with the port. */
export function listen(listener: RequestListener, port: number): Promise<{ readonly server: Server; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer(listener);
    server.once("error", reject).listen(port, "0.0.0.0", () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address ? address.port : port });
    });
  });
}

/** `GET /metrics` and `GET /health`. */
export const metricsListener =
  (families: () => Promise<Iterable<Family>>, log: Log): RequestListener =>
  (request, response) => {
    const path = (request.url ?? "").replace(/\?.*/, "");
    if (path === "/health") return void response.end("ok\n");
    if (path !== "/metrics") return void response.writeHead(404).end();
    families().then(
      (found) => response.setHeader("content-type", CONTENT_TYPE).end(render(found)),
      (error: unknown) => {
        log("error", "figures could not be told", { error: errorText(error) });
        response.writeHead(500).end();
      },
    );
  };

/** Runs a program's main part; wrong settings end it with a sentence and exit code 2. */
export async function start(log: Log, main: () => Promise<void>): Promise<void> {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
  try {
    await main();
  } catch (error) {
    log("fatal", error instanceof ConfigError ? error.message : errorText(error));
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}
