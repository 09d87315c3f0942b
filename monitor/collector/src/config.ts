import { address, ConfigError, needed, port, readSecret, type Env } from "../../common/settings.ts";

/** Where logs are sent: the base of an OTLP/HTTP receiver, and what it wants to be told with each request. */
export type LogShipping = { readonly endpoint: URL; readonly headers: Readonly<Record<string, string>> };

export type Config = {
  /** The stack whose containers count. */
  readonly stack: string;
  /** The engine's API or what filters it: http://host:port, or unix:///path for development. */
  readonly dockerUrl: URL;
  readonly metricsPort: number;
  readonly otlpPort: number;
  readonly logShipping: LogShipping | undefined;
};

/** Headers as OTLP names them: `name=value,name=value`, values percent-encoded. */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const part of text.split(",").filter((entry) => entry.trim() !== "")) {
    const [, name, value] = /^\s*([A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/s.exec(part) ?? [];
    let decoded: string | undefined;
    try {
      decoded = value === undefined ? undefined : decodeURIComponent(value);
    } catch {
      decoded = undefined;
    }
    if (name === undefined || decoded === undefined || /[\r\n\0]/.test(decoded))
      throw new ConfigError("OTLP_HEADERS: expected name=value,name=value with percent-encoded values");
    headers[name] = decoded;
  }
  return headers;
}

export function loadConfig(env: Env, secretsDirectory = "/run/secrets"): Config {
  const endpoint = env["LOG_SHIPPING_ENDPOINT"];
  return {
    stack: needed(env, "STACK", "the name of the stack whose containers count"),
    dockerUrl: address("DOCKER_URL", env["DOCKER_URL"] ?? "http://docker-filter:2375", ["http:", "unix:"]),
    metricsPort: port(env, "METRICS_PORT", 9400),
    otlpPort: port(env, "OTLP_PORT", 4318),
    logShipping: endpoint
      ? {
          endpoint: address("LOG_SHIPPING_ENDPOINT", endpoint, ["http:", "https:"]),
          headers: parseHeaders(readSecret(secretsDirectory, "OTLP_HEADERS") ?? ""),
        }
      : undefined,
  };
}
