'use strict';

// Kysely's own dialect for SQLite, of the newest supported version, on Baton.

const kysely = require('kysely');
const { Migrator } = require('kysely/migration');

const { versionOf } = require('../helpers.js');
const { testKysely } = require('./better-sqlite3/kysely-suite.js');

test('this is Kysely 0.29', () => expect(versionOf('kysely')).toMatch(/^0\.29\./));

testKysely({ kysely, Migrator });
