import { errorText, logger } from "../../common/log.ts";
import { processFamilies } from "../../common/process.ts";
import { listen, metricsListener, start } from "../../common/serve.ts";
import { loadConfig } from "./config.ts";
import { DockerApi } from "./docker/api.ts";
import { DockerWatch } from "./docker/watch.ts";
import { LogFollower } from "./logs/follow.ts";
import { Shipper } from "./logs/shipper.ts";
import { receive } from "./otlp/sink.ts";
import { OtlpStore } from "./otlp/store.ts";

// Nobody but it pushes, and it does not say who it is.
const PUSHES = "zero-cache";

const log = logger("collector");

await start(log, async () => {
  const config = loadConfig(process.env, process.env["SECRETS_DIRECTORY"]);
  const api = new DockerApi(config.dockerUrl, config.stack);
  const docker = new DockerWatch(api, log);
  const store = new OtlpStore();
  const shipper = config.logShipping && new Shipper(config.stack, config.logShipping, log);
  const families = async () => [...(await docker.families()), ...store.families(), ...(shipper?.families() ?? []), ...processFamilies()];
  await listen(metricsListener(families, log), config.metricsPort);
  await listen((request, response) => {
    receive(store, PUSHES, request, response).catch((error: unknown) =>
      log("warn", "a push could not be answered", { error: errorText(error) }),
    );
  }, config.otlpPort);
  if (shipper) void new LogFollower(api, shipper).start();
  log("info", "figures can be read", { port: config.metricsPort, otlpPort: config.otlpPort });
});
