import { address, ConfigError, needed, port, readSecret, whole, type Env } from "../../common/settings.ts";

export type Config = {
  /** How browsers name the application: https://groceries.example.org */
  readonly origin: URL;
  /** Where its edge is reached from here; the certificate it shows must still be the origin's. */
  readonly edge: { readonly host: string; readonly port: number };
  readonly intervalMs: number;
  readonly metricsPort: number;
  readonly password: string;
};

export function loadConfig(env: Env, secretsDirectory = "/run/secrets"): Config {
  const [, host, edgePort] = /^([^\s:/]+):(\d+)$/.exec(needed(env, "EDGE_ADDRESS", "host:port of the edge")) ?? [];
  if (host === undefined) throw new ConfigError("EDGE_ADDRESS: expected host:port");
  const password = readSecret(secretsDirectory, "SYNTHETIC_PASSWORD");
  if (!password) throw new ConfigError(`SYNTHETIC_PASSWORD: is missing. Put it into ${secretsDirectory}.`);
  return {
    origin: address("ORIGIN", needed(env, "ORIGIN", "the application's address, such as https://example.org"), ["https:"]),
    edge: { host, port: Number(edgePort) },
    intervalMs: whole(env, "INTERVAL_SECONDS", 60, 3_600) * 1000,
    metricsPort: port(env, "METRICS_PORT", 9401),
    password,
  };
}
