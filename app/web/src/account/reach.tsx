import { limits } from "@grocery/schema/limits";
import { createResource, createSignal, createUniqueId, For, Show } from "solid-js";
import { wordsOf } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { createSubmission, Field, Problem } from "../form.tsx";
import { askAs, callAs } from "../session.ts";
import type { Leave } from "./page.tsx";
import { Section, when } from "./section.tsx";

/** Times in milliseconds since 1970; `client` as the server made it out: "Firefox on Linux". */
type Session = {
  readonly id: string;
  readonly current: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly client: string;
};

const EXPORT_NAME = "grocery-list.json";

/** Where one is logged in. */
export function Sessions(props: { leave: Leave }) {
  const [problem, setProblem] = createSignal<string>();
  const [sessions, { refetch }] = createResource(async () => {
    try {
      return (await callAs<{ sessions: readonly Session[] }>("GET", "/api/account/sessions")).sessions;
    } catch (error) {
      setProblem(wordsOf(error));
      return [];
    }
  });
  const attempt = async (work: () => Promise<unknown>) => {
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(wordsOf(error));
    }
  };
  const end = (id: string) =>
    attempt(async () => {
      await callAs("DELETE", `/api/account/sessions/${encodeURIComponent(id)}`);
      await refetch();
    });
  const endAll = () => attempt(() => props.leave(() => callAs("DELETE", "/api/account/sessions")));
  return (
    <Section id="sessions">
      <ul class="rows" aria-label="Where you are logged in" aria-busy={sessions.loading}>
        <For each={sessions.latest} fallback={<li class="hint">{sessions.loading ? "Loading…" : "–"}</li>}>
          {(session) => (
            <li data-testid="session" data-session-id={session.id} data-current={String(session.current)}>
              <span>
                {session.client || "Unknown browser"}
                <Show when={session.current}>
                  <span class="badge">this device</span>
                </Show>
                <span class="state">Last used {when(session.lastUsedAt)}</span>
              </span>
              <Show when={!session.current}>
                <button
                  class="link"
                  type="button"
                  data-testid="session-end"
                  aria-label={`Log out ${session.client}`}
                  onClick={() => void end(session.id)}
                >
                  Log out
                </button>
              </Show>
            </li>
          )}
        </For>
      </ul>
      <Problem id={createUniqueId()} testid="sessions-error">
        {problem()}
      </Problem>
      <div class="row">
        <button class="danger" type="button" data-testid="sessions-end-all" onClick={() => void endAll()}>
          Log out everywhere
        </button>
      </div>
    </Section>
  );
}

/** A copy of everything, and the end of everything. */
export function Data(props: { leave: Leave }) {
  const [asking, setAsking] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  const problemId = createUniqueId();

  const save = async () => {
    setProblem(undefined);
    try {
      const url = URL.createObjectURL(await (await askAs("GET", "/api/account/export")).blob());
      const link = document.createElement("a");
      link.href = url;
      link.download = EXPORT_NAME;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      setProblem(wordsOf(error));
    }
  };
  const deletion = createSubmission(async (field) => {
    await props.leave(() => callAs("POST", "/api/account/delete", { password: field("password") }));
  });

  return (
    <Section id="data">
      <p class="hint">A file with everything that is kept about you and your lists, readable by people and programs.</p>
      <div class="row">
        <button class="plain bordered" type="button" data-testid="export" onClick={() => void save()}>
          Download my data
        </button>
        <button class="danger" type="button" data-testid="delete-open" onClick={() => setAsking(true)}>
          Delete the account
        </button>
      </div>
      <Problem id={`${problemId}-export`} testid="export-error">
        {problem()}
      </Problem>
      <Show when={asking()}>
        <Dialog title="Delete the account?" testid="delete-dialog" onClose={() => setAsking(false)}>
          <form class="form" onSubmit={deletion.submit}>
            <p>
              It is gone at once and for good. Lists that you share pass to those you share them with; your own are
              deleted.
            </p>
            <Field
              label="Your password"
              testid="delete-password"
              name="password"
              type="password"
              autocomplete="current-password"
              required
              maxLength={limits.passwordMaxBytes}
              problemId={problemId}
            />
            <Problem id={problemId} testid="delete-error">
              {deletion.problem()}
            </Problem>
            <div class="row end">
              <button class="plain" type="button" data-testid="delete-cancel" onClick={() => setAsking(false)}>
                Keep it
              </button>
              <button class="danger" type="submit" data-testid="delete-confirm" disabled={deletion.busy()}>
                Delete
              </button>
            </div>
          </form>
        </Dialog>
      </Show>
    </Section>
  );
}
