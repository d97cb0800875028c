'use strict';

// Drizzle's own driver for better-sqlite3, of the newest supported version, on Baton.

// The driver imports better-sqlite3 to open files by their name, which is not what it is asked for here.
jest.mock('better-sqlite3', () => require('../../adapters/better-sqlite3.js'), { virtual: true });

const { versionOf } = require('../helpers.js');
const { testDrizzle } = require('./better-sqlite3/drizzle-suite.js');

test('this is Drizzle 0.45', () => expect(versionOf('drizzle-orm')).toMatch(/^0\.45\./));

testDrizzle({
  orm: require('drizzle-orm'),
  core: require('drizzle-orm/sqlite-core'),
  driver: require('drizzle-orm/better-sqlite3'),
  migrator: require('drizzle-orm/better-sqlite3/migrator'),
});
