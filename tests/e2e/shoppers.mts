// Many people on one list, each with a Zero client of their own as the page has it, without a browser around it. The
// job is a line of JSON on stdin; a second line says that everybody else is done as well. Everything that was written and
// what everybody sees at the end goes to stdout as JSON. Runs in the application's folder: schema, queries and mutators
// are the page's own.
import { createInterface } from "node:readline";
import { mutators, queries, schema } from "@grocery/schema";
import { Zero } from "@rocicorp/zero";

type Shopper = { name: string; userId: string; email: string; cookie: string };
type Job = {
  url: string;
  listId: string;
  /** An item that is everybody's to edit. */
  contested: string;
  seconds: number;
  /** Milliseconds between two acts of one person, on average. */
  pause: number;
  shoppers: Shopper[];
};
/** made: the server has it; refused: it took it back, or it was never made; open: made here, and sent for as long as it takes. */
type Outcome = "made" | "refused" | "open";
type Write = { who: string; act: string; items: string[]; values: Record<string, unknown>; outcome: Outcome; why?: string };
type Row = Record<string, unknown> & { id: string; name: string; checked: boolean; createdBy?: string | null };

const RETRY_MS = 500;
const SETTLE_MS = 90_000;
const OWN_ITEMS = 8;
const COMMON = ["Milk", "Bread", "Eggs"];

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job: Job = JSON.parse(String((await lines.next()).value));
const writes: Write[] = [];
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = <T,>(all: readonly T[]): T | undefined => all[Math.floor(Math.random() * all.length)];

// A browser sends cookies and an origin along with its sockets.
const Native = globalThis.WebSocket;
const cookies = new Map(job.shoppers.map((shopper) => [shopper.userId, shopper.cookie]));
globalThis.WebSocket = class extends Native {
  constructor(url: string | URL, protocols?: string | string[]) {
    const cookie = cookies.get(new URL(url).searchParams.get("userID") ?? "");
    super(url, { protocols, headers: { cookie, origin: job.url } } as never);
  }
} as typeof WebSocket;

class Client {
  readonly who: string;
  readonly userId: string;
  readonly zero;
  readonly view;
  private readonly work: Promise<void>[] = [];
  private readonly removed: Row[] = [];
  private count = 0;

  constructor(shopper: Shopper) {
    this.who = shopper.name;
    const { userId, email } = shopper;
    this.userId = userId;
    this.zero = new Zero({
      cacheURL: `${job.url}/zero`,
      userID: userId,
      context: { userId, email },
      schema,
      mutators,
      kvStore: "mem",
      logLevel: "error",
    });
    this.view = this.zero.materialize(queries.list.byId({ id: job.listId }));
    // As the page does: in these states Zero waits to be told.
    const onState = ({ name }: { name: string }) => {
      if (name === "error" || name === "needs-auth") setTimeout(() => void this.zero.connection.connect().catch(() => undefined), RETRY_MS);
    };
    this.zero.connection.state.subscribe(onState);
  }

  get items(): readonly Row[] {
    return ((this.view.data as { items?: readonly Row[] } | undefined)?.items ?? []) as readonly Row[];
  }

  get connected(): boolean {
    return this.zero.connection.state.current.name === "connected";
  }

  of(userId: string): Row[] {
    return this.items.filter(({ createdBy }) => createdBy === userId);
  }

  write(act: string, items: string[], values: Record<string, unknown>, change: Parameters<typeof this.zero.mutate>[0]): Promise<void> {
    const written: Write = { who: this.who, act, items, values, outcome: "open" };
    writes.push(written);
    const { client, server } = this.zero.mutate(change);
    const done = (async () => {
      const here = await client;
      if (here.type === "error") {
        written.outcome = "refused";
        written.why = here.error.message;
        return;
      }
      const there = await server;
      if (there.type !== "error") written.outcome = "made";
      else if (there.error.type === "app") {
        written.outcome = "refused";
        written.why = there.error.message;
      } else written.why = there.error.message;
    })();
    this.work.push(done);
    return done;
  }

  add(name: string, act: string): Promise<void> {
    const item = { id: crypto.randomUUID(), name, quantity: "0", unit: "", category: "", note: "", position: "" };
    return this.write(act, [item.id], item, mutators.item.add({ ...item, listId: job.listId, at: Date.now() }));
  }

