import { createServer, type Server } from "node:http";
import { ConfigError, loadConfig, type Config } from "./config.ts";
import { DockerApi } from "./docker/api.ts";
import { DockerWatch } from "./docker/watch.ts";
import { CONTENT_TYPE, render } from "./exposition.ts";
import { log } from "./log.ts";
import { receive } from "./otlp/sink.ts";
import { OtlpStore } from "./otlp/store.ts";
import { processFamilies } from "./process.ts";

// Nobody but it pushes, and it does not say who it is.
const PUSHES = "zero-cache";

function configOrExit(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log("fatal", error.message);
    process.exit(2);
  }
}

const config = configOrExit();
const api = new DockerApi(config.dockerUrl, config.stack);
const docker = new DockerWatch(api, (message, error) => log(error === undefined ? "info" : "warn", message, error));
const store = new OtlpStore();

const figures = createServer((request, response) => {
  const path = (request.url ?? "").replace(/\?.*/, "");
  if (path === "/health") return void response.end("ok\n");
  if (path !== "/metrics") return void response.writeHead(404).end();
  docker.families().then(
    (families) =>
      response.setHeader("content-type", CONTENT_TYPE).end(render([...families, ...store.families(), ...processFamilies()])),
    (error: unknown) => {
      log("error", "figures could not be told", error);
      response.writeHead(500).end();
    },
  );
});
const sink = createServer((request, response) => void receive(store, PUSHES, request, response));

const listen = (server: Server, port: number) =>
  new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "0.0.0.0", resolve));
await Promise.all([listen(figures, config.metricsPort), listen(sink, config.otlpPort)]);
log("info", `figures on port ${config.metricsPort}, OTLP on port ${config.otlpPort}`);

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
