import { readFileSync } from "node:fs";
import { join } from "node:path";

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

/** Names the setting that is missing or wrong; a secret's value stays out of it. */
export class ConfigError extends Error {}

function address(name: string, text: string, protocols: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol))
    throw new ConfigError(`${name}: expected an address with ${protocols.join(" or ")}, got ${text}`);
  return url;
}

function port(env: Readonly<Record<string, string | undefined>>, name: string, otherwise: number): number {
  const text = env[name] ?? String(otherwise);
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw new ConfigError(`${name}: expected a port, got ${text}`);
  return value;
}

/** Headers as OTLP names them: `name=value,name=value`, values percent-encoded. */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const part of text.trim().split(",").filter((entry) => entry.trim() !== "")) {
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

function readSecret(directory: string, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw new ConfigError(`${name}: ${join(directory, name)} cannot be read: ${String(error)}`);
  }
}

export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  secretsDirectory = "/run/secrets",
): Config {
  const stack = env["STACK"];
  if (!stack) throw new ConfigError("STACK: is missing. Set it to the name of the stack whose containers count.");
  const endpoint = env["LOG_SHIPPING_ENDPOINT"];
  return {
    stack,
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
