import type { Database } from "./database.ts";

/** Removes what has been kept for long enough. Rows that several replicas remove at once are removed once. */
export async function tidy(database: Database): Promise<void> {
  // Undo is for the moment; thirty days are for whoever comes back from a holiday to an empty list.
  await database.rows("DELETE FROM trash.item WHERE removed_at < now() - interval '30 days'");
  // With its deliveries. What was held by quiet hours is younger than a day.
  await database.rows("DELETE FROM push.event WHERE created_at < now() - interval '7 days'");
  await database.rows(
    `DELETE FROM push.subscription USING auth.session
      WHERE session.id = session_id AND (session.revoked_at IS NOT NULL OR session.expires_at <= now())`,
  );
}
