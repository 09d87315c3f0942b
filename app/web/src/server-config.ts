import { call } from "./api.ts";

/** What the server offers beyond the lists. Nothing of it while it has not answered. */
export type ServerConfig = {
  readonly release: string;
  readonly pushPublicKey: string | null;
  readonly email: boolean;
  readonly errorReporting: boolean;
};

let asked: Promise<ServerConfig> | undefined;

/** Asked once; a failure is asked again by the next who wants to know. */
export function serverConfig(): Promise<ServerConfig> {
  asked ??= call<ServerConfig>("GET", "/api/config").catch((error: unknown) => {
    asked = undefined;
    throw error;
  });
  return asked;
}
