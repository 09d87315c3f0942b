import type { PoolClient } from "pg";
import type { Database } from "./database.ts";
import type { User } from "./sessions.ts";

/**
 * Removes an account and what is only its own. A list that others are members of passes to the one of them who has been
 * there longest; items stay where they are, without the name of who added them.
 */
export async function deleteAccount(database: Database, user: Pick<User, "id" | "email">): Promise<void> {
  await database.transaction(async (client) => {
    // From here on nobody makes a list for this account, accepts an invitation to one of its lists, or leaves one.
    await client.query("SELECT 1 FROM public.profile WHERE id = $1 FOR UPDATE", [user.id]);
    const lists = await client.query<{ id: string }>(
      "SELECT id FROM public.list WHERE owner_id = $1 ORDER BY id FOR UPDATE",
      [user.id],
    );
    for (const { id } of lists.rows) await handOver(client, id, user.id);
    await client.query("DELETE FROM public.invitation WHERE email = $1", [user.email]);
    // Everything else goes with the profile: account, sessions, memberships, subscriptions, lists without others.
    await client.query("DELETE FROM public.profile WHERE id = $1", [user.id]);
  });
}

async function handOver(client: PoolClient, listId: string, ownerId: string): Promise<void> {
  // All of them are locked, so that the one chosen cannot leave meanwhile.
  const members = await client.query<{ user_id: string }>(
    `SELECT user_id FROM public.list_member WHERE list_id = $1 AND user_id <> $2
      ORDER BY joined_at, user_id FOR UPDATE`,
    [listId, ownerId],
  );
  const heir = members.rows[0]?.user_id;
  if (heir === undefined) return;
  await client.query("UPDATE public.list SET owner_id = $2 WHERE id = $1", [listId, heir]);
  await client.query("UPDATE public.invitation SET invited_by = $2 WHERE list_id = $1", [listId, heir]);
}
