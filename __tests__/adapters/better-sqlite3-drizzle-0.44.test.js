'use strict';

// Drizzle's own driver for better-sqlite3, of the oldest supported version, on Baton.

// The driver imports better-sqlite3 to open files by their name, which is not what it is asked for here.
jest.mock('better-sqlite3', () => require('../../adapters/better-sqlite3.js'), { virtual: true });

const { versionOf } = require('../helpers.js');
const { testDrizzle } = require('./better-sqlite3/drizzle-suite.js');

test('this is Drizzle 0.44', () => expect(versionOf('drizzle-orm-0.44')).toMatch(/^0\.44\./));

testDrizzle({
  orm: require('drizzle-orm-0.44'),
  core: require('drizzle-orm-0.44/sqlite-core'),
  driver: require('drizzle-orm-0.44/better-sqlite3'),
  migrator: require('drizzle-orm-0.44/better-sqlite3/migrator'),
});
