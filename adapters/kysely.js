// batondb/kysely for CommonJS. kysely.mjs is the same for ES modules, on Kysely's build for those.

'use strict';

const kysely = require('kysely');

const { makeDialect } = require('./kysely/dialect.js');

const BatonDialect = makeDialect(kysely);

module.exports = { BatonDialect };
