import { mutators } from "@grocery/schema";
import { limits, reachableEmail } from "@grocery/schema/limits";
import { createSignal, For, Show } from "solid-js";
import { Dialog } from "../dialog.tsx";
import type { User } from "../session.ts";
import type { Store } from "../store.ts";

type Member = {
  readonly userId: string;
  readonly role: "owner" | "editor";
  readonly profile?: { readonly name: string } | undefined;
};
type SharedList = {
  readonly id: string;
  readonly ownerId: string;
  readonly members: readonly Member[];
  readonly invitations: readonly { readonly email: string }[];
};

/** Who is on a list and as what; its owner also invites people, takes them off again, and makes one the owner. */
export function SharePanel(props: { list: SharedList; user: User; store: Store; onClose: () => void }) {
  const [address, setAddress] = createSignal("");
  const [problem, setProblem] = createSignal<string>();
  const [heir, setHeir] = createSignal<string>();
  const owner = () => props.list.ownerId === props.user.id;

  const invite = async (event: SubmitEvent) => {
    event.preventDefault();
    const email = reachableEmail(address());
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
            <MemberRow
              member={member}
              me={member.userId === props.user.id}
              owner={member.userId === props.list.ownerId}
              manageable={owner() && member.userId !== props.user.id}
              asked={heir() === member.userId}
              onAsk={(asked) => setHeir(asked ? member.userId : undefined)}
              onRemove={() =>
                void props.store.write(mutators.member.remove({ listId: props.list.id, userId: member.userId }))
              }
              onHandOver={() => {
                setHeir(undefined);
                void props.store.write(mutators.list.handOver({ id: props.list.id, userId: member.userId }));
              }}
            />
          )}
        </For>
        <For each={props.list.invitations}>
          {(invitation) => (
            <li data-testid="share-pending" data-email={invitation.email}>
              <span class="person">
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

function MemberRow(props: {
  member: Member;
  me: boolean;
  owner: boolean;
  manageable: boolean;
  /** Whether it is being asked if this member shall be the owner. */
  asked: boolean;
  onAsk: (asked: boolean) => void;
  onRemove: () => void;
  onHandOver: () => void;
}) {
  let ask: HTMLButtonElement | undefined;
  const name = () => props.member.profile?.name ?? "this member";
  return (
    <li data-testid="share-member" data-user-id={props.member.userId}>
      <span class="person">
        {props.member.profile?.name ?? "…"}
        <Show when={props.me}> (you)</Show>
        <span class="state" data-testid="member-role">
          {props.owner ? "owner" : "editor"}
        </span>
      </span>
      <Show when={props.manageable && !props.asked}>
        <button
          ref={ask}
          class="link"
          type="button"
          data-testid="list-hand-over"
          aria-label={`Make owner: ${name()}`}
          onClick={() => props.onAsk(true)}
        >
          Make owner
        </button>
        <button
          class="link"
          type="button"
          data-testid="share-member-remove"
          aria-label={`Remove ${name()}`}
          onClick={() => props.onRemove()}
        >
          Remove
        </button>
      </Show>
      <Show when={props.manageable && props.asked}>
        <div class="asked" role="group" aria-label={`Make ${name()} the owner?`}>
          <p>Then {name()} decides about this list, and you stay on it as an editor.</p>
          <div class="row end">
            <button
              class="plain"
              type="button"
              data-testid="confirm-no"
              onClick={() => {
                props.onAsk(false);
                queueMicrotask(() => ask?.focus());
              }}
            >
              Keep it
            </button>
            <button
              class="danger"
              type="button"
              data-testid="confirm-yes"
              ref={(button) => queueMicrotask(() => button.focus())}
              onClick={() => props.onHandOver()}
            >
              Make owner
            </button>
          </div>
        </div>
      </Show>
    </li>
  );
}
