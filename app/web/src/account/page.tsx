import { For, onMount } from "solid-js";
import { BackIcon } from "../icons.tsx";
import { Later } from "../later.tsx";
import { follow } from "../route.ts";
import type { User } from "../session.ts";
import { Appearance, Password, Profile } from "./person.tsx";
import { Data, Sessions } from "./reach.tsx";
import { Notifications } from "./notifications.tsx";
import { SECTIONS } from "./section.tsx";
import "../styles/account.css";

/** Ends what `end` ends on the server and then everything this browser holds. Throws what the server says no with. */
export type Leave = (end: () => Promise<unknown>) => Promise<void>;

/** Everything about one's own account, on one page. */
export function AccountPage(props: { user: User; leave: Leave }) {
  let heading!: HTMLHeadingElement;
  onMount(() => {
    document.title = "Account – Grocery List";
    heading.focus();
  });
  return (
    <article class="account" data-testid="account">
      <div class="list-head">
        <a
          class="button plain icon-button narrow-only"
          href="/"
          data-testid="account-back"
          aria-label="Back to the lists"
          onClick={follow}
        >
          <BackIcon />
        </a>
        <h1 ref={heading} tabindex="-1">
          Account
        </h1>
      </div>
      <nav class="sections" aria-label="Parts of this page">
        <For each={Object.entries(SECTIONS)}>
          {([id, title]) => (
            <a
              href={`#${id}`}
              onClick={(event) => {
                event.preventDefault();
                document.getElementById(id)?.scrollIntoView();
                document.getElementById(`${id}-title`)?.focus({ preventScroll: true });
              }}
            >
              {title}
            </a>
          )}
        </For>
      </nav>
      <Profile user={props.user} />
      <Appearance />
      <Password email={props.user.email} />
      <Later>
        <Sessions leave={props.leave} />
        <Notifications user={props.user} />
        <Data leave={props.leave} />
      </Later>
    </article>
  );
}
