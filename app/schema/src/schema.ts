import { boolean, createBuilder, createSchema, enumeration, number, relationships, string, table } from "@rocicorp/zero";

const profile = table("profile").columns({ id: string(), name: string() }).primaryKey("id");

const list = table("list")
  .columns({
    id: string(),
    name: string(),
    ownerId: string().from("owner_id"),
    createdAt: number().from("created_at"),
    archivedAt: number().from("archived_at").optional(),
    itemOrder: enumeration<"automatic" | "manual">().from("item_order"),
  })
  .primaryKey("id");

const listMember = table("listMember")
  .from("list_member")
  .columns({
    listId: string().from("list_id"),
    userId: string().from("user_id"),
    joinedAt: number().from("joined_at"),
    /** Repeats list.ownerId, which decides; the database keeps the two together. */
    role: enumeration<"owner" | "editor">(),
  })
  .primaryKey("listId", "userId");

const invitation = table("invitation")
  .columns({
    listId: string().from("list_id"),
    email: string(),
    invitedBy: string().from("invited_by"),
    createdAt: number().from("created_at"),
  })
  .primaryKey("listId", "email");

const item = table("item")
  .columns({
    id: string(),
    listId: string().from("list_id"),
    name: string(),
    quantity: string(),
    unit: string(),
    /** A key of `categories`, "" while nobody has sorted it, or one that only a later release knows. */
    category: string(),
    note: string(),
    /** See positions.ts; "" stands at the end, by createdAt. */
    position: string(),
    checked: boolean(),
    checkedBy: string().from("checked_by").optional(),
    checkedAt: number().from("checked_at").optional(),
    createdBy: string().from("created_by").optional(),
    createdAt: number().from("created_at"),
  })
  .primaryKey("id");

/** What the list has had on it before, once a name; `key` is `rememberedKey(name)`. */
const rememberedItem = table("rememberedItem")
  .from("remembered_item")
  .columns({
    listId: string().from("list_id"),
    key: string(),
    name: string(),
    quantity: string(),
    unit: string(),
    category: string(),
    times: number(),
    lastAddedAt: number().from("last_added_at"),
  })
  .primaryKey("listId", "key");

const listRelations = relationships(list, ({ one, many }) => ({
  owner: one({ sourceField: ["ownerId"], destField: ["id"], destSchema: profile }),
  members: many({ sourceField: ["id"], destField: ["listId"], destSchema: listMember }),
  invitations: many({ sourceField: ["id"], destField: ["listId"], destSchema: invitation }),
  items: many({ sourceField: ["id"], destField: ["listId"], destSchema: item }),
}));

const listMemberRelations = relationships(listMember, ({ one }) => ({
  profile: one({ sourceField: ["userId"], destField: ["id"], destSchema: profile }),
}));

const invitationRelations = relationships(invitation, ({ one }) => ({
  list: one({ sourceField: ["listId"], destField: ["id"], destSchema: list }),
  inviter: one({ sourceField: ["invitedBy"], destField: ["id"], destSchema: profile }),
}));

const itemRelations = relationships(item, ({ one }) => ({
  creator: one({ sourceField: ["createdBy"], destField: ["id"], destSchema: profile }),
  checker: one({ sourceField: ["checkedBy"], destField: ["id"], destSchema: profile }),
}));

const rememberedItemRelations = relationships(rememberedItem, ({ one }) => ({
  list: one({ sourceField: ["listId"], destField: ["id"], destSchema: list }),
}));

export const schema = createSchema({
  tables: [profile, list, listMember, invitation, item, rememberedItem],
  relationships: [listRelations, listMemberRelations, invitationRelations, itemRelations, rememberedItemRelations],
});

export type Schema = typeof schema;

/**
 * Who asks: on the server from the verified token, in the page from what the server said at login. `email` is "" while
 * the address is not known to be theirs; nothing is addressed to "".
 */
export type Context = { readonly userId: string; readonly email: string };

declare module "@rocicorp/zero" {
  interface DefaultTypes {
    schema: Schema;
    context: Context;
  }
}

/** Builds queries; what one returns is for the server to decide, so the page only uses those in `queries`. */
export const zql = createBuilder(schema);
