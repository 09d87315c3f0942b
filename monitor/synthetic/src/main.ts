import { logger } from "../../common/log.ts";
import { processFamilies } from "../../common/process.ts";
import { listen, metricsListener, start } from "../../common/serve.ts";
import { pretendToBeABrowser } from "./browser.ts";
import { loadConfig } from "./config.ts";
import { Door } from "./door.ts";
import { Figures } from "./figures.ts";
import { turn } from "./turn.ts";

// What clients remember from turn to turn spares the server new ones; now and then they show that they need not.
const FRESH_EVERY = 60;

const log = logger("synthetic-user");

await start(log, async () => {
  const config = loadConfig(process.env, process.env["SECRETS_DIRECTORY"]);
  const door = new Door(config);
  pretendToBeABrowser(door);
  const figures = new Figures();
  await listen(metricsListener(async () => [...figures.families(), ...processFamilies()], log), config.metricsPort);
  log("info", "taking turns", { origin: config.origin.origin, seconds: config.intervalMs / 1000 });
  for (let count = 0; ; count += 1) {
    const next = Date.now() + config.intervalMs;
    figures.note(await turn(config, door, log, count % FRESH_EVERY === FRESH_EVERY - 1));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())));
  }
});
