// batondb/durable-object for CommonJS. durable-object.mjs is the same for ES modules.

'use strict';

const { SqlCursor } = require('./durable-object/cursor.js');
const { DurableObjectStorage, durableObjectStorage } = require('./durable-object/storage.js');

module.exports = { DurableObjectStorage, SqlCursor, durableObjectStorage };
