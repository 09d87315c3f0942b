import { defineQueries, defineQuery } from "@rocicorp/zero";
import * as z from "zod/mini";
import { limits } from "./limits.ts";
import { zql, type Context } from "./schema.ts";

const listsOf = (ctx: Context) => zql.list.whereExists("members", (member) => member.where("userId", ctx.userId));

/**
 * Everything a browser may ask for. Each query carries its own filter by membership, so a stranger's copy of it is
 * empty. The server runs these very functions with the verified context; the page's own run only predicts them.
 */
export const queries = defineQueries({
  list: {
    /** The caller's lists, archived ones too, oldest first, with what is still to buy. */
    mine: defineQuery(({ ctx }) =>
      listsOf(ctx)
        .related("items", (item) => item.where("checked", false))
        .related("members")
        .orderBy("createdAt", "asc"),
    ),
    /** One list with items and who added and checked them, members and, for its owner only, the open invitations. */
    byId: defineQuery(z.object({ id: z.uuid() }), ({ ctx, args }) =>
      listsOf(ctx)
        .where("id", args.id)
        .related("items", (item) => item.related("creator").related("checker").orderBy("createdAt", "asc"))
        .related("members", (member) => member.related("profile").orderBy("joinedAt", "asc"))
        .related("invitations", (invitation) =>
          invitation
            .whereExists("list", (list) => list.where("ownerId", ctx.userId))
            .orderBy("createdAt", "asc"),
        )
        .one(),
    ),
  },
  remembered: {
    /** What one list has had on it, newest first. */
    ofList: defineQuery(z.object({ listId: z.uuid() }), ({ ctx, args }) =>
      zql.rememberedItem
        .where("listId", args.listId)
        .whereExists("list", (list) => list.whereExists("members", (member) => member.where("userId", ctx.userId)))
        .orderBy("lastAddedAt", "desc")
        .limit(limits.rememberedPerList),
    ),
  },
  invitation: {
    /** Invitations to the caller's address, with the list's name and who invites. */
    mine: defineQuery(({ ctx }) =>
      zql.invitation.where("email", ctx.email).related("list").related("inviter").orderBy("createdAt", "asc"),
    ),
  },
});
