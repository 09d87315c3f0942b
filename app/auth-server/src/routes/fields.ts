/** What people type about themselves, as the routes accept it. */
import { limits, reachableEmail } from "@grocery/schema";
import * as z from "zod";

export const email = z.string().transform((address, check) => {
  const normal = reachableEmail(address);
  if (normal !== undefined) return normal;
  check.addIssue({ code: "custom", message: "This is not an e-mail address." });
  return z.NEVER;
});

export const newPassword = z
  .string()
  .min(limits.passwordMin, `A password has at least ${limits.passwordMin} characters.`)
  .refine((text) => Buffer.byteLength(text) <= limits.passwordMaxBytes, {
    error: `A password has at most ${limits.passwordMaxBytes} bytes.`,
  });

/** Whatever could never be a password is a wrong one, not a malformed request: the answer stays the same. */
export const givenPassword = z.string().max(1000);

export const profileName = z
  .string()
  .trim()
  .min(1, "A name is needed.")
  .max(limits.profileName, "This name is too long.")
  // PostgreSQL's text holds every character but this one.
  .refine((text) => !text.includes("\0"), { error: "This name cannot be kept." });

/** The secret of a link in a mail. */
export const linkToken = z.string().max(200);
