import { full, limits, makeMutators, type Countable, type ServerSide } from "@grocery/schema";
import type { ServerTransaction } from "@rocicorp/zero";

const COUNTS: Readonly<Record<Countable, string>> = {
  listsPerUser: "SELECT count(*)::int AS count FROM public.list_member WHERE user_id = $1",
  membersPerList: "SELECT count(*)::int AS count FROM public.list_member WHERE list_id = $1",
  invitationsPerList: "SELECT count(*)::int AS count FROM public.invitation WHERE list_id = $1",
  itemsPerList: "SELECT count(*)::int AS count FROM public.item WHERE list_id = $1",
};

/** All there is to an item, the same in public.item and trash.item. */
export const ITEM_COLUMNS =
  "id, list_id, name, quantity, unit, category, note, position, checked, checked_by, checked_at, created_by, created_at";

async function rows(tx: ServerTransaction, sql: string, ...values: unknown[]) {
  return [...(await tx.dbTransaction.query(sql, values))];
}

const serverSide: ServerSide = {
  async count(tx, what, of) {
    const [row] = await rows(tx, COUNTS[what], of);
    return Number(row?.["count"]);
  },

  async remember(tx, { listId, name, quantity, unit, category }, key, at) {
    // Read and written by one statement: two people who add milk at the same moment are two additions.
    await rows(
      tx,
      `INSERT INTO public.remembered_item (list_id, key, name, quantity, unit, category, last_added_at)
       VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000))
       ON CONFLICT (list_id, key) DO UPDATE SET
         name = EXCLUDED.name, quantity = EXCLUDED.quantity, unit = EXCLUDED.unit,
         category = CASE EXCLUDED.category WHEN '' THEN remembered_item.category ELSE EXCLUDED.category END,
         times = remembered_item.times + 1, last_added_at = EXCLUDED.last_added_at`,
      ...[listId, key, name, quantity, unit, category, at],
    );
  },

  async itemAdded(tx, ctx, { id, listId }) {
    await rows(
      tx,
      `DELETE FROM public.remembered_item WHERE list_id = $1 AND key IN
         (SELECT key FROM public.remembered_item WHERE list_id = $1 ORDER BY last_added_at DESC, key OFFSET $2)`,
      listId,
      limits.rememberedPerList,
    );
    await rows(
      tx,
      `INSERT INTO push.addition (item_id, list_id, actor_id) SELECT $1, $2, $3
        WHERE EXISTS (SELECT FROM public.list_member AS member
                        JOIN push.subscription ON subscription.account_id = member.user_id
                       WHERE member.list_id = $2 AND member.user_id <> $3)`,
      id,
      listId,
      ctx.userId,
    );
  },

  async removeItems(tx, ctx, listId, ids) {
    // An id may have been on the list before.
    await rows(tx, "DELETE FROM trash.item WHERE list_id = $1 AND id = ANY($2)", listId, ids);
    await rows(
      tx,
      `WITH gone AS (DELETE FROM public.item WHERE list_id = $1 AND id = ANY($2) RETURNING *)
       INSERT INTO trash.item (${ITEM_COLUMNS}, removed_by) SELECT ${ITEM_COLUMNS}, $3 FROM gone`,
      listId,
      ids,
      ctx.userId,
    );
  },

  async restoreItems(tx, ctx, ids) {
    await rows(
      tx,
      `WITH back AS (DELETE FROM trash.item USING public.list_member AS member
                      WHERE item.id = ANY($1) AND member.list_id = item.list_id AND member.user_id = $2
                  RETURNING item.*)
       INSERT INTO public.item (${ITEM_COLUMNS}) SELECT ${ITEM_COLUMNS} FROM back ON CONFLICT (id) DO NOTHING`,
      ids,
      ctx.userId,
    );
    const lists = await rows(
      tx,
      `SELECT count(*) FILTER (WHERE item.id = ANY($1))::int AS restored, count(*)::int AS items
         FROM public.item JOIN public.list_member AS member ON member.list_id = item.list_id AND member.user_id = $2
        WHERE item.list_id IN (SELECT list_id FROM public.item WHERE id = ANY($1))
        GROUP BY item.list_id`,
      ids,
      ctx.userId,
    );
    if (lists.some((list) => Number(list["items"]) > limits.itemsPerList)) throw full("itemsPerList");
    return lists.reduce((sum, list) => sum + Number(list["restored"]), 0);
  },
};

/** The mutators as the server runs them. */
export const mutators = makeMutators(serverSide);
