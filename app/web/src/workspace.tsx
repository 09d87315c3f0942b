import { ZeroProvider } from "@rocicorp/zero/solid";
import { Show } from "solid-js";
import { ListView } from "./list-view.tsx";
import { Lists } from "./lists.tsx";
import { Mark } from "./icons.tsx";
import { go, openList } from "./route.ts";
import { logOut, signedOut, type User } from "./session.ts";
import { createStore } from "./store.ts";
import { say, Toast } from "./toast.tsx";

const CONNECTION_WORDS = {
  connected: "Live",
  connecting: "Connecting",
  disconnected: "Offline",
  "needs-auth": "Signing in again",
  error: "Reconnecting",
  closed: "Offline",
} as const;

/** Everything behind the login, for one user. */
export function Workspace(props: { user: User }) {
  const store = createStore(props.user);

  const leave = async () => {
    try {
      await logOut();
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
      return;
    }
    await store.forget().catch(() => undefined);
    history.replaceState(null, "", "/");
    signedOut();
  };

  return (
    <ZeroProvider zero={store.zero()}>
      <div class="workspace" classList={{ "has-open-page": openList() !== undefined }}>
        <header class="bar">
          <a
            class="brand"
            href="/"
            onClick={(event) => {
              event.preventDefault();
              go("/");
            }}
          >
            <Mark />
            <span class="wide-only">Grocery List</span>
          </a>
          <span class="connection" role="status" data-testid="connection" data-state={store.state()}>
            {CONNECTION_WORDS[store.state()]}
          </span>
          <span class="user" data-testid="user-name" title={props.user.email}>
            {props.user.name}
          </span>
          <button class="link" type="button" data-testid="logout" onClick={() => void leave()}>
            Log out
          </button>
        </header>
        <Show when={store.outdated()}>
          <p class="banner" role="alert" data-testid="update-banner">
            There is a new version of this page.
            <button class="primary" type="button" data-testid="update-reload" onClick={() => location.reload()}>
              Load it
            </button>
          </p>
        </Show>
        <Lists user={props.user} store={store} />
        <main class="pane">
          <Show when={openList()} keyed fallback={<p class="empty wide-only">Choose a list, or start a new one.</p>}>
            {(listId) => <ListView listId={listId} user={props.user} store={store} />}
          </Show>
        </main>
        <Toast />
      </div>
    </ZeroProvider>
  );
}
