// batondb for CommonJS. index.mjs is the same for ES modules; index.d.ts documents both.

'use strict';

const { Database } = require('./lib/database.js');
const { BatonError, isBatonError } = require('./lib/error.js');
const { setLogger } = require('./lib/logger.js');
const { PageSet } = require('./lib/page-set.js');
const { Statement } = require('./lib/statement.js');
const { Store } = require('./lib/store.js');
const { Transaction } = require('./lib/transaction.js');

module.exports = { BatonError, Database, PageSet, Statement, Store, Transaction, isBatonError, setLogger };
