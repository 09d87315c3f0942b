import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import { join } from "node:path";
import * as z from "zod";

/** Seconds of `15m`, `30d`, `3600s` or a bare number of seconds. */
const duration = z.string().transform((text, check) => {
  const match = /^(\d+)([smhd]?)$/.exec(text.trim());
  const unit = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ""] ?? 1;
  const seconds = Number(match?.[1]) * unit;
  if (match && Number.isSafeInteger(seconds) && seconds > 0) return seconds;
  check.addIssue({ code: "custom", message: "expected a duration such as 15m, 30d or 3600" });
  return z.NEVER;
});

const whole = (min: number, max: number) =>
  z.string().regex(/^\d+$/, "expected a whole number").transform(Number).pipe(z.number().min(min).max(max));

const secret = z.string().min(32, "expected at least 32 characters");

/** `true` or a number of proxies in front, each on a private network; or the proxies' addresses and networks. */
const trustProxy = z.string().transform((text): false | string[] | ((address: string, hop: number) => boolean) => {
  const value = text.trim();
  if (value === "false" || value === "0") return false;
  // Believing more proxies than there are would let a client name its own address, so `true` is one, not all.
  const proxies = value === "true" ? 1 : /^\d+$/.test(value) ? Number(value) : undefined;
  if (proxies === undefined) return value.split(",").map((part) => part.trim());
  return (address, hop) => hop < proxies && isPrivate(address);
});

