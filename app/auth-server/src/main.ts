import { ConfigError, loadConfig, type Config } from "./config.ts";
import { currentRequestId } from "./request-id.ts";
import { buildServer } from "./server.ts";

declare const __VERSION__: string;

const RETRY_MS = 1_000;
const CLOSE_LIMIT_MS = 10_000;

function configOrExit(): Config {
  try {
    return loadConfig(process.env, process.env["SECRETS_DIRECTORY"] ?? "/run/secrets", __VERSION__);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stdout.write(
      `${JSON.stringify({ level: "fatal", time: new Date().toISOString(), service: "auth-server", msg: error.message })}\n`,
    );
    process.exit(2);
  }
}

const config = configOrExit();
const { app, database, report, drain } = await buildServer(config);

// Libraries that write to the console would break the one-JSON-object-a-line log.
for (const level of ["error", "warn", "info", "debug"] as const)
  console[level] = (...parts: unknown[]) => {
    const err = parts.find((part) => part instanceof Error);
    app.log[level]({ err, requestId: currentRequestId() }, parts.filter((part) => typeof part === "string").join(" "));
  };
console.log = console.info;

process.on("unhandledRejection", (reason) => {
  app.log.error({ err: reason }, "a promise failed with nobody waiting");
  report(reason, "nobody waiting");
});

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), config.DRAIN_SECONDS * 1000 + CLOSE_LIMIT_MS).unref();
    drain().then(
      () => process.exit(0),
      (error: unknown) => {
        app.log.fatal({ err: error }, "closing failed");
        process.exit(1);
      },
    );
  });

await app.listen({ host: config.HOST, port: config.PORT });

// Health turns green with the database's first answer, so somebody has to go on asking.
const wait = async (): Promise<void> => {
  while (!database.hasAnswered && !stopping) {
    try {
      await database.ping();
      app.log.info("the database answered");
    } catch (error) {
      app.log.warn({ err: error }, "the database does not answer yet");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
};
void wait();
