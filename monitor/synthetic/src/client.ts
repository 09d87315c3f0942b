/** One browser of the synthetic user: the page's own queries and mutators without a page. */
import { mutators, queries, schema } from "@grocery/schema";
import { Zero } from "@rocicorp/zero";

export type Identity = { readonly id: string; readonly email: string };

const LIST_NAME = "Synthetic checks";
const ITEM_NAME = "Heartbeat";
// What the server answers, not what this client remembers.
const COMPLETE = { type: "complete" } as const;

const zeroOf = (origin: URL, { id, email }: Identity, device: string) =>
  new Zero({
    cacheURL: new URL("/zero", origin).href,
    userID: id,
    context: { userId: id, email },
    schema,
    mutators,
    storageKey: device,
    kvStore: "mem",
    logLevel: "error",
    // The turn says what failed, by step; Zero would say more, in words of its own.
    logSink: { log: () => undefined },
  });

type ZeroClient = ReturnType<typeof zeroOf>;

export class Client {
  readonly #zero: ZeroClient;

  /** `device` tells this user's clients apart, so that what one writes takes the way over the server to the other. */
  constructor(origin: URL, identity: Identity, device: string) {
    this.#zero = zeroOf(origin, identity, device);
  }

  /** Resolves once the server accepts this client; rejects when it says that it never will. */
  connected(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const { state } = this.#zero.connection;
      const look = (now: { readonly name: string }) => {
        if (now.name === "connected") resolve();
        else if (now.name === "needs-auth" || now.name === "error") reject(new Error(`zero-cache: ${now.name}`));
        else return;
        stop();
      };
      const stop = state.subscribe(look);
      signal.addEventListener("abort", stop);
      look(state.current);
    });
  }

  /** This user's own list and the one item on it, as the server has them; made where there are none yet. */
  async item(): Promise<{ readonly listId: string; readonly itemId: string }> {
    const lists = await this.#zero.run(queries.list.mine(), COMPLETE);
    const listId = lists.find(({ name }) => name === LIST_NAME)?.id ?? (await this.#makeList());
    const list = await this.#zero.run(queries.list.byId({ id: listId }), COMPLETE);
    const itemId = list?.items.find(({ name }) => name === ITEM_NAME)?.id ?? (await this.#makeItem(listId));
    return { listId, itemId };
  }

  /** Resolves once the server has made the change. */
  async write(itemId: string, quantity: string): Promise<void> {
    await this.#done(mutators.item.edit({ id: itemId, name: ITEM_NAME, quantity }));
  }

  /** Begins to look at a list; `saw` resolves when the item has that quantity. */
  async watch(listId: string, itemId: string): Promise<{ saw(quantity: string): Promise<void> }> {
    await this.#zero.run(queries.list.byId({ id: listId }), COMPLETE);
    const view = this.#zero.materialize(queries.list.byId({ id: listId }));
    const saw = (quantity: string) =>
      new Promise<void>((resolve) => {
        view.addListener((list) => {
          if (list?.items.some((item) => item.id === itemId && item.quantity === quantity)) resolve();
        });
      });
    return { saw };
  }

  /** Ends it; with `forgetting`, all it kept goes too, and the next one of this device begins from nothing. */
  async close(forgetting: boolean): Promise<void> {
    if (forgetting) await this.#zero.delete();
    else await this.#zero.close();
  }

  async #makeList(): Promise<string> {
    const id = crypto.randomUUID();
    await this.#done(mutators.list.create({ id, name: LIST_NAME, at: Date.now() }));
    return id;
  }

  async #makeItem(listId: string): Promise<string> {
    const id = crypto.randomUUID();
    await this.#done(mutators.item.add({ id, listId, name: ITEM_NAME, quantity: "", at: Date.now() }));
    return id;
  }

  async #done(change: Parameters<ZeroClient["mutate"]>[0]): Promise<void> {
    const result = await this.#zero.mutate(change).server;
    if (result.type === "error") throw new Error(`a write was refused: ${result.error.message}`);
  }

}
