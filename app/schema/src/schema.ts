import { boolean, createBuilder, createSchema, number, relationships, string, table } from "@rocicorp/zero";

const profile = table("profile").columns({ id: string(), name: string() }).primaryKey("id");

const list = table("list")
  .columns({
    id: string(),
    name: string(),
    ownerId: string().from("owner_id"),
    createdAt: number().from("created_at"),
  })
  .primaryKey("id");

const listMember = table("listMember")
  .from("list_member")
  .columns({
    listId: string().from("list_id"),
    userId: string().from("user_id"),
    joinedAt: number().from("joined_at"),
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
    checked: boolean(),
    createdBy: string().from("created_by").optional(),
    createdAt: number().from("created_at"),
  })
  .primaryKey("id");

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

export const schema = createSchema({
  tables: [profile, list, listMember, invitation, item],
  relationships: [listRelations, listMemberRelations, invitationRelations],
});

export type Schema = typeof schema;

/** Who asks: on the server from the verified token, in the page from what the server said at login. */
export type Context = { readonly userId: string; readonly email: string };

declare module "@rocicorp/zero" {
  interface DefaultTypes {
    schema: Schema;
    context: Context;
  }
}

/** Builds queries; what one returns is for the server to decide, so the page only uses those in `queries`. */
export const zql = createBuilder(schema);
