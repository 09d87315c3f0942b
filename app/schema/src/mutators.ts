import { ApplicationError, defineMutator, defineMutators, type ServerTransaction, type Transaction } from "@rocicorp/zero";
import * as z from "zod/mini";
import { guessCategory } from "./categories.ts";
import { limits, reachableEmail, rememberedKey } from "./limits.ts";
import { zql, type Context } from "./schema.ts";

const id = z.uuid();
const text = (max: number) => z.string().check(z.trim(), z.minLength(1), z.maxLength(max));
const email = z.pipe(
  z.string(),
  z.transform((address: string, check) => {
    const normal = reachableEmail(address);
    if (normal !== undefined) return normal;
    check.issues.push({ code: "custom", message: "not an e-mail address", input: address });
    return z.NEVER;
  }),
);
const short = (max: number) => z.string().check(z.trim(), z.maxLength(max));
const itemName = text(limits.itemName);
const quantity = short(limits.itemQuantity);
const unit = short(limits.itemUnit);
const category = short(limits.itemCategory);
const note = short(limits.itemNote);
const position = z.string().check(z.maxLength(limits.itemPosition), z.regex(/^([0-9A-Za-z]*[1-9A-Za-z])?$/));
const several = <Shape extends z.core.$ZodType>(one: Shape) =>
  z.array(one).check(z.minLength(1), z.maxLength(limits.itemsAtOnce));
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

/** The item, on the server only if the caller may change it; in the page undefined too while it does not have it. */
async function sharedItem(tx: Transaction, ctx: Context, itemId: string) {
  const item = await tx.run(zql.item.where("id", itemId).one());
  if (tx.location !== "server") return item;
  if (!item) throw notYours();
  await mustBeMember(tx, ctx, item.listId);
  return item;
}

export type Remembered = { listId: string; name: string; quantity: string; unit: string; category: string };

async function predictRemembered(tx: Transaction, item: Remembered, at: number): Promise<void> {
  const { listId, name, quantity, unit } = item;
  const key = rememberedKey(name);
  const before = await tx.run(zql.rememberedItem.where("listId", listId).where("key", key).one());
  const category = item.category || (before?.category ?? "");
  const times = (before?.times ?? 0) + 1;
  await tx.mutate.rememberedItem.upsert({ listId, key, name, quantity, unit, category, times, lastAddedAt: at });
}

const fullMessages = {
  listsPerUser: `Nobody can have more than ${limits.listsPerUser} lists.`,
  membersPerList: `A list can be shared by ${limits.membersPerList} people at most.`,
  invitationsPerList: `A list can have ${limits.invitationsPerList} open invitations at most.`,
  itemsPerList: `This list is full: it holds ${limits.itemsPerList} items at most.`,
} as const;

export type Countable = keyof typeof fullMessages;

export const full = (what: Countable) => new ApplicationError(fullMessages[what]);

/** What only the server can do, in the transaction of the mutation. */
export type ServerSide = {
  /** How many there are now, for the user or the list with this id. */
  count(tx: ServerTransaction, what: Countable, of: string): Promise<number>;
  /** Counts an addition to what the list remembers; several people may be adding the same thing. */
  remember(tx: ServerTransaction, item: Remembered, key: string, at: number): Promise<void>;
  /** Called after an item of the caller's was added, and not for one that was there. */
  itemAdded(tx: ServerTransaction, ctx: Context, item: { readonly id: string; readonly listId: string }): Promise<void>;
  /** Removes items of one list so that they can be brought back. */
  removeItems(tx: ServerTransaction, ctx: Context, listId: string, ids: readonly string[]): Promise<void>;
  /** Brings back those of lists that the caller is a member of, and tells how many of `ids` are on these lists now. */
  restoreItems(tx: ServerTransaction, ctx: Context, ids: readonly string[]): Promise<number>;
};

const notHere = () => Promise.reject(new Error("only the server can do this"));
const pageSide: ServerSide = {
  count: notHere,
  remember: notHere,
  itemAdded: notHere,
  removeItems: notHere,
  restoreItems: notHere,
};

