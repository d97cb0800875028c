// batondb for CommonJS. index.mjs is the same for ES modules; index.d.ts documents both.

'use strict';

const { Database } = require('./lib/database/database.js');
const { BatonError, isBatonError } = require('./lib/error.js');
const { Session } = require('./lib/database/session.js');
const { constants } = require('./lib/database/constants.js');
const { setLogger } = require('./lib/observe/logger.js');
const { PageSet } = require('./lib/results/page-set.js');
const { Statement } = require('./lib/database/statement.js');
const { Store } = require('./lib/store/store.js');
const { Transaction } = require('./lib/database/transaction.js');

module.exports = {
  BatonError,
  Database,
  PageSet,
  Session,
  Statement,
  Store,
  Transaction,
  constants,
  isBatonError,
  setLogger,
};
