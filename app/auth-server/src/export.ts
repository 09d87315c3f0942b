import type { QueryResultRow } from "pg";
import type { Database } from "./database.ts";
import type { User } from "./sessions.ts";

/** Everything kept about a person, for that person. Moments are ISO 8601. */
export type Export = {
  readonly exportedAt: string;
  readonly account: QueryResultRow;
  readonly memberships: readonly QueryResultRow[];
  readonly ownLists: readonly QueryResultRow[];
  readonly itemsAddedElsewhere: readonly QueryResultRow[];
  readonly invitationsToMe: readonly QueryResultRow[];
  readonly sessions: readonly QueryResultRow[];
  readonly devices: readonly QueryResultRow[];
  readonly quietHours: QueryResultRow | null;
};

const ITEM = `item.id, item.name, item.quantity, item.unit, item.category, item.note, item.checked,
  item.checked_at AS "checkedAt", item.created_at AS "createdAt"`;

/**
 * One consistent picture of what belongs to `user`. Of others it tells what the person sees in the application anyway:
 * names of members, of own lists' items all, of others' lists only what the person added.
 */
export async function exportAccount(database: Database, user: User): Promise<Export> {
  return database.transaction(async (client) => {
    await client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const rows = async (sql: string, ...values: string[]) => (await client.query(sql, values)).rows as QueryResultRow[];
    const [account] = await rows(
      `SELECT account.id, account.email, profile.name, account.created_at AS "createdAt",
              account.verified_at AS "verifiedAt"
         FROM auth.account JOIN public.profile ON profile.id = account.id WHERE account.id = $1`,
      user.id,
    );
    const [quietHours] = await rows(
      `SELECT to_char(from_time, 'HH24:MI') AS "from", to_char(until_time, 'HH24:MI') AS "until", time_zone AS "timeZone"
         FROM push.quiet WHERE account_id = $1`,
      user.id,
    );
    return {
      exportedAt: new Date().toISOString(),
      account: account ?? {},
      memberships: await rows(
        `SELECT list.id, list.name, member.role, member.joined_at AS "joinedAt"
           FROM public.list_member AS member JOIN public.list ON list.id = member.list_id
          WHERE member.user_id = $1 ORDER BY member.joined_at, list.id`,
        user.id,
      ),
      ownLists: await rows(
        `SELECT list.id, list.name, list.created_at AS "createdAt", list.archived_at AS "archivedAt",
                list.item_order AS "itemOrder",
                (SELECT coalesce(json_agg(json_build_object('name', profile.name, 'role', member.role,
                          'joinedAt', member.joined_at) ORDER BY member.joined_at, profile.id), '[]')
                   FROM public.list_member AS member JOIN public.profile ON profile.id = member.user_id
                  WHERE member.list_id = list.id) AS members,
                (SELECT coalesce(json_agg(json_build_object('email', email, 'createdAt', created_at) ORDER BY email), '[]')
                   FROM public.invitation WHERE invitation.list_id = list.id) AS invitations,
                (SELECT coalesce(json_agg(one ORDER BY one."createdAt", one.id), '[]') FROM (
                   SELECT ${ITEM}, profile.name AS "addedBy" FROM public.item
                     LEFT JOIN public.profile ON profile.id = item.created_by
                    WHERE item.list_id = list.id) AS one) AS items,
                (SELECT coalesce(json_agg(json_build_object('name', name, 'quantity', quantity, 'unit', unit, 'note', note,
                          'removedAt', removed_at) ORDER BY removed_at, id), '[]')
                   FROM trash.item WHERE item.list_id = list.id) AS "itemsRemovedLately",
                (SELECT coalesce(json_agg(json_build_object('name', name, 'quantity', quantity, 'unit', unit,
                          'category', category, 'times', times, 'lastAddedAt', last_added_at) ORDER BY key), '[]')
                   FROM public.remembered_item WHERE remembered_item.list_id = list.id) AS "addedBefore"
           FROM public.list WHERE list.owner_id = $1 ORDER BY list.created_at, list.id`,
        user.id,
      ),
      itemsAddedElsewhere: await rows(
        `SELECT list.name AS list, ${ITEM}
           FROM public.item JOIN public.list ON list.id = item.list_id
          WHERE item.created_by = $1 AND list.owner_id <> $1 ORDER BY item.created_at, item.id`,
        user.id,
      ),
      // As in the application: whoever has not shown that the address is theirs does not see who invited it.
      invitationsToMe: user.emailVerified
        ? await rows(
            `SELECT list.name AS list, profile.name AS "invitedBy", invitation.created_at AS "createdAt"
               FROM public.invitation JOIN public.list ON list.id = invitation.list_id
               JOIN public.profile ON profile.id = invitation.invited_by
              WHERE invitation.email = $1 ORDER BY invitation.created_at, list.id`,
            user.email,
          )
        : [],
      sessions: await rows(
        `SELECT client, created_at AS "createdAt", last_used_at AS "lastUsedAt" FROM auth.session
          WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now() ORDER BY created_at, id`,
        user.id,
      ),
      // The endpoint and the keys are what a device is reached by, so they stay here.
      devices: await rows(
        `SELECT label, created_at AS "createdAt" FROM push.subscription WHERE account_id = $1 ORDER BY created_at, id`,
        user.id,
      ),
      quietHours: quietHours ?? null,
    };
  });
}
