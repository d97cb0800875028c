// The actors of this example: chat rooms whose messages are in a Baton store.

import { actor, setup } from 'rivetkit';

import { batonDatabase, sleepWhenFenced } from 'batondb/rivetkit';

/**
 * @param {import('batondb').Store} store
 * @param {number} enginePort of the engine that rivetkit starts on this machine
 */
export function makeRegistry(store, enginePort) {
  const room = actor({
    db: batonDatabase({
      store,
      // In one transaction, before the actor starts.
      onMigrate: (db) =>
        db.execute('CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT'),
    }),
    // Somebody else has taken the room over: what this instance knows is out of date.
    onWake: (c) => sleepWhenFenced(c),
    onDestroy: async (c) => {
      await c.db.deleteDatabase();
    },
    actions: {
      post: async (c, body) => {
        const [{ id }] = await c.db.execute('INSERT INTO message(body) VALUES (?) RETURNING id', body);
        return id;
      },
      // rivetkit's transaction, on Baton's.
      postBoth: (c, one, two) =>
        c.db.transaction(async (tx) => {
          await tx.execute('INSERT INTO message(body) VALUES (:body)', { body: one });
          await tx.execute('INSERT INTO message(body) VALUES (:body)', { body: two });
        }),
      messages: async (c) =>
        (await c.db.execute('SELECT body FROM message ORDER BY id')).map(({ body }) => body),
      // What rivetkit's interface does not have is on the database itself.
      generation: (c) => Number(c.db.database.startup.generation),
      id: (c) => c.actorId,
      nap: (c) => c.sleep(),
      end: (c) => c.destroy(),
    },
  });
  return setup({ use: { room }, startEngine: true, enginePort, startServices: false, noWelcome: true });
}
