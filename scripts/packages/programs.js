// The first programs of somebody who has just installed batondb: each opens a store in memory and one in a
// directory, and runs SQL.

'use strict';

const BODY = `
async function use(options) {
  const store = await Store.open(options);
  const db = await store.openDatabase('room');
  await db.exec('create table if not exists message (text)');
  await db.run('insert into message values (?)', ['hello']);
  const row = await db.get('select count(*) as n from message');
  await db.close();
  await store.close();
  return Number(row.n);
}

async function main() {
  console.log('rows', await use({ memory: true }), await use({ path: process.argv[2] }));
}

main();
`;

const TYPED = BODY.replace('options)', 'options: StoreOptions): Promise<number>')
  .replace('db.get(', 'db.get<{ n: number }>(')
  .replace('row.n', 'row?.n');

/** The output of each program on its first run, with its own directory. */
const EXPECTED = 'rows 1 1\n';

const FILES = {
  'program.cjs': `const { Store } = require('batondb');\n${BODY}`,
  'program.mjs': `import { Store } from 'batondb';\n${BODY}`,
  'program.mts': `import { Store, type StoreOptions } from 'batondb';\n${TYPED}`,
  'program.cts': `import { Store, type StoreOptions } from 'batondb';\n${TYPED}`,
};

module.exports = { EXPECTED, FILES };
