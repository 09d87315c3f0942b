import { lazy, Match, onMount, Show, Suspense, Switch } from "solid-js";
import { resume, session, type Session } from "./session.ts";
import { SignIn } from "./sign-in.tsx";

// Most of the program is the part behind the login, so the login page does not wait for it.
const loadWorkspace = () => import("./workspace.tsx");
const Workspace = lazy(async () => ({ default: (await loadWorkspace()).Workspace }));

const userOf = (now: Session) => (now.state === "in" ? now.user : undefined);
const Loading = () => <p class="loading">Loading…</p>;

export function App() {
  onMount(() => {
    void resume();
    loadWorkspace().catch(() => undefined);
  });
  return (
    <Switch fallback={<Loading />}>
      <Match when={session().state === "out"}>
        <SignIn />
      </Match>
      <Match when={session().state === "in"}>
        <Suspense fallback={<Loading />}>
          <Show when={userOf(session())} keyed>
            {(user) => <Workspace user={user} />}
          </Show>
        </Suspense>
      </Match>
    </Switch>
  );
}
