/** Settings from the environment, secrets from files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Env = Readonly<Record<string, string | undefined>>;

/** Names the setting that is missing or wrong; a secret's value stays out of it. */
export class ConfigError extends Error {}

export function address(name: string, text: string, protocols: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol))
    throw new ConfigError(`${name}: expected an address with ${protocols.join(" or ")}, got ${text}`);
  return url;
}

export function whole(env: Env, name: string, otherwise: number, most: number): number {
  const text = env[name] ?? String(otherwise);
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) throw new ConfigError(`${name}: expected a whole number up to ${most}, got ${text}`);
  return value;
}

export const port = (env: Env, name: string, otherwise: number): number => whole(env, name, otherwise, 65_535);

export function needed(env: Env, name: string, what: string): string {
  const text = env[name];
  if (!text) throw new ConfigError(`${name}: is missing. Set it to ${what}.`);
  return text;
}

/** Undefined when there is no such file. */
export function readSecret(directory: string, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw new ConfigError(`${name}: ${join(directory, name)} cannot be read: ${String(error)}`);
  }
}
