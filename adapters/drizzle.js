// batondb/drizzle for CommonJS. drizzle.mjs is the same for ES modules, on Drizzle's build for those.

'use strict';

const orm = require('drizzle-orm');
const core = require('drizzle-orm/sqlite-core');

const { makeDrizzle } = require('./drizzle/database.js');

const { BatonDrizzleDatabase, drizzle, migrate } = makeDrizzle(
  /** @type {import('./drizzle/peer.js').Peer} */ (/** @type {unknown} */ ({ ...orm, ...core })),
);

module.exports = { BatonDrizzleDatabase, drizzle, migrate };