  /** One of the things people do. Every field of an item has one writer, so that what must come out is known. */
  act(others: { checks: string; moves: string }): void {
    const number = ++this.count;
    const own = this.of(this.userId);
    const chance = Math.random();
    const item = pick(own);
    if (item && chance < 0.38 && own.length >= OWN_ITEMS) this.remove(item);
    else if (!item || chance < 0.3) void this.add(`${this.who} ${number}`, "add");
    else if (chance < 0.38) void this.add(pick(COMMON) as string, "again");
    else if (chance < 0.52) this.edit(item.id, item.name, number);
    else if (chance < 0.57) this.edit(job.contested, "Everybody", number);
    else if (chance < 0.72) this.check(others.checks);
    else if (chance < 0.82) this.move(others.moves, number);
    else if (chance < 0.9) this.remove(item);
    else if (chance < 0.95) this.clear(own);
    else this.undo();
  }

  private edit(id: string, name: string, number: number): void {
    const values = { name, quantity: `${this.who}.${number}`, unit: "kg", category: "produce", note: `note ${number}` };
    void this.write("edit", [id], values, mutators.item.edit({ id, ...values }));
  }

  /** Somebody else's item is only ever checked, so that clearing removes what was seen to be checked. */
  private check(whose: string): void {
    const item = pick(this.of(whose).filter(({ checked }) => !checked));
    if (item) this.setChecked(item.id, true);
    else this.setChecked(job.contested, Math.random() < 0.5);
  }

  private setChecked(id: string, checked: boolean): void {
    void this.write("check", [id], { checked }, mutators.item.check({ id, checked, at: Date.now() }));
  }

  private move(whose: string, number: number): void {
    const item = pick(this.of(whose));
    if (!item) return;
    const values = { position: `V${this.who.length}${number}1` };
    void this.write("move", [item.id], values, mutators.item.move({ id: item.id, ...values }));
  }

  private remove(item: Row): void {
    this.removed.push(item);
    void this.write("remove", [item.id], {}, mutators.item.remove({ id: item.id }));
  }

  private clear(own: Row[]): void {
    const bought = own.filter((item) => item.checked);
    if (bought.length === 0) return;
    this.removed.push(...bought);
    const ids = bought.map((item) => item.id);
    void this.write("clear", ids, {}, mutators.item.clearChecked({ listId: job.listId, ids }));
  }

  private undo(): void {
    const row = this.removed.pop();
    if (!row) return;
    const { id, name, quantity, unit, category, note, position, checked, createdBy, createdAt } = row as never;
    const item = { id, listId: job.listId, name, quantity, unit, category, note, position, checked, createdBy, createdAt };
    void this.write("restore", [row.id], {}, mutators.item.restore({ items: [item] }));
  }

  /** Until the server has answered everything this client has sent: the last write, and with it all before it. */
  async settle(): Promise<void> {
    await until(() => this.connected, SETTLE_MS);
    await Promise.race([this.add(`${this.who} end`, "add"), sleep(SETTLE_MS)]);
    await Promise.race([Promise.all(this.work), sleep(SETTLE_MS)]);
  }

  rows(): string[] {
    const fields = ["id", "name", "quantity", "unit", "category", "note", "position", "checked"];
    return this.items.map((item) => JSON.stringify(fields.map((field) => item[field]))).sort();
  }
}

async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) return false;
    await sleep(100);
  }
  return true;
}

const clients = job.shoppers.map((shopper) => new Client(shopper));
const all = (holds: (client: Client) => boolean) => () => clients.every(holds);
if (!(await until(all((client) => client.connected && client.items.length > 0), SETTLE_MS)))
  throw new Error("not everybody gets to see the list");
process.stderr.write("everybody is here\n");

const end = Date.now() + job.seconds * 1000;
await Promise.all(
  clients.map(async (client, index) => {
    const other = (ahead: number) => (clients[(index + ahead) % clients.length] as Client).userId;
    while (Date.now() < end) {
      client.act({ checks: other(1), moves: other(2) });
      await sleep(job.pause * (0.5 + Math.random()));
    }
  }),
);
await Promise.all(clients.map((client) => client.settle()));
process.stderr.write("everybody is done\n");

await lines.next();
const alike = () => new Set(clients.map((client) => client.rows().join("\n"))).size === 1;
await until(alike, SETTLE_MS);
await sleep(500);
const views = Object.fromEntries(clients.map((client) => [client.who, client.rows()]));
process.stdout.write(JSON.stringify({ writes, views }), () => process.exit(0));
