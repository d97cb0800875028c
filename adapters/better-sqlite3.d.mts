// The types of batondb/better-sqlite3 for ES modules: those of better-sqlite3.d.ts.

import Database from './better-sqlite3.js';

export import SqliteError = Database.SqliteError;
export default Database;
