import { ZeroProvider } from "@rocicorp/zero/solid";
import { createEffect, createSignal, Match, onCleanup, onMount, Show, Switch } from "solid-js";
import { wordsOf } from "./api.ts";
import { PHASE_WORDS } from "./connection.ts";
import { Dialog } from "./dialog.tsx";
import { InstallIcon, LeaveIcon, Mark, PersonIcon } from "./icons.tsx";
import { install, installable } from "./install.ts";
import { Later } from "./later.tsx";
import { ListView } from "./list-view.tsx";
import { Lists } from "./lists.tsx";
import { part } from "./part.tsx";
import { endPush, resumePush } from "./push.ts";
import { follow, go, openList, place } from "./route.ts";
import { logOut, signedOut, type User } from "./session.ts";
import { createStore, NOTE_ID, type Store } from "./store.ts";
import { say, Toast } from "./toast.tsx";
import { UpdateBanner } from "./update-banner.tsx";

const KEPT =
  "No connection. What you change is kept here and sent when it is back: for a minute, then lists can only be read.";
const REFUSED = "No connection. You can read your lists, but not change them until it is back.";

const AccountPage = part(async () => (await import("./account/page.tsx")).AccountPage);

/** Everything behind the login, for one user. */
export function Workspace(props: { user: User }) {
  // The store belongs to one account; what else is known of the user may change under it.
  const store = createStore(props.user);
  const [asking, setAsking] = createSignal(false);
  let content!: HTMLElement;

  /** Ends what `end` ends on the server, and then everything this browser holds of the user. */
  const leave = async (end: () => Promise<unknown>) => {
    await end();
    await endPush().catch(() => undefined);
    await store.forget().catch(() => undefined);
    go("/");
    signedOut();
  };
  const leaveNow = () => {
    setAsking(false);
    const end = async () => {
      // While the server still knows whose notifications they are.
      if (navigator.onLine) await endPush().catch(() => undefined);
      await logOut();
    };
    leave(end).catch((error: unknown) => say(wordsOf(error)));
  };
  const askToLeave = async () => {
    if (await store.settled()) leaveNow();
    else setAsking(true);
  };
  // Whoever is asked wants to leave: once nothing would be lost, there is no question left.
  createEffect(() => {
    if (asking() && store.pending() === 0) leaveNow();
  });

  onMount(() => void resumePush(props.user).catch((error: unknown) => console.warn(wordsOf(error))));
  keepUnsent(store);
  followNotifications();

  return (
    <ZeroProvider zero={store.zero()}>
      <div
        class="workspace"
        classList={{ "has-open-page": place().page !== "lists" }}
        data-writable={String(store.writable())}
      >
        <header class="bar">
          <a
            class="skip"
            href="#content"
            onClick={(event) => {
              event.preventDefault();
              content.focus();
            }}
          >
            Skip to the content
          </a>
          <a class="brand" href="/" aria-label="Grocery List: your lists" onClick={follow}>
            <Mark />
            <span class="wide-only">Grocery List</span>
          </a>
          <span class="connection" data-testid="connection" data-state={store.state()}>
            {PHASE_WORDS[store.state()]}
          </span>
          <span class="bar-end">
            <Show when={installable()}>
              <button
                class="link install"
                type="button"
                data-testid="install"
                aria-label="Install the application"
                onClick={install}
              >
                <InstallIcon />
                <span class="wide-only">Install</span>
              </button>
            </Show>
            <a
              class="button user"
              href="/account"
              data-testid="account-open"
              title={props.user.email}
              aria-current={place().page === "account" ? "page" : undefined}
              onClick={follow}
            >
              <PersonIcon />
              <span data-testid="user-name">{props.user.name}</span>
              <span class="unseen">, account</span>
            </a>
            <button
              class="plain icon-button"
              type="button"
              data-testid="logout"
              aria-label="Log out"
              title="Log out"
              onClick={() => void askToLeave()}
            >
              <LeaveIcon />
            </button>
          </span>
        </header>
        <main class="panes" id="content" tabindex="-1" ref={content}>
          <Later>
            <Lists user={props.user} store={store} />
          </Later>
          <div class="pane">
            <Later>
              <Switch fallback={<p class="empty wide-only">Choose a list, or start a new one.</p>}>
                <Match when={openList()} keyed>
                  {(listId) => <ListView listId={listId} user={props.user} store={store} />}
                </Match>
                <Match when={place().page === "account"}>
                  <AccountPage user={props.user} leave={leave} />
                </Match>
              </Switch>
            </Later>
          </div>
        </main>
        <div class="notices">
          <UpdateBanner />
          <OfflineNote store={store} />
          <Toast />
        </div>
        <Show when={asking()}>
          <Dialog title="Log out now?" testid="confirm-dialog" onClose={() => setAsking(false)}>
            <p>{unsent(store.pending())} has not reached the server yet. Logging out loses it.</p>
            <div class="row end">
              <button class="plain" type="button" data-testid="confirm-no" onClick={() => setAsking(false)}>
                Wait
              </button>
              <button class="danger" type="button" data-testid="confirm-yes" onClick={leaveNow}>
                Log out
              </button>
            </div>
          </Dialog>
        </Show>
      </div>
    </ZeroProvider>
  );
}

const unsent = (count: number) => (count === 1 ? "One change" : `Something of ${count} changes`);

/** Says that there is no connection, what that means for changes, and how many wait. */
function OfflineNote(props: { store: Store }) {
  const writable = () => props.store.note()?.writable === true;
  return (
    // There from the start: what appears with its place may not be read out.
    <div role="status">
      <Show when={props.store.note()}>
        <p class="notice" id={NOTE_ID} data-testid="offline-note" data-writable={String(writable())}>
          <span>
            {writable() ? KEPT : REFUSED}
          </span>
          <Show when={props.store.pending() > 0}>
            <span class="waiting">
              Not sent yet: <strong data-testid="pending-writes">{props.store.pending()}</strong>
            </span>
          </Show>
        </p>
      </Show>
    </div>
  );
}

/** Leaving the page loses what has not reached the server: the browser asks first, as long as there is anything. */
function keepUnsent(store: Store): void {
  const ask = (event: BeforeUnloadEvent) => event.preventDefault();
  createEffect(() => {
    if (store.pending() === 0) return;
    addEventListener("beforeunload", ask);
    onCleanup(() => removeEventListener("beforeunload", ask));
  });
}

/** Goes where a notification that was clicked leads: the service worker says so, and this page is loaded already. */
function followNotifications(): void {
  if (!("serviceWorker" in navigator)) return;
  const onMessage = ({ data }: MessageEvent<{ type?: unknown; path?: unknown } | undefined>) => {
    if (data?.type === "open" && typeof data.path === "string") go(data.path);
  };
  navigator.serviceWorker.addEventListener("message", onMessage);
  onCleanup(() => navigator.serviceWorker.removeEventListener("message", onMessage));
}
