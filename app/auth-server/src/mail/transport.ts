import { createTransport, type Transporter } from "nodemailer";
import type { EmailConfig } from "../config.ts";

/** The way to the mail server: encrypted to whom a certificate vouches for, unless the settings say otherwise. */
export function transportFor(email: EmailConfig): Transporter {
  return createTransport({
    host: email.host,
    port: email.port,
    secure: email.security === "tls",
    requireTLS: email.security === "starttls",
    ignoreTLS: email.security === "none",
    tls: { minVersion: "TLSv1.2" },
    ...(email.credentials ? { auth: { user: email.credentials.username, pass: email.credentials.password } } : {}),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
