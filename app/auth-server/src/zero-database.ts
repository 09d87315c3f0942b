import { schema, type Schema } from "@grocery/schema";
import { ZQLDatabase, type Database as ZeroDatabase, type DBConnection, type DBTransaction } from "@rocicorp/zero/server";
import { NodePgTransactionInternal, type NodePgTransaction } from "@rocicorp/zero/server/adapters/pg";
import { isRetryable, isUnavailable, type Database } from "./database.ts";

const ATTEMPTS = 3;

/** Whether `error` says nothing about the mutation itself, so that the mutation must not be taken as refused. */
export function isTransient(error: unknown): boolean {
  return isUnavailable(error) || isRetryable(error);
}

class Connection implements DBConnection<NodePgTransaction> {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async transaction<Result>(work: (tx: DBTransaction<NodePgTransaction>) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#database.transaction((client) => work(new NodePgTransactionInternal(client)));
      } catch (error) {
        if (attempt >= ATTEMPTS || !isRetryable(error)) throw error;
      }
    }
  }
}

type ZqlDatabase = ZQLDatabase<Schema, NodePgTransaction>;

/**
 * The database as one push sees it. Zero's handler answers a failed transaction by recording the mutation as refused,
 * which would lose a good write to a passing outage: after one, every further transaction of the push fails as well,
 * and the caller finds the reason in `failure`.
 */
export class MutationDatabase implements ZeroDatabase<Parameters<Parameters<ZqlDatabase["transaction"]>[0]>[0]> {
  readonly #zql: ZqlDatabase;
  failure: unknown;

  constructor(database: Database) {
    this.#zql = new ZQLDatabase(new Connection(database), schema);
  }

  transaction: ZqlDatabase["transaction"] = async (callback, input) => {
    if (this.failure !== undefined) throw this.failure;
    try {
      return await this.#zql.transaction(callback, input);
    } catch (error) {
      if (isTransient(error)) this.failure = error;
      throw error;
    }
  };
}
