import { ApplicationError, defineMutator, defineMutators, type Transaction } from "@rocicorp/zero";
import * as z from "zod/mini";
import { limits, normaliseEmail } from "./limits.ts";
import { zql, type Context } from "./schema.ts";

const id = z.uuid();
const text = (max: number) => z.string().check(z.trim(), z.minLength(1), z.maxLength(max));
const email = z.pipe(
  z.string(),
  z.transform((address: string, check) => {
    const normal = normaliseEmail(address);
    if (normal !== undefined) return normal;
    check.issues.push({ code: "custom", message: "not an e-mail address", input: address });
    return z.NEVER;
  }),
);
const itemName = text(limits.itemName);
const quantity = z.string().check(z.trim(), z.maxLength(limits.itemQuantity));
/** Milliseconds since 1970 by the page's clock: for its prediction only, the server takes its own. */
const at = z.number();

// The same answer for a list that is not there and for one that is somebody else's.
const notYours = () => new ApplicationError("There is no such list, or it is not yours to change.");

const now = (tx: Transaction, predicted: number) => (tx.location === "server" ? Date.now() : predicted);

// Checked where it counts: the page may not have the rows yet that would say yes.
async function mustBeMember(tx: Transaction, ctx: Context, listId: string): Promise<void> {
  if (tx.location !== "server") return;
  const member = await tx.run(zql.listMember.where("listId", listId).where("userId", ctx.userId).one());
  if (!member) throw notYours();
}

async function mustOwn(tx: Transaction, ctx: Context, listId: string): Promise<void> {
  if (tx.location !== "server") return;
  const list = await tx.run(zql.list.where("id", listId).where("ownerId", ctx.userId).one());
  if (!list) throw notYours();
}

async function mustShareItem(tx: Transaction, ctx: Context, itemId: string): Promise<void> {
  if (tx.location !== "server") return;
  const item = await tx.run(zql.item.where("id", itemId).one());
  if (!item) throw notYours();
  await mustBeMember(tx, ctx, item.listId);
}

/** Every write there is. The page runs them at once as a prediction; the server runs them again and decides. */
export const mutators = defineMutators({
  list: {
    create: defineMutator(z.object({ id, name: text(limits.listName), at }), async ({ tx, ctx, args }) => {
      const createdAt = now(tx, args.at);
      await tx.mutate.list.insert({ id: args.id, name: args.name, ownerId: ctx.userId, createdAt });
      // An insert of an id that exists changes nothing, so only reading it back tells whose list it is.
      await mustOwn(tx, ctx, args.id);
      await tx.mutate.listMember.insert({ listId: args.id, userId: ctx.userId, joinedAt: createdAt });
    }),
    rename: defineMutator(z.object({ id, name: text(limits.listName) }), async ({ tx, ctx, args }) => {
      await mustOwn(tx, ctx, args.id);
      await tx.mutate.list.update({ id: args.id, name: args.name });
    }),
    remove: defineMutator(z.object({ id }), async ({ tx, ctx, args }) => {
      await mustOwn(tx, ctx, args.id);
      await tx.mutate.list.delete({ id: args.id });
    }),
  },
  member: {
    /** The owner removes anyone else; anyone else removes only themselves. */
    remove: defineMutator(z.object({ listId: id, userId: id }), async ({ tx, ctx, args }) => {
      if (tx.location === "server") {
        const list = await tx.run(zql.list.where("id", args.listId).one());
        if (!list) throw notYours();
        if (list.ownerId === args.userId) throw new ApplicationError("The owner cannot leave; remove the list instead.");
        if (args.userId !== ctx.userId && list.ownerId !== ctx.userId) throw notYours();
      }
      await tx.mutate.listMember.delete({ listId: args.listId, userId: args.userId });
    }),
  },
  invitation: {
    /** The same outcome for any address, with an account or without: an open invitation. */
    create: defineMutator(z.object({ listId: id, email, at }), async ({ tx, ctx, args }) => {
      if (args.email === ctx.email) throw new ApplicationError("You are already on this list.");
      await mustOwn(tx, ctx, args.listId);
      await tx.mutate.invitation.insert({
        listId: args.listId,
        email: args.email,
        invitedBy: ctx.userId,
        createdAt: now(tx, args.at),
      });
    }),
    withdraw: defineMutator(z.object({ listId: id, email }), async ({ tx, ctx, args }) => {
      await mustOwn(tx, ctx, args.listId);
      await tx.mutate.invitation.delete({ listId: args.listId, email: args.email });
    }),
    accept: defineMutator(z.object({ listId: id, at }), async ({ tx, ctx, args }) => {
      const invitation = await tx.run(
        zql.invitation.where("listId", args.listId).where("email", ctx.email).one(),
      );
      if (!invitation) throw new ApplicationError("This invitation is no longer open.");
      await tx.mutate.listMember.insert({ listId: args.listId, userId: ctx.userId, joinedAt: now(tx, args.at) });
      await tx.mutate.invitation.delete({ listId: args.listId, email: ctx.email });
    }),
    decline: defineMutator(z.object({ listId: id }), async ({ tx, ctx, args }) => {
      await tx.mutate.invitation.delete({ listId: args.listId, email: ctx.email });
    }),
  },
  item: {
    add: defineMutator(z.object({ id, listId: id, name: itemName, quantity, at }), async ({ tx, ctx, args }) => {
      await mustBeMember(tx, ctx, args.listId);
      await tx.mutate.item.insert({
        id: args.id,
        listId: args.listId,
        name: args.name,
        quantity: args.quantity,
        checked: false,
        createdBy: ctx.userId,
        createdAt: now(tx, args.at),
      });
    }),
    edit: defineMutator(z.object({ id, name: itemName, quantity }), async ({ tx, ctx, args }) => {
      await mustShareItem(tx, ctx, args.id);
      await tx.mutate.item.update({ id: args.id, name: args.name, quantity: args.quantity });
    }),
    check: defineMutator(z.object({ id, checked: z.boolean() }), async ({ tx, ctx, args }) => {
      await mustShareItem(tx, ctx, args.id);
      await tx.mutate.item.update({ id: args.id, checked: args.checked });
    }),
    remove: defineMutator(z.object({ id }), async ({ tx, ctx, args }) => {
      // Two people removing the same item agree with each other.
      if (tx.location === "server" && !(await tx.run(zql.item.where("id", args.id).one()))) return;
      await mustShareItem(tx, ctx, args.id);
      await tx.mutate.item.delete({ id: args.id });
    }),
  },
});
