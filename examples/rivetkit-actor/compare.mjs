// Makes the calls of __tests__/adapters/rivetkit-calls.js in two actors, one with rivetkit's own database and one with Baton's,
// and says where an answer is not the expected one. Run by `npm run test:rivetkit`.
//
//   node compare.mjs [port of rivetkit's engine]

import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

import { actor, setup } from 'rivetkit';
import { createClient } from 'rivetkit/client';
import { db } from 'rivetkit/db';

import { Store } from 'batondb';
import { batonDatabase } from 'batondb/rivetkit';

const { CALLS, answerOf, isAsExpected } = createRequire(import.meta.url)(
  '../../__tests__/adapters/rivetkit-calls.js',
);

const [port = '16420'] = process.argv.slice(2);
const READY_ATTEMPTS = 600;

const store = await Store.open({ memory: true });

/** @param {any} database @param {'rivetkit' | 'baton'} whose */
const comparing = (database, whose) =>
  actor({
    db: database,
    options: { actionTimeout: 60_000 },
    actions: {
      wrong: async (c) => {
        const wrong = [];
        for (const call of CALLS) {
          const [answer, expected] = [await answerOf(c.db, call), call.both ?? call[whose]];
          if (!isAsExpected(answer, expected)) {
            wrong.push(`${whose}, ${call.row ?? 'the same'}, ${call.name}: ${answer}, not ${expected}`);
          }
        }
        return wrong;
      },
      database: async (c) => (c.db.nativeMetrics() === null ? 'baton' : 'rivetkit'),
    },
  });

const registry = setup({
  use: { rivetkit: comparing(db(), 'rivetkit'), baton: comparing(batonDatabase({ store }), 'baton') },
  startEngine: true,
  enginePort: Number(port),
  startServices: false,
  noWelcome: true,
});
registry.start();
for (let attempt = 0; !(await registry.routes.health().catch(() => undefined))?.ok; attempt += 1) {
  if (attempt === READY_ATTEMPTS) throw new Error('the engine does not answer');
  await sleep(50);
}

const client = createClient({ endpoint: `http://127.0.0.1:${port}` });
const [theirs, ours] = [client.rivetkit.getOrCreate(['a']), client.baton.getOrCreate(['a'])];
console.log('databases:', await theirs.database(), await ours.database());
const wrong = [...(await theirs.wrong()), ...(await ours.wrong())];
console.log(`calls: ${CALLS.length}, unexpected answers: ${wrong.length}`);
for (const line of wrong) console.log(line);
process.exit(wrong.length === 0 ? 0 : 1);