/** Every write there is. The page runs them at once as a prediction; the server runs them again and decides. */
export const makeMutators = (server: ServerSide) => {
  const mustHaveRoom = async (tx: Transaction, what: Countable, of: string) => {
    if (tx.location === "server" && (await server.count(tx, what, of)) >= limits[what]) throw full(what);
  };

  return defineMutators({
    list: {
      create: defineMutator(z.object({ id, name: text(limits.listName), at }), async ({ tx, ctx, args }) => {
        await mustHaveRoom(tx, "listsPerUser", ctx.userId);
        const createdAt = now(tx, args.at);
        await tx.mutate.list.insert({
          id: args.id,
          name: args.name,
          ownerId: ctx.userId,
          createdAt,
          itemOrder: "automatic",
        });
        // An insert of an id that exists changes nothing, so only reading it back tells whose list it is.
        await mustOwn(tx, ctx, args.id);
        await tx.mutate.listMember.insert({ listId: args.id, userId: ctx.userId, joinedAt: createdAt, role: "owner" });
      }),
      rename: defineMutator(z.object({ id, name: text(limits.listName) }), async ({ tx, ctx, args }) => {
        await mustOwn(tx, ctx, args.id);
        await tx.mutate.list.update({ id: args.id, name: args.name });
      }),
      /** For everybody on it: an archived list is kept out of the way and otherwise like any other. */
      archive: defineMutator(z.object({ id, archived: z.boolean(), at }), async ({ tx, ctx, args }) => {
        await mustOwn(tx, ctx, args.id);
        await tx.mutate.list.update({ id: args.id, archivedAt: args.archived ? now(tx, args.at) : null });
      }),
      setOrder: defineMutator(z.object({ id, order: z.enum(["automatic", "manual"]) }), async ({ tx, ctx, args }) => {
        await mustBeMember(tx, ctx, args.id);
        await tx.mutate.list.update({ id: args.id, itemOrder: args.order });
      }),
      /** Makes another member the owner; the one before stays on the list. */
      handOver: defineMutator(z.object({ id, userId: id }), async ({ tx, ctx, args }) => {
        await mustOwn(tx, ctx, args.id);
        if (tx.location === "server") {
          const heir = await tx.run(zql.listMember.where("listId", args.id).where("userId", args.userId).one());
          if (!heir) throw new ApplicationError("Only somebody on the list can become its owner.");
        }
        await tx.mutate.list.update({ id: args.id, ownerId: args.userId });
        await tx.mutate.listMember.update({ listId: args.id, userId: ctx.userId, role: "editor" });
        await tx.mutate.listMember.update({ listId: args.id, userId: args.userId, role: "owner" });
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
          if (list.ownerId === args.userId)
            throw new ApplicationError("The owner cannot leave; remove the list instead.");
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
        await mustHaveRoom(tx, "invitationsPerList", args.listId);
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
        await mustHaveRoom(tx, "listsPerUser", ctx.userId);
        await mustHaveRoom(tx, "membersPerList", args.listId);
        await tx.mutate.listMember.insert({
          listId: args.listId,
          userId: ctx.userId,
          joinedAt: now(tx, args.at),
          role: "editor",
        });
        await tx.mutate.invitation.delete({ listId: args.listId, email: ctx.email });
      }),
      decline: defineMutator(z.object({ listId: id }), async ({ tx, ctx, args }) => {
        await tx.mutate.invitation.delete({ listId: args.listId, email: ctx.email });
      }),
    },
    item: {
      add: defineMutator(
        z.object({
          id,
          listId: id,
          name: itemName,
          quantity,
          unit: z.optional(unit),
          category: z.optional(category),
          note: z.optional(note),
          position: z.optional(position),
          at,
        }),
        async ({ tx, ctx, args }) => {
          await mustBeMember(tx, ctx, args.listId);
          if (tx.location === "server") {
            const there = await tx.run(zql.item.where("id", args.id).one());
            if (there) throw new ApplicationError("This item is there already.");
          }
          await mustHaveRoom(tx, "itemsPerList", args.listId);
          const createdAt = now(tx, args.at);
          const item = {
            id: args.id,
            listId: args.listId,
            name: args.name,
            quantity: args.quantity,
            unit: args.unit ?? "",
            category: args.category ?? guessCategory(args.name),
            note: args.note ?? "",
            position: args.position ?? "",
            checked: false,
            createdBy: ctx.userId,
            createdAt,
          };
          await tx.mutate.item.insert(item);
          if (tx.location !== "server") return predictRemembered(tx, item, createdAt);
          await server.remember(tx, item, rememberedKey(item.name), createdAt);
          await server.itemAdded(tx, ctx, item);
        },
      ),
      /** What is not given stays as it is. */
      edit: defineMutator(
        z.object({
          id,
          name: itemName,
          quantity,
          unit: z.optional(unit),
          category: z.optional(category),
          note: z.optional(note),
        }),
        async ({ tx, ctx, args }) => {
          const item = await sharedItem(tx, ctx, args.id);
          await tx.mutate.item.update({
            id: args.id,
            name: args.name,
            quantity: args.quantity,
            ...(args.unit === undefined ? {} : { unit: args.unit }),
            ...(args.category === undefined ? {} : { category: args.category }),
            ...(args.note === undefined ? {} : { note: args.note }),
          });
          // Sorted once, sorted whenever it is added again.
          if (item && args.category)
            await tx.mutate.rememberedItem.update({
              listId: item.listId,
              key: rememberedKey(args.name),
              category: args.category,
            });
        },
      ),
      check: defineMutator(z.object({ id, checked: z.boolean(), at: z.optional(at) }), async ({ tx, ctx, args }) => {
        await sharedItem(tx, ctx, args.id);
        await tx.mutate.item.update({
          id: args.id,
          checked: args.checked,
          checkedBy: args.checked ? ctx.userId : null,
          checkedAt: args.checked ? now(tx, args.at ?? 0) : null,
        });
      }),
      move: defineMutator(z.object({ id, position }), async ({ tx, ctx, args }) => {
        await sharedItem(tx, ctx, args.id);
        await tx.mutate.item.update({ id: args.id, position: args.position });
      }),
      remove: defineMutator(z.object({ id }), async ({ tx, ctx, args }) => {
        if (tx.location !== "server") return tx.mutate.item.delete({ id: args.id });
        // Two people removing the same item agree with each other.
        const item = await tx.run(zql.item.where("id", args.id).one());
        if (!item) return;
        await mustBeMember(tx, ctx, item.listId);
        await server.removeItems(tx, ctx, item.listId, [item.id]);
      }),
      /** Removes those of `ids` that are still checked when it comes to it; they are all of the one list. */
      clearChecked: defineMutator(z.object({ listId: id, ids: several(id) }), async ({ tx, ctx, args }) => {
        if (tx.location !== "server") {
          for (const itemId of args.ids) await tx.mutate.item.delete({ id: itemId });
          return;
        }
        await mustBeMember(tx, ctx, args.listId);
        const items = await tx.run(zql.item.where("id", "IN", args.ids));
        if (items.some((item) => item.listId !== args.listId)) throw notYours();
        await server.removeItems(
          tx,
          ctx,
          args.listId,
          items.filter((item) => item.checked).map((item) => item.id),
        );
      }),
      /** Undoes removals. What the page says of an item is its prediction; the server brings back what it removed. */
      restore: defineMutator(
        z.object({
          items: several(
            z.object({
              id,
              listId: id,
              name: itemName,
              quantity,
              unit,
              category,
              note,
              position,
              checked: z.boolean(),
              checkedBy: z.optional(z.nullable(id)),
              checkedAt: z.optional(z.nullable(at)),
              createdBy: z.optional(z.nullable(id)),
              createdAt: at,
            }),
          ),
        }),
        async ({ tx, ctx, args }) => {
          if (tx.location !== "server") {
            for (const item of args.items) await tx.mutate.item.insert(item);
            return;
          }
          const ids = args.items.map((item) => item.id);
          if ((await server.restoreItems(tx, ctx, ids)) === 0) throw notYours();
        },
      ),
    },
    remembered: {
      forget: defineMutator(
        z.object({ listId: id, key: z.string().check(z.minLength(1), z.maxLength(limits.itemName)) }),
        async ({ tx, ctx, args }) => {
          await mustBeMember(tx, ctx, args.listId);
          await tx.mutate.rememberedItem.delete({ listId: args.listId, key: args.key });
        },
      ),
    },
  });
};

/** The mutators as the page runs them. */
export const mutators = makeMutators(pageSide);
