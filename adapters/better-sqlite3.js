// batondb/better-sqlite3 for CommonJS: the class itself, as better-sqlite3 exports it. better-sqlite3.mjs is the same for
// ES modules.

'use strict';

const { Database } = require('./better-sqlite3/database.js');

module.exports = Database;
