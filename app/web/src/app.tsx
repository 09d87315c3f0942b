import { createMemo, Match, onMount, Show, Switch } from "solid-js";
import { Loading, part } from "./part.tsx";
import { place } from "./route.ts";
import { remembered, resume, session } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { UpdateBanner } from "./update-banner.tsx";

// Most of the program is the part behind the login, so the login page does not wait for it.
const loadWorkspace = async () => (await import("./workspace.tsx")).Workspace;
const Workspace = part(loadWorkspace);
const Recover = part(async () => (await import("./account/recover.tsx")).Recover);

export function App() {
  onMount(() => {
    void resume();
    // Whoever was here last is likely to be it again.
    if (remembered()) loadWorkspace().catch(() => undefined);
  });
  const user = () => {
    const now = session();
    return now.state === "in" ? now.user : undefined;
  };
  // Another account is another page; so is one whose address has been verified, which may see more.
  const identity = createMemo(() => {
    const now = user();
    return now && `${now.id} ${now.emailVerified}`;
  });
  const recovering = () => ["forgot", "reset", "verify"].includes(place().page);
  return (
    <>
      <Switch fallback={<Loading />}>
        <Match when={recovering()}>
          <Recover />
        </Match>
        <Match when={session().state === "out"}>
          <SignIn />
        </Match>
        <Match when={identity()} keyed>
          <Show when={user()}>{(now) => <Workspace user={now()} />}</Show>
        </Match>
      </Switch>
      <Show when={recovering() || identity() === undefined}>
        <div class="notices">
          <UpdateBanner />
        </div>
      </Show>
    </>
  );
}
