// The tests of batondb/kysely with Kysely 0.28.

'use strict';

const peer = jest.requireActual('kysely-0.28');
jest.mock('kysely', () => peer);

const { versionOf } = require('../helpers.js');
const { testKysely } = require('./kysely-suite.js');

test('this is Kysely 0.28', () => expect(versionOf('kysely-0.28')).toMatch(/^0\.28\./));

testKysely({
  kysely: peer,
  Migrator: peer.Migrator,
  helpers: jest.requireActual('kysely-0.28/helpers/sqlite'),
  installed: 'kysely-0.28',
});
