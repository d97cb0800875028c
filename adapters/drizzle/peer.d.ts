// What the adapter needs of the Drizzle that the caller uses.

import type * as orm from 'drizzle-orm';
import type * as entity from 'drizzle-orm/entity';
import type * as core from 'drizzle-orm/sqlite-core';

/**
 * The classes are loosely typed, because Drizzle's declarations leave out what it calls internal, and drivers are
 * made of just that.
 */
export interface Peer {
  entityKind: typeof entity.entityKind;
  BaseSQLiteDatabase: abstract new (...args: any[]) => any;
  SQLiteAsyncDialect: typeof core.SQLiteAsyncDialect;
  SQLitePreparedQuery: abstract new (...args: any[]) => { query: orm.Query };
  SQLiteSession: abstract new (...args: any[]) => any;
  SQLiteTransaction: new (...args: any[]) => any;
  DefaultLogger: typeof orm.DefaultLogger;
  DrizzleQueryError: typeof orm.DrizzleQueryError;
  NoopLogger: typeof orm.NoopLogger;
  createTableRelationsHelpers: typeof orm.createTableRelationsHelpers;
  extractTablesRelationalConfig: typeof orm.extractTablesRelationalConfig;
  fillPlaceholders: typeof orm.fillPlaceholders;
  mapResultRow: (fields: any, row: any[], joinsNotNullableMap: any) => unknown;
}
