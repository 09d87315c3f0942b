import { limits } from "@grocery/schema/limits";
import { createSignal, createUniqueId, onMount, Show } from "solid-js";
import { createSubmission, Field, Problem } from "./form.tsx";
import { Mark } from "./icons.tsx";
import { follow } from "./route.ts";
import { serverConfig } from "./server-config.ts";
import { logIn, register, session } from "./session.ts";

export function SignIn() {
  const [registering, setRegistering] = createSignal(false);
  const [mails, setMails] = createSignal(false);
  const problemId = createUniqueId();
  const form = createSubmission(async (field) => {
    if (registering()) await register(field("name"), field("email"), field("password"));
    else await logIn(field("email"), field("password"));
  });
  const reason = () => {
    const now = session();
    return form.problem() ?? (now.state === "out" ? now.because : undefined);
  };
  onMount(() => {
    document.title = "Grocery List";
    serverConfig().then(
      ({ email }) => setMails(email),
      () => undefined,
    );
  });

  return (
    <main class="sign-in">
      <form class="card" data-testid="auth-form" onSubmit={form.submit}>
        <div class="brand">
          <Mark />
          <h1>Grocery List</h1>
        </div>
        <p class="quiet">One list for everyone who shops with you.</p>
        <Show when={registering()}>
          <Field
            label="Your name"
            testid="auth-name"
            name="name"
            autocomplete="name"
            required
            maxLength={limits.profileName}
            hint="As others on your lists will see it."
            problemId={problemId}
          />
        </Show>
        <Field
          label="E-mail address"
          testid="auth-email"
          name="email"
          type="email"
          autocomplete="username"
          inputmode="email"
          required
          maxLength={limits.email}
          problemId={problemId}
        />
        <Field
          label="Password"
          testid="auth-password"
          name="password"
          type="password"
          autocomplete={registering() ? "new-password" : "current-password"}
          required
          minLength={registering() ? limits.passwordMin : undefined}
          maxLength={limits.passwordMaxBytes}
          hint={registering() ? `At least ${limits.passwordMin} characters.` : undefined}
          problemId={problemId}
        />
        <Problem id={problemId} testid="auth-error">
          {reason()}
        </Problem>
        <button class="primary" type="submit" data-testid="auth-submit" disabled={form.busy()}>
          {registering() ? "Create account" : "Log in"}
        </button>
        <div class="row between">
          <button
            class="link"
            type="button"
            data-testid="auth-switch"
            onClick={() => {
              setRegistering(!registering());
              form.setProblem(undefined);
            }}
          >
            {registering() ? "I have an account" : "I am new here"}
          </button>
          <Show when={mails() && !registering()}>
            <a class="button link" href="/forgot" data-testid="forgot-open" onClick={follow}>
              Forgot password?
            </a>
          </Show>
        </div>
      </form>
    </main>
  );
}
