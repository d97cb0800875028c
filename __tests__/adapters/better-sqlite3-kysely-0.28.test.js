'use strict';

// Kysely's own dialect for SQLite, of the oldest supported version, on Baton.

const kysely = require('kysely-0.28');

const { versionOf } = require('../helpers.js');
const { testKysely } = require('./better-sqlite3/kysely-suite.js');

test('this is Kysely 0.28', () => expect(versionOf('kysely-0.28')).toMatch(/^0\.28\./));

testKysely({ kysely, Migrator: kysely.Migrator });
