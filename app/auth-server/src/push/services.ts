import type { PushService } from "../config.ts";

/**
 * The one spelling of a push endpoint, or undefined when it is not at a push service we know. A subscription names any
 * address it likes, and we would send to it from inside: only these may be asked.
 */
export function knownEndpoint(endpoint: string, services: readonly PushService[]): string | undefined {
  if (!URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  if (url.username !== "" || url.password !== "" || url.hash !== "") return undefined;
  const known = services.some((service) =>
    "origin" in service
      ? url.origin === service.origin
      : url.protocol === "https:" && url.port === "" && url.hostname.endsWith(service.suffix),
  );
  return known ? url.href : undefined;
}
