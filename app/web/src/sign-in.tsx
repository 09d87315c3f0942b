import { limits } from "@grocery/schema/limits";
import { createSignal, Show } from "solid-js";
import { Mark } from "./icons.tsx";
import { logIn, register, session } from "./session.ts";

export function SignIn() {
  const [registering, setRegistering] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  const reason = () => {
    const now = session();
    return problem() ?? (now.state === "out" ? now.because : undefined);
  };

  const submit = async (event: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string) => String(form.get(name) ?? "");
    setBusy(true);
    setProblem(undefined);
    try {
      if (registering()) await register(field("name"), field("email"), field("password"));
      else await logIn(field("email"), field("password"));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form class="card" data-testid="auth-form" onSubmit={(event) => void submit(event)}>
        <div class="brand">
          <Mark />
          <h1>Grocery List</h1>
        </div>
        <p class="quiet">One list for everyone who shops with you.</p>
        <Show when={registering()}>
          <label>
            Your name
            <input
              name="name"
              data-testid="auth-name"
              autocomplete="name"
              required
              maxLength={limits.profileName}
              placeholder="As others on your lists will see it"
            />
          </label>
        </Show>
        <label>
          E-mail address
          <input
            name="email"
            type="email"
            data-testid="auth-email"
            autocomplete="username"
            inputmode="email"
            required
            maxLength={limits.email}
          />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            data-testid="auth-password"
            autocomplete={registering() ? "new-password" : "current-password"}
            required
            minLength={registering() ? limits.passwordMin : undefined}
            maxLength={limits.passwordMaxBytes}
            aria-describedby={registering() ? "password-rule" : undefined}
          />
        </label>
        <Show when={registering()}>
          <p class="hint" id="password-rule">
            At least {limits.passwordMin} characters.
          </p>
        </Show>
        <p class="problem" role="alert" data-testid="auth-error">
          {reason()}
        </p>
        <button class="primary" type="submit" data-testid="auth-submit" disabled={busy()}>
          {registering() ? "Create account" : "Log in"}
        </button>
        <button
          class="link"
          type="button"
          data-testid="auth-switch"
          onClick={() => {
            setRegistering(!registering());
            setProblem(undefined);
          }}
        >
          {registering() ? "I have an account" : "I am new here"}
        </button>
      </form>
    </main>
  );
}
