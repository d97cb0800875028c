// Compiled, never run: CommonJS users get the same types, and the wrapper has the declared surface.

import batondb = require('batondb');
import { Store, type Startup } from 'batondb';
import implementation = require('../../lib/store/store.js');
import errors = require('../../lib/error.js');
import pageSet = require('../../lib/results/page-set.js');
import database = require('../../lib/database/database.js');
import statement = require('../../lib/database/statement.js');
import transaction = require('../../lib/database/transaction.js');

export async function surface(): Promise<Startup> {
  const store: batondb.Store = await Store.open({ memory: true });
  return store.loadStartup('a');
}

// What lib/ implements fits what index.d.ts declares.
export const open: (options: batondb.StoreOptions) => Promise<batondb.Store> = implementation.Store.open;
type ErrorClass = new (
  ...args: ConstructorParameters<typeof batondb.BatonError>
) => Pick<batondb.BatonError, 'code' | 'retryable' | 'message' | 'stack' | 'cause'>;
export const error: ErrorClass = errors.BatonError;
export type PagesFit = InstanceType<typeof pageSet.PageSet> extends batondb.PageSet ? true : never;
export const pagesFit: PagesFit = true;
type Fits<Made, Declared> = Made extends Declared ? true : never;
export const databaseFits: Fits<InstanceType<typeof database.Database>, batondb.Database> = true;
export const transactionFits: Fits<InstanceType<typeof transaction.Transaction>, batondb.Transaction> = true;
export const statementFits: Fits<InstanceType<typeof statement.Statement>, batondb.Statement> = true;

// @ts-expect-error Nothing but the package itself can be imported.
import hidden = require('batondb/lib/store.js');
export { hidden };
