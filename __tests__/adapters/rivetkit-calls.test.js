// Each call of rivetkit-calls.js on a Baton database, and the table of docs/rivetkit.md, which has every difference.

'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { batonDatabase } = require('../../adapters/rivetkit.js');
const { ROOT } = require('../helpers.js');
const { CALLS, WITHOUT_CALL, answerOf, isAsExpected } = require('./rivetkit-calls.js');

let store;
let db;
beforeAll(async () => {
  store = await Store.open({ memory: true });
  db = await batonDatabase({ store }).createClient({ actorId: 'a' });
});
afterAll(() => store.close());

test.each(CALLS.map((call) => [call.row ?? 'as rivetkit', call.name, call]))(
  '%s: %s',
  async (_, __, call) => {
    const [answer, expected] = [await answerOf(db, call), call.both ?? call.baton];
    expect([answer, isAsExpected(answer, expected)]).toEqual([expect.any(String), true]);
  },
);

test('the table of differences has all of them, each with its reason', () => {
  const page = readFileSync(join(ROOT, 'docs', 'rivetkit.md'), 'utf8');
  const table = page.slice(page.indexOf('\n| call | rivetkit')).trimStart().split('\n\n', 1)[0].split('\n');
  const lines = table.slice(2).map((line) => line.split('|').map((cell) => cell.trim()));
  for (const cells of lines) {
    // Four columns, none of them empty.
    expect(cells).toHaveLength(6);
    expect(cells.slice(1, 5).filter((cell) => cell === '')).toEqual([]);
  }
  const rows = lines.map(([, row]) => row);
  expect([...rows].sort()).toEqual(
    [...new Set([...CALLS.flatMap(({ row }) => row ?? []), ...WITHOUT_CALL])].sort(),
  );
});
