import { limits } from "@grocery/schema/limits";
import { createResource, createUniqueId, For, Show } from "solid-js";
import { createSubmission, Field, Problem } from "../form.tsx";
import { serverConfig } from "../server-config.ts";
import { callAs, remember, type User } from "../session.ts";
import { chooseTheme, theme, THEMES, type Theme } from "../theme.ts";
import { Section } from "./section.tsx";

const THEME_WORDS: Readonly<Record<Theme, string>> = { system: "As the device", light: "Light", dark: "Dark" };

/** What others see of one, and where mail goes. */
export function Profile(props: { user: User }) {
  const problemId = createUniqueId();
  const [mails] = createResource(async () => (await serverConfig().catch(() => undefined))?.email ?? false);
  const form = createSubmission(async (field) => {
    const changed = await callAs<User>("PUT", "/api/account", { name: field("name").trim() });
    remember({ ...props.user, name: changed.name });
  });
  const verification = createSubmission(async () => {
    await callAs("POST", "/api/account/verification");
  });
  const verified = () => props.user.emailVerified !== false;
  return (
    <Section id="profile">
      <form class="form" onSubmit={form.submit}>
        <Field
          label="Your name"
          testid="account-name"
          name="name"
          autocomplete="name"
          required
          maxLength={limits.profileName}
          value={props.user.name}
          hint="As others on your lists see it."
          problemId={problemId}
        />
        <Problem id={problemId}>{form.problem()}</Problem>
        <Outcome form={form} testid="account-name-save" label="Save" done="Saved." />
      </form>
      <dl class="facts">
        <dt>E-mail address</dt>
        <dd>
          <span data-testid="account-email">{props.user.email}</span>
          <Show when={mails()}>
            <span class="badge" data-testid="account-verified" data-verified={String(verified())}>
              {verified() ? "verified" : "not verified"}
            </span>
          </Show>
        </dd>
      </dl>
      <Show when={mails() && !verified()}>
        <form class="form" onSubmit={verification.submit}>
          <p class="hint">
            Invitations to this address wait until you follow the link in the mail that was sent to it.
          </p>
          <Problem id={`${problemId}-mail`}>{verification.problem()}</Problem>
          <Outcome form={verification} testid="account-resend" label="Send the mail again" done="It is on its way." />
        </form>
      </Show>
    </Section>
  );
}

export function Appearance() {
  const id = createUniqueId();
  return (
    <Section id="appearance">
      <div class="field">
        <label for={id}>Colours</label>
        <select id={id} data-testid="theme" onChange={(event) => chooseTheme(event.currentTarget.value as Theme)}>
          <For each={THEMES}>
            {(choice) => (
              <option value={choice} selected={choice === theme()}>
                {THEME_WORDS[choice]}
              </option>
            )}
          </For>
        </select>
      </div>
    </Section>
  );
}

export function Password(props: { email: string }) {
  const problemId = createUniqueId();
  const form = createSubmission(async (field, element) => {
    await callAs("POST", "/api/account/password", { current: field("current"), next: field("next") });
    element.reset();
  });
  return (
    <Section id="password">
      <form class="form" onSubmit={form.submit}>
        {/* For password managers, which keep a password beside the name it belongs to. */}
        <input type="email" autocomplete="username" value={props.email} hidden readOnly />
        <Field
          label="Current password"
          testid="password-current"
          name="current"
          type="password"
          autocomplete="current-password"
          required
          maxLength={limits.passwordMaxBytes}
          problemId={problemId}
        />
        <Field
          label="New password"
          testid="password-next"
          name="next"
          type="password"
          autocomplete="new-password"
          required
          minLength={limits.passwordMin}
          maxLength={limits.passwordMaxBytes}
          hint={`At least ${limits.passwordMin} characters. Your other devices will be logged out.`}
          problemId={problemId}
        />
        <Problem id={problemId} testid="password-error">
          {form.problem()}
        </Problem>
        <Outcome form={form} testid="password-save" label="Change the password" done="Changed." />
      </form>
    </Section>
  );
}

/** The button that sends a form, and beside it that all went well. */
export function Outcome(props: {
  form: ReturnType<typeof createSubmission>;
  testid: string;
  label: string;
  done: string;
}) {
  return (
    <div class="row outcome">
      <button class="primary" type="submit" data-testid={props.testid} disabled={props.form.busy()}>
        {props.label}
      </button>
      <span class="done" role="status" data-testid={`${props.testid}-done`}>
        {props.form.done() ? props.done : ""}
      </span>
    </div>
  );
}
