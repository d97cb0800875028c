// The other side of reopen.mjs: a process whose actors commit until it is killed.

import { Store } from '../../index.mjs';

const [, , path, count] = process.argv;
const ROW = 'INSERT INTO event(body) VALUES (randomblob(4000))';
const store = await Store.open({ path });
const databases = await Promise.all(
  Array.from({ length: Number(count) }, (_, index) => store.openDatabase(`actor ${index}`)),
);
for (const database of databases) {
  await database.exec('CREATE TABLE event(id INTEGER PRIMARY KEY, body BLOB NOT NULL)');
  await database.run(ROW);
}
process.send?.('ready');
await Promise.all(
  databases.map(async (database) => {
    for (;;) {
      await database.run(ROW);
    }
  }),
);
