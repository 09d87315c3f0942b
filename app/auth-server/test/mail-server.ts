/** A mail server of the tests' own: takes what is sent and lets a test wait for it. */
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export type Mail = { readonly to: string; readonly from: string; readonly subject: string; readonly text: string; readonly headers: string };

export class MailServer {
  readonly mails: Mail[] = [];
  /** What the next mails are refused with, in that order: SMTP codes. */
  readonly refusals: number[] = [];
  attempts = 0;
  readonly #server: SMTPServer;
  port = 0;

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      logger: false,
      onData: (stream, session, callback) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          this.attempts += 1;
          const code = this.refusals.shift();
          if (code !== undefined) return callback(Object.assign(new Error("not now"), { responseCode: code }));
          const to = session.envelope.rcptTo[0]?.address ?? "";
          this.mails.push(parse(Buffer.concat(chunks).toString(), to));
          return callback();
        });
      },
      ...options,
    });
    // A client that hangs up is the client's affair.
    this.#server.on("error", () => undefined);
  }

  static start(options: SMTPServerOptions = {}): Promise<MailServer> {
    const mail = new MailServer(options);
    return new Promise((resolve) => {
      const listening = mail.#server.listen(0, "127.0.0.1", () => {
        const address = listening.address();
        mail.port = typeof address === "object" && address ? address.port : 0;
        resolve(mail);
      });
    });
  }

  /** Settings with which the server sends here. */
  get settings(): Record<string, string> {
    return { SMTP_HOST: "localhost", SMTP_PORT: String(this.port), SMTP_SECURITY: "none" };
  }

  to(address: string): readonly Mail[] {
    return this.mails.filter((mail) => mail.to === address);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function parse(raw: string, to: string): Mail {
  const [headers = "", ...rest] = raw.split("\r\n\r\n");
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(headers)?.[1] ?? "";
  const body = rest.join("\n\n").replaceAll("\r\n", "\n");
  const text = /quoted-printable/i.test(field("Content-Transfer-Encoding"))
    ? body.replace(/=\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    : body;
  return { to, from: field("From"), subject: field("Subject"), text, headers };
}
