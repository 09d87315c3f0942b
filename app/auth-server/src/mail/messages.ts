/** What mails say. Never a name or a word that a person typed: anyone can have a mail sent to any address. */
export type Message = { readonly subject: string; readonly text: string };

export type MailText =
  | { readonly is: "verify" | "reset"; readonly token: string }
  | { readonly is: "known" | "password-changed" };

export function message(mail: MailText, pageOrigin: string): Message {
  // Behind # the token stays in the browser: no server and no proxy sees it in an address.
  switch (mail.is) {
    case "verify":
      return {
        subject: "Confirm your e-mail address",
        text: paragraphs(
          "Somebody, hopefully you, made an account of Grocery List with this e-mail address. To confirm that it is yours, open",
          `${pageOrigin}/verify#${mail.token}`,
          "The link is good for two days. If it was not you, do not open it and do nothing: without it the account gets no invitations to lists.",
        ),
      };
    case "reset":
      return {
        subject: "Choose a new password",
        text: paragraphs(
          "Somebody, hopefully you, asked for a new password for the account with this e-mail address. To choose one, open",
          `${pageOrigin}/reset#${mail.token}`,
          "The link is good for one hour and once. If it was not you, do nothing: your password stays as it is.",
        ),
      };
    case "known":
      return {
        subject: "You already have an account",
        text: paragraphs(
          "Somebody, hopefully you, tried to register at Grocery List with this e-mail address, which has an account already. Nothing was changed.",
          "To log in, or to choose a new password if you do not know it, open",
          `${pageOrigin}/forgot`,
          "If it was not you, do nothing.",
        ),
      };
    case "password-changed":
      return {
        subject: "Your password was changed",
        text: paragraphs(
          "The password of your account was changed, and your other devices were logged out.",
          "If it was not you, choose a new password at once:",
          `${pageOrigin}/forgot`,
        ),
      };
  }
}

const paragraphs = (...parts: string[]) => `${["Hello,", ...parts].join("\n\n")}\n`;
