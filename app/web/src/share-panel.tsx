import { mutators } from "@grocery/schema";
import { limits, normaliseEmail } from "@grocery/schema/limits";
import { createSignal, For, Show } from "solid-js";
import { Dialog } from "./dialog.tsx";
import type { User } from "./session.ts";
import type { Store } from "./store.ts";

type SharedList = {
  readonly id: string;
  readonly ownerId: string;
  readonly members: readonly { readonly userId: string; readonly profile?: { readonly name: string } | undefined }[];
  readonly invitations: readonly { readonly email: string }[];
};

/** Who is on a list; its owner also invites people and takes them off again. */
export function SharePanel(props: { list: SharedList; user: User; store: Store; onClose: () => void }) {
  const [address, setAddress] = createSignal("");
  const [problem, setProblem] = createSignal<string>();
  const owner = () => props.list.ownerId === props.user.id;

  const invite = async (event: SubmitEvent) => {
    event.preventDefault();
    const email = normaliseEmail(address());
    setProblem(undefined);
    if (email === undefined) return setProblem("This is not an e-mail address.");
    if (email === props.user.email) return setProblem("You are on this list already.");
    if (await props.store.write(mutators.invitation.create({ listId: props.list.id, email, at: Date.now() })))
      setAddress("");
  };

  return (
    <Dialog title="Who is on this list" testid="share-dialog" onClose={props.onClose}>
      <ul class="people">
        <For each={props.list.members}>
          {(member) => (
            <li data-testid="share-member" data-user-id={member.userId}>
              <span>
                {member.profile?.name ?? "…"}
                <Show when={member.userId === props.user.id}> (you)</Show>
                <Show when={member.userId === props.list.ownerId}>
                  <span class="state">owner</span>
                </Show>
              </span>
              <Show when={owner() && member.userId !== props.user.id}>
                <button
                  class="link"
                  type="button"
                  data-testid="share-member-remove"
                  aria-label={`Remove ${member.profile?.name ?? "this member"}`}
                  onClick={() =>
                    void props.store.write(
                      mutators.member.remove({ listId: props.list.id, userId: member.userId }),
                    )
                  }
                >
                  Remove
                </button>
              </Show>
            </li>
          )}
        </For>
        <For each={props.list.invitations}>
          {(invitation) => (
            <li data-testid="share-pending" data-email={invitation.email}>
              <span>
                {invitation.email}
                <span class="state">invited</span>
              </span>
              <button
                class="link"
                type="button"
                data-testid="share-withdraw"
                aria-label={`Withdraw the invitation of ${invitation.email}`}
                onClick={() =>
                  void props.store.write(
                    mutators.invitation.withdraw({ listId: props.list.id, email: invitation.email }),
                  )
                }
              >
                Withdraw
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={owner()} fallback={<p class="quiet">The owner of the list decides who is on it.</p>}>
        <form class="adder" onSubmit={(event) => void invite(event)} noValidate>
          <input
            type="email"
            aria-label="E-mail address of whom to invite"
            placeholder="E-mail address"
            data-testid="share-email"
            autocomplete="off"
            maxLength={limits.email}
            value={address()}
            onInput={(event) => setAddress(event.currentTarget.value)}
          />
          <button class="primary" type="submit" data-testid="share-submit">
            Invite
          </button>
        </form>
        <p class="problem" role="alert" data-testid="share-error">
          {problem()}
        </p>
        <p class="quiet">Whoever logs in with this address finds the invitation there.</p>
      </Show>
    </Dialog>
  );
}
