// batondb/better-sqlite3 for ES modules: the very class of the CommonJS module.

import Database from './better-sqlite3.js';

export const { SqliteError } = Database;
export default Database;
