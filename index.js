// batondb for CommonJS. index.mjs is the same for ES modules; index.d.ts documents both.

'use strict';

const { BatonError, isBatonError } = require('./lib/error.js');
const { PageSet } = require('./lib/page-set.js');
const { Store } = require('./lib/store.js');

module.exports = { BatonError, PageSet, Store, isBatonError };