const privateNetworks = new BlockList();
for (const [network, prefix] of [["127.0.0.0", 8], ["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16]] as const)
  privateNetworks.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [["::1", 128], ["fc00::", 7]] as const)
  privateNetworks.addSubnet(network, prefix, "ipv6");

function isPrivate(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return isIP(plain) !== 0 && privateNetworks.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4");
}

const origins = z.string().transform((text, check) => {
  const found = new Set<string>();
  for (const part of text.split(",").map((entry) => entry.trim()).filter(Boolean)) {
    if (!URL.canParse(part)) {
      check.addIssue({ code: "custom", message: `expected origins such as https://example.org, got ${part}` });
      return z.NEVER;
    }
    found.add(new URL(part).origin);
  }
  return found;
});

/** Where errors are reported to: `https://<key>@<host>/<path><project>`, as Sentry and what speaks like it name it. */
export type Dsn = { readonly endpoint: string; readonly key: string };

const dsn = z.string().transform((text, check): Dsn => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const project = url && /^(.*\/)(\d+)$/.exec(url.pathname);
  if (url && project && url.username !== "" && /^https?:$/.test(url.protocol))
    return { endpoint: `${url.origin}${project[1]}api/${project[2]}/envelope/`, key: url.username };
  check.addIssue({ code: "custom", message: "expected a DSN such as https://key@errors.example.org/1" });
  return z.NEVER;
});

/** A push service's origin; `suffix` where any host that ends so is meant. */
export type PushService = { readonly origin: string } | { readonly suffix: string };

const DEFAULT_PUSH_SERVICES =
  "https://fcm.googleapis.com,https://updates.push.services.mozilla.com,https://*.push.apple.com,https://*.notify.windows.com";

const parsePushServices = (text: string): readonly PushService[] | undefined => {
  const services: PushService[] = [];
  for (const part of text.split(",").map((entry) => entry.trim()).filter(Boolean)) {
    const wildcard = /^https:\/\/\*(\.[a-z0-9.-]+)$/.exec(part);
    if (wildcard?.[1] !== undefined) services.push({ suffix: wildcard[1] });
    else if (/^https?:\/\/[^*/]+$/.test(part) && URL.canParse(part)) services.push({ origin: new URL(part).origin });
    else return undefined;
  }
  return services;
};

const pushServices = z.string().transform((text, check) => {
  const services = parsePushServices(text);
  if (services) return services;
  check.addIssue({ code: "custom", message: "expected origins such as https://push.example.org or https://*.example.org" });
  return z.NEVER;
});

const environment = z.object({
  NODE_ENV: z.string().default("production"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  PORT: whole(0, 65_535).default(3001),
  HOST: z.string().default("0.0.0.0"),
  DRAIN_SECONDS: whole(0, 300).default(3),

  DB_HOST: z.string().min(1),
  DB_PORT: whole(1, 65_535).default(5432),
  DB_NAME: z.string().min(1),
  DB_USER: z.string().min(1),
  DB_PASSWORD: z.string().min(1),
  DB_MAX_CONNECTIONS: whole(1, 1000).default(10),
  /** Milliseconds, both. */
  DB_IDLE_TIMEOUT: whole(0, 3_600_000).default(30_000),
  DB_CONNECTION_TIMEOUT: whole(100, 60_000).default(3_000),
  PGSSLMODE: z
    .enum(["disable", "verify-full"], {
      error: "expected verify-full or disable: everything between them encrypts without knowing for whom",
    })
    .default("verify-full"),
  NODE_EXTRA_CA_CERTS: z.string().optional(),

  JWT_ACCESS_SECRET: secret,
  JWT_REFRESH_SECRET: secret,
  JWT_ACCESS_SECRET_PREVIOUS: secret.optional(),
  JWT_REFRESH_SECRET_PREVIOUS: secret.optional(),
  JWT_ACCESS_EXPIRY: duration.default(15 * 60),
  JWT_REFRESH_EXPIRY: duration.default(30 * 86_400),
  BCRYPT_ROUNDS: whole(4, 16).default(12),

  ZERO_AUTH_SECRET: secret,
  ZERO_APP_ID: z.string().regex(/^[a-z0-9_]+$/).default("grocery"),

  TRUST_PROXY: trustProxy.default(false),
  CORS_ORIGIN: origins.default(new Set<string>()),
  FRONTEND_URL: origins.default(new Set<string>()),
  CLIENT_URL: origins.default(new Set<string>()),
  RATE_LIMIT_WINDOW_MS: whole(1_000, 86_400_000).default(900_000),
  RATE_LIMIT_MAX_REQUESTS: whole(1, 10_000_000).default(600),
  LOGIN_WINDOW_MS: whole(1_000, 86_400_000).default(900_000),
  LOGIN_ATTEMPTS_PER_ACCOUNT: whole(1, 10_000_000).default(10),
  LOGIN_ATTEMPTS_PER_ADDRESS: whole(1, 10_000_000).default(100),
  /** Accounts asked for, and links of mails asked for or tried, by one address in a window of LOGIN_WINDOW_MS. */
  REGISTRATIONS_PER_ADDRESS: whole(1, 10_000_000).default(100),
  MAIL_REQUESTS_PER_ADDRESS: whole(1, 10_000_000).default(50),
  /** In an hour; those beyond it are not sent, which nobody is told. */
  MAILS_PER_RECIPIENT: whole(1, 10_000_000).default(5),

  EMAIL_FROM: z.string().max(320).default("Grocery List <grocery@localhost>"),
  SMTP_HOST: z.string().max(253).optional(),
  SMTP_PORT: whole(1, 65_535).default(587),
  SMTP_SECURITY: z.enum(["starttls", "tls", "none"]).default("starttls"),
  SMTP_USERNAME: z.string().max(320).optional(),
  SMTP_PASSWORD: z.string().max(1000).optional(),

  ERROR_REPORTING_DSN: dsn.optional(),

  /** Of the account that monitoring logs in with; where it is given, the server keeps that account. */
  SYNTHETIC_PASSWORD: z.string().min(16, "expected at least 16 characters").max(72).optional(),

  VAPID_PUBLIC_KEY: z.string().regex(/^[\w-]{87}$/, "expected the 87 characters of a P-256 point").optional(),
  VAPID_PRIVATE_KEY: z.string().regex(/^[\w-]{43}$/, "expected the 43 characters of a P-256 scalar").optional(),
  VAPID_SUBJECT: z.string().regex(/^(mailto:|https:)/, "expected a mailto: or https: address").optional(),
  PUSH_SERVICES: pushServices.default(parsePushServices(DEFAULT_PUSH_SERVICES) ?? []),
  PUSH_SETTLE_SECONDS: whole(1, 600).default(20),
});

type Environment = z.infer<typeof environment>;

/** The server that takes our mail. `credentials` where it wants some. */
export type EmailConfig = {
  readonly host: string;
  readonly port: number;
  readonly security: "starttls" | "tls" | "none";
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly from: string;
};

/** What push messages are signed with and where they may go. */
export type PushConfig = {
  readonly publicKey: string;
  readonly privateKey: string;
  readonly subject: string;
  readonly services: readonly PushService[];
  readonly settleSeconds: number;
};

export type Config = Omit<Environment, "CORS_ORIGIN" | "FRONTEND_URL" | "CLIENT_URL"> & {
  /** Where pages may come from that send writes here. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** The page's origin, which links in mails point to. */
  readonly pageOrigin: string;
  /** Undefined where no mail can be sent: then nothing needs one. */
  readonly email: EmailConfig | undefined;
  readonly push: PushConfig | undefined;
  readonly version: string;
};

/** Names every setting that is missing or wrong; values stay out of it, some are secret. */
export class ConfigError extends Error {}

const secretNames = [
  "DB_PASSWORD",
  "JWT_ACCESS_SECRET",
  "JWT_REFRESH_SECRET",
  "JWT_ACCESS_SECRET_PREVIOUS",
  "JWT_REFRESH_SECRET_PREVIOUS",
  "ZERO_AUTH_SECRET",
  "SMTP_PASSWORD",
  "ERROR_REPORTING_DSN",
  "SYNTHETIC_PASSWORD",
  "VAPID_PRIVATE_KEY",
] as const;

function readSecret(directory: string, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw new ConfigError(`${name}: ${join(directory, name)} cannot be read: ${String(error)}`);
  }
}

/**
 * Settings from the environment. An empty variable counts as absent; a secret that is absent is read from the file of
 * its name in `secretsDirectory`, so that it need not be in any environment.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  secretsDirectory = "/run/secrets",
  version = "0.0.0",
): Config {
  const given: Record<string, string> = {};
  for (const name of Object.keys(environment.shape)) {
    const value = env[name];
    if (value !== undefined && value !== "") given[name] = value;
  }
  for (const name of secretNames) {
    const value = given[name] ?? readSecret(secretsDirectory, name);
    if (value !== undefined && value !== "") given[name] = value;
  }
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.join(".")}: ${given[String(issue.path[0])] === undefined ? "is missing" : issue.message}`,
    );
    throw new ConfigError(
      `${faults.join("; ")}. Set them in the environment` +
        ` (secrets also as files in ${secretsDirectory}) and start again.`,
    );
  }
  const { CORS_ORIGIN, FRONTEND_URL, CLIENT_URL, ...rest } = parsed.data;
  const allowedOrigins = new Set([...CLIENT_URL, ...FRONTEND_URL, ...CORS_ORIGIN]);
  const [pageOrigin] = allowedOrigins;
  if (pageOrigin === undefined)
    throw new ConfigError("CORS_ORIGIN: is missing. Set it to the page's origin, such as https://localhost:8443.");
  return {
    ...rest,
    allowedOrigins,
    pageOrigin,
    email: emailConfig(rest, secretsDirectory),
    push: pushConfig(rest),
    version,
  };
}

type Rest = Omit<Environment, "CORS_ORIGIN" | "FRONTEND_URL" | "CLIENT_URL">;

function emailConfig(env: Rest, secretsDirectory: string): EmailConfig | undefined {
  const { SMTP_HOST: host, SMTP_PORT: port, SMTP_SECURITY: security, EMAIL_FROM: from } = env;
  if (host === undefined) return undefined;
  const { SMTP_USERNAME: username, SMTP_PASSWORD: password } = env;
  if (username !== undefined && password === undefined)
    throw new ConfigError(`SMTP_PASSWORD: is missing, but SMTP_USERNAME is set. Put it into ${secretsDirectory}.`);
  if (username !== undefined && security === "none")
    throw new ConfigError("SMTP_SECURITY: none would send SMTP_PASSWORD in the clear. Set it to starttls or tls.");
  const credentials = username !== undefined && password !== undefined ? { username, password } : undefined;
  return { host, port, security, credentials, from };
}

function pushConfig(env: Rest): PushConfig | undefined {
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, VAPID_SUBJECT: subject } = env;
  if (publicKey === undefined || privateKey === undefined || subject === undefined) return undefined;
  return { publicKey, privateKey, subject, services: env.PUSH_SERVICES, settleSeconds: env.PUSH_SETTLE_SECONDS };
}
