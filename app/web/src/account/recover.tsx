import { limits } from "@grocery/schema/limits";
import { createSignal, createUniqueId, Match, onMount, Show, Switch } from "solid-js";
import { call, wordsOf } from "../api.ts";
import { createSubmission, Field, Problem } from "../form.tsx";
import { Mark } from "../icons.tsx";
import { follow, place } from "../route.ts";
import { resume, session, signedOut } from "../session.ts";

/**
 * The token of the link in a mail. It is in the fragment, which browsers keep to themselves, and leaves the address at
 * once: nobody finds it in the history.
 */
function takeToken(): string {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return token;
}

/** The pages that links in mails lead to, and the one that asks for such a mail. For anybody, logged in or not. */
export function Recover() {
  return (
    <main class="sign-in">
      <div class="card">
        <div class="brand">
          <Mark />
          <span>Grocery List</span>
        </div>
        <Switch>
          <Match when={place().page === "forgot"}>
            <Forgot />
          </Match>
          <Match when={place().page === "reset"}>
            <Reset />
          </Match>
          <Match when={place().page === "verify"}>
            <Verify />
          </Match>
        </Switch>
        <a class="button link" href="/" onClick={follow}>
          {session().state === "in" ? "To your lists" : "To the login"}
        </a>
      </div>
    </main>
  );
}

function Forgot() {
  const problemId = createUniqueId();
  const form = createSubmission(async (field) => {
    await call("POST", "/api/auth/forgot-password", { email: field("email") });
  });
  onMount(() => (document.title = "Forgotten password – Grocery List"));
  return (
    <form class="form" onSubmit={form.submit}>
      <h1>Forgotten password</h1>
      <Field
        label="E-mail address of your account"
        testid="forgot-email"
        name="email"
        type="email"
        autocomplete="username"
        required
        maxLength={limits.email}
        problemId={problemId}
      />
      <Problem id={problemId} testid="forgot-error">
        {form.problem()}
      </Problem>
      <button class="primary" type="submit" data-testid="forgot-submit" disabled={form.busy()}>
        Send a link
      </button>
      <div role="status">
        <Show when={form.done()}>
          <p class="done" data-testid="forgot-done">
            If there is an account with this address, a mail with a link is on its way to it. The link is good for an
            hour.
          </p>
        </Show>
      </div>
    </form>
  );
}

function Reset() {
  const token = takeToken();
  const problemId = createUniqueId();
  const form = createSubmission(async (field, element) => {
    await call("POST", "/api/auth/reset-password", { token, password: field("password") });
    element.reset();
    // A new password ends every session, so also the one there may be here.
    signedOut();
  });
  onMount(() => (document.title = "New password – Grocery List"));
  return (
    <form class="form" onSubmit={form.submit}>
      <h1>New password</h1>
      <Field
        label="New password"
        testid="reset-password"
        name="password"
        type="password"
        autocomplete="new-password"
        required
        minLength={limits.passwordMin}
        maxLength={limits.passwordMaxBytes}
        hint={`At least ${limits.passwordMin} characters. Every device that is logged in will be logged out.`}
        problemId={problemId}
      />
      <Problem id={problemId} testid="reset-error">
        {form.problem() ?? (token === "" ? "The link is not whole: open it from the mail again." : undefined)}
      </Problem>
      <button class="primary" type="submit" data-testid="reset-submit" disabled={form.busy() || form.done()}>
        Set the password
      </button>
      <div role="status">
        <Show when={form.done()}>
          <p class="done" data-testid="reset-done">
            The new password is set. Log in with it.
          </p>
        </Show>
      </div>
    </form>
  );
}

function Verify() {
  const token = takeToken();
  const [answer, setAnswer] = createSignal<"asking" | "done" | { readonly problem: string }>("asking");
  onMount(async () => {
    document.title = "Verifying the address – Grocery List";
    try {
      await call("POST", "/api/auth/verify-email", { token });
      setAnswer("done");
      // Whoever is logged in here may be the one whose address it is.
      if (session().state === "in") await resume();
    } catch (error) {
      setAnswer({ problem: wordsOf(error) });
    }
  });
  const problem = () => {
    const now = answer();
    return typeof now === "object" ? now.problem : undefined;
  };
  return (
    <div class="form">
      <h1>Your e-mail address</h1>
      <div role="status">
        <Switch fallback={<p>One moment…</p>}>
          <Match when={answer() === "done"}>
            <p class="done" data-testid="verify-done">
              The address is verified. Invitations to it are yours.
            </p>
          </Match>
          <Match when={problem()}>
            <p class="problem" data-testid="verify-error">
              {problem()}
            </p>
          </Match>
        </Switch>
      </div>
    </div>
  );
}
