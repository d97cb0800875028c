// A migration is tried on forks first: node examples/history/try-a-migration.mjs
//
// Each actor is forked, which shares its pages and disturbs nobody. The migration runs on the fork. Only where it
// succeeds there, the actor itself is migrated. The forks are deleted in the end.

import { Store, isBatonError } from 'batondb';

const store = await Store.open({ memory: true }); // or { path: './data' }

for (const [id, email] of /** @type {[string, string | null][]} */ ([
  ['tenant/ada', 'ada@example.org'],
  ['tenant/bob', 'bob@example.org'],
  ['tenant/eve', null], // an old row that the new schema does not allow
])) {
  const db = await store.openDatabase(id);
  await db.exec('CREATE TABLE account(id INTEGER PRIMARY KEY, email TEXT)');
  await db.run('INSERT INTO account(email) VALUES (?)', [email]);
  await db.close();
}

/** @param {import('batondb').Database} db */
async function migrate(db) {
  await db.transaction(async (tx) => {
    await tx.exec('CREATE TABLE account_2(id INTEGER PRIMARY KEY, email TEXT NOT NULL) STRICT');
    await tx.exec('INSERT INTO account_2 SELECT id, email FROM account');
    await tx.exec('DROP TABLE account');
    await tx.exec('ALTER TABLE account_2 RENAME TO account');
  });
}

/** @param {string} id */
async function migrated(id) {
  const db = await store.openDatabase(id);
  try {
    await migrate(db);
  } finally {
    await db.close();
  }
}

const actors = (await store.list({ prefix: 'tenant/' })).map(({ actorId }) => actorId);
for (const id of actors) {
  const trial = `trial/${id}`;
  await store.fork(id, trial);
  try {
    await migrated(trial);
    await migrated(id);
    console.log(`${id}: migrated`);
  } catch (error) {
    console.log(`${id}: left as it was (${isBatonError(error) ? error.code : error})`);
  } finally {
    await store.delete(trial);
  }
}
console.log((await store.list()).length, 'actors, and no trial among them');
await store.close();
