import type { Queryable, Statement } from './database.js';

interface Call<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Lets calls share a statement: what comes at once, or while one runs, goes together into the next. Alone a call does not
 * wait, under load one statement serves many; and each is answered by a statement that began after it came.
 */
export class Gathering<Item, Result> {
  private readonly calls: Call<Item, Result>[] = [];
  private running = false;

  /** `run` answers all items at once, in their order. */
  constructor(
    private readonly run: (items: Item[]) => Promise<Result[]>,
    private readonly most = 500,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.calls.push({ item, resolve, reject });
      void this.serve();
    });
  }

  private async serve(): Promise<void> {
    if (this.running) return;
    this.running = true;
    await undefined; // the rest of what comes at once
    while (this.calls.length > 0) {
      const calls = this.calls.splice(0, this.most);
      try {
        const results = await this.run(calls.map(({ item }) => item));
        for (const [index, { resolve }] of calls.entries()) resolve(results[index] as Result);
      } catch (error) {
        for (const { reject } of calls) reject(error);
      }
    }
    this.running = false;
  }
}

/** The rows that a statement finds under the keys, in their order. */
export async function byKey<Row>(
  db: Queryable,
  statement: Statement,
  keys: string[],
  keyOf: (row: Row) => string,
): Promise<(Row | undefined)[]> {
  const rows = new Map((await db.rows<Row>(statement, [keys])).map((row) => [keyOf(row), row]));
  return keys.map((key) => rows.get(key));
}
