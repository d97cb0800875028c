// The tests of batondb/drizzle once more, with the oldest Drizzle that is supported.

'use strict';

const orm = jest.requireActual('drizzle-orm-0.44');
const core = jest.requireActual('drizzle-orm-0.44/sqlite-core');
jest.mock('drizzle-orm', () => orm);
jest.mock('drizzle-orm/sqlite-core', () => core);

const { projectWith, runNodeIn, versionOf } = require('../helpers.js');

test('this is Drizzle 0.44', () => {
  expect(versionOf('drizzle-orm-0.44')).toMatch(/^0\.44\./);
  expect(require('drizzle-orm')).toBe(orm);
  expect(require('../../adapters/drizzle.js').BatonDrizzleDatabase.prototype).toBeInstanceOf(
    core.BaseSQLiteDatabase,
  );
});

require('./drizzle.test.js');
require('./drizzle-migrate.test.js');

describe('in a project', () => {
  const directory = projectWith({ 'drizzle-orm': 'drizzle-orm-0.44' });
  const run = `
    const main = async () => {
      const store = await Store.open({ memory: true });
      const db = drizzle(await store.openDatabase('a'));
      console.log(await db.get(sql\`SELECT 7 AS x\`), is(db, BaseSQLiteDatabase));
      await store.close();
    };
    main();
  `;
  const imports = {
    Store: 'batondb',
    drizzle: 'batondb/drizzle',
    'is, sql': 'drizzle-orm',
    BaseSQLiteDatabase: 'drizzle-orm/sqlite-core',
  };
  const lines = (line) => Object.entries(imports).map(line).join('\n');

  test('ES modules and CommonJS work, each with its build', async () => {
    const esm = lines(([names, from]) => `import { ${names} } from '${from}';`);
    const cjs = lines(([names, from]) => `const { ${names} } = require('${from}');`);
    const outputs = await Promise.all([
      runNodeIn(directory, '--input-type=module', '-e', esm + run),
      runNodeIn(directory, '-e', cjs + run),
    ]);
    expect(outputs.map(({ stdout }) => stdout)).toEqual(['{ x: 7 } true\n', '{ x: 7 } true\n']);
  });
});
