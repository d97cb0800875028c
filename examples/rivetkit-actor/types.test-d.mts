// The provider goes with rivetkit's own types. Checked by `npm run test:rivetkit`, which installs rivetkit.

import { actor, setup } from 'rivetkit';
import { Store } from 'batondb';
import { batonDatabase, byNameAndKey, sleepWhenFenced } from 'batondb/rivetkit';
declare const store: Store;
const room = actor({
  db: batonDatabase({ store, onMigrate: (db) => db.execute('CREATE TABLE t(x)') }),
  onWake: (c) => sleepWhenFenced(c),
  onDestroy: async (c) => {
    await c.db.deleteDatabase();
  },
  actions: {
    post: async (c, body: string) => (await c.db.execute<{ id: number }>('INSERT', body))[0].id,
    generation: (c): bigint => c.db.database.startup.generation,
    // @ts-expect-error c.db has a type, and this is not in it
    other: (c) => c.db.nothing,
    tx: (c) =>
      c.db.transaction(async (tx) => {
        await tx.execute('x');
      }),
  },
});
const keyed = actor({
  db: batonDatabase({
    store,
    actorId: byNameAndKey({ endpoint: 'http://127.0.0.1:6420' }),
    adopt: (ctx) => [ctx.actorId],
  }),
  actions: { metrics: (c) => c.db.nativeMetrics() },
});
export const registry = setup({ use: { room, keyed } });
