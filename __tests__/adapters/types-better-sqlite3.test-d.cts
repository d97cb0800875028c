// Compiled, never run: the types of batondb/better-sqlite3 as users of CommonJS see them.

import type { Store } from 'batondb';
import Database = require('batondb/better-sqlite3');

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(..._: Equal<A, B> extends true ? [] : ['the types differ']): void;

export async function use(store: Store) {
  const db: Database = new Database(await store.openDatabase('a'), { verbose: console.log });
  const byId = db.prepare<[number], { name: string }>('SELECT name FROM user WHERE id = ?');
  const row = byId.get(1);
  same<typeof row, { name: string } | undefined>();
  const named: Database.Statement<{ id: number }, string> = db.prepare<{ id: number }, string>('SELECT :id');
  const all = named.pluck().all({ id: 1 });
  same<typeof all, string[]>();
  const add = db.transaction((names: string[], age: number) => names.length + age);
  const count = add.immediate(['ada'], 36);
  same<typeof count, number>();
  const { changes }: Database.RunResult = db.prepare('DELETE FROM user').run();
  same<typeof changes, number>();
  const bytes: Buffer = db.exec('SELECT 1').serialize();
  const { totalPages } = await db.backup('./copy', { progress: ({ remainingPages }) => remainingPages });
  db.function('twice', { deterministic: true }, (x: number) => 2 * x);
  db.aggregate<number>('total', { start: 0, step: (total, next: number) => total + next });
  try {
    db.loadExtension('./file');
  } catch (error) {
    if (error instanceof Database.SqliteError) console.log(error.code.startsWith('SQLITE_'));
  }
  // @ts-expect-error: a file's name
  new Database('app.db');
  // @ts-expect-error: no number
  byId.get('1');
  return [bytes, totalPages];
}
