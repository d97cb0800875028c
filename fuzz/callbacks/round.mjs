// A round with one database: definitions, statements in every context, hostile arguments, and checks against the model.

import { Store } from '../../index.js';
import { Callbacks } from './callbacks.mjs';
import { METHODS, OF_STATEMENT, SYNC, hostileCall } from './hostile-calls.mjs';
import {
  AGGREGATES,
  COLLATIONS,
  FUNCTIONS,
  Model,
  SCHEMA,
  query,
  rendered,
  rowAfterRow,
  write,
} from './model.mjs';

/** Names that mean something to SQLite, and some that nobody would choose. */
const NAMES = [
  'max',
  'like',
  '->',
  'group',
  'a b',
  '"',
  "'",
  'é',
  'sqlite_rename_table',
  'x'.repeat(255),
  'noCase',
];

export class Round {
  writes = { tried: 0, done: 0 };
  #draw;
  #fail;
  #store;
  #db;
  #other;
  #callbacks;
  #model = new Model();
  #deferred;
  /** An iteration that goes on while other calls run. */
  #rows;

  constructor(draw, fail) {
    this.#draw = draw;
    this.#fail = fail;
  }

  async open(place) {
    this.#store = await Store.open(place);
    this.#deferred = this.#draw.oneIn(2);
    this.#other = await this.#store.openDatabase('other');
    this.#other.execSync('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
    await this.#renew();
  }

  /** Opens the database again, if a callback has closed it. */
  async #renew() {
    if (this.#db && !this.#db.closed) return;
    await this.#db?.close().catch(() => {});
    const durability = this.#deferred ? 'deferred' : 'full';
    const db = await this.#store.openDatabase('fuzzed', { durability });
    this.#db = db;
    const around = { db: () => db, other: () => this.#other, fail: this.#fail };
    this.#callbacks = new Callbacks(this.#draw.fork(), around);
    this.#define(db);
    db.execSync(SCHEMA);
  }

  /** Everything that statements may ask for, as it should be. */
  #define(db) {
    for (const name of FUNCTIONS) db.function(name, { varargs: true }, () => 1);
    const count = { varargs: true, start: 0, step: (sum) => sum + 1, inverse: (sum) => sum - 1 };
    for (const name of AGGREGATES) db.aggregate(name, count);
    for (const name of COLLATIONS)
      db.collation(name, (left, right) => Number(left > right) - Number(left < right));
  }

  /** One step. */
  async step() {
    await this.#renew();
    const draw = this.#draw;
    switch (draw.below(9)) {
      case 0:
      case 1:
        return this.#tried('a definition', () => this.#redefine());
      case 2:
        return this.#tried('hostile arguments', () => this.#hostile());
      case 3:
        return this.#tried('a query', () => this.#ask(this.#db));
      case 4:
        return this.#asynchronous();
      case 5:
        return this.#tried('an iteration', () => this.#iterate());
      default:
        return this.#tried('a write', () => this.#write());
    }
  }

  /** Makes a call that may throw what a callback has thrown, or a documented error. */
  #tried(what, call) {
    const callbacks = this.#callbacks;
    try {
      return call();
    } catch (error) {
      if (!callbacks.mayThrow(error)) this.#fail(`${what} ended in an error that is not documented`, error);
      return undefined;
    }
  }

  #redefine() {
    const [draw, db, callbacks] = [this.#draw, this.#db, this.#callbacks];
    const name = (names) => (draw.oneIn(8) ? draw.of(NAMES) : draw.of(names));
    switch (draw.below(3)) {
      case 0: {
        const options = { varargs: draw.oneIn(2), deterministic: draw.oneIn(3), readBigInts: draw.oneIn(2) };
        db.function(name(FUNCTIONS), options, callbacks.of(draw.below(4)));
        break;
      }
      case 1: {
        const start = draw.of([0, null, callbacks.of(0), {}]);
        const [step, inverse, result] = [2, 2, 1].map((count) => callbacks.of(count));
        db.aggregate(name(AGGREGATES), {
          start,
          step,
          ...(draw.oneIn(3) ? {} : { inverse }),
          ...(draw.oneIn(2) ? { result } : {}),
        });
        break;
      }
      default:
        db.collation(name(COLLATIONS), draw.oneIn(8) ? null : callbacks.comparison());
    }
  }

  /** One method with arguments that are wrong, of the database, a statement, or a transaction. */
  #hostile() {
    const draw = this.#draw;
    const db = this.#db;
    switch (draw.below(6)) {
      case 0:
        return this.#called(db.prepareSync('SELECT ?'), OF_STATEMENT);
      case 1:
        return db.transactionSync(() => this.#called(db, METHODS));
      default:
        return this.#called(db, METHODS);
    }
  }

  #called(object, methods) {
    const look = () => this.#tried('a call inside a getter', () => this.#db.getSync('SELECT 1'));
    return hostileCall(this.#draw, object, methods, look);
  }

  #ask(queries) {
    const draw = this.#draw;
    const sql = query(draw);
    return draw.of([
      () => queries.allSync(sql),
      () => queries.getSync(sql, [], SYNC),
      () => queries.runSync(sql),
      () => queries.execSync(sql),
      () => queries.prepareSync(sql).allSync(),
      () => queries.batchSync([sql, sql]),
      () => [...queries.iterateSync(sql)],
      // Left early.
      () => {
        for (const row of queries.iterateSync(sql)) return row;
        return undefined;
      },
    ])();
  }

  #next(model) {
    this.writes.tried += 1;
    return write(this.#draw, model);
  }

  #iterate() {
    const draw = this.#draw;
    const rows = this.#rows ?? this.#db.iterateSync(rowAfterRow(draw));
    this.#rows = undefined;
    for (let count = draw.below(300); count > 0; count -= 1) {
      if (rows.next().done) return;
    }
    if (draw.oneIn(3)) rows.return();
    else this.#rows = rows;
  }

  /** What follows from a write that has succeeded. */
  #done(model, statement) {
    this.writes.done += 1;
    statement.apply(model);
  }

  #write() {
    const draw = this.#draw;
    if (draw.oneIn(3)) return this.#inTransaction(draw.oneIn(2));
    if (draw.oneIn(4)) {
      const batch = Array.from({ length: 1 + draw.below(3) }, () => this.#next(this.#model));
      this.#db.batchSync(
        batch.map(({ sql, params }) => ({ sql, params })),
        SYNC,
      );
      batch.forEach((statement) => this.#done(this.#model, statement));
      return undefined;
    }
    return this.#one(this.#db, this.#model);
  }

  /** One statement on the database or a transaction. */
  #one(queries, model) {
    const draw = this.#draw;
    const statement = this.#next(model);
    const { sql, params } = statement;
    draw.of([
      () => queries.runSync(sql, params, SYNC),
      () => queries.getSync(sql, params, SYNC),
      () => queries.allSync(sql, params, SYNC),
      () => queries.execSync(rendered(statement)),
      () => queries.prepareSync(sql).runSync(params),
      () => queries.iterateSync(sql, params, SYNC).next(),
    ])();
    this.#done(model, statement);
  }

  /** Several, some of whose errors the transaction goes on after. */
  #inTransaction(goesOn) {
    const draw = this.#draw;
    const outer = this.#model.copy();
    this.#db.transactionSync(() => {
      for (let count = draw.below(4); count > 0; count -= 1) {
        const one = () => this.#one(this.#db, outer);
        if (goesOn) this.#tried('a write in a transaction', one);
        else one();
      }
      if (draw.oneIn(3)) {
        const inner = outer.copy();
        this.#tried('a savepoint', () => {
          this.#db.transactionSync(() => this.#one(this.#db, inner));
          outer.become(inner);
        });
      }
      if (draw.oneIn(4)) this.#ask(this.#db);
    });
    this.#model = outer;
  }

  /** Calls on the pool, which run no callback; and a transaction of them with synchronous calls in it. */
  async #asynchronous() {
    const draw = this.#draw;
    const callbacks = this.#callbacks;
    try {
      if (draw.oneIn(2)) {
        const statement = this.#next(this.#model);
        await this.#db.run(statement.sql, statement.params, SYNC);
        this.#done(this.#model, statement);
        return;
      }
      const model = this.#model.copy();
      await this.#db.transaction(async (tx) => {
        this.#tried('a write in an asynchronous transaction', () => this.#one(tx, model));
        const statement = this.#next(model);
        await tx.run(statement.sql, statement.params, SYNC);
        this.#done(model, statement);
      });
      this.#model = model;
    } catch (error) {
      if (!callbacks.mayThrow(error))
        this.#fail('an asynchronous call ended in an error that is not documented', error);
    }
  }

  /** Whether the database answers and holds what the model does, in the right order. */
  async check() {
    // Calls that callbacks have made come first.
    await this.#db.get('SELECT 1').catch(() => {});
    await this.#renew();
    this.#tried('the end of an iteration', () => this.#rows?.return());
    this.#rows = undefined;
    const db = this.#db;
    if (db.isTransaction) this.#fail('a transaction is open', undefined);
    this.#define(db);
    db.execSync('REINDEX');
    const [[sound]] = db.allSync('PRAGMA integrity_check', [], { rowMode: 'array' });
    if (sound !== 'ok') this.#fail('the database is damaged', sound);
    const rows = (sql) => db.allSync(sql, [], { rowMode: 'array' });
    const found = {
      kept: rows('SELECT k, v FROM kept NOT INDEXED ORDER BY k'),
      words: rows('SELECT id, text, n FROM word NOT INDEXED ORDER BY id'),
    };
    const expected = this.#model.rows();
    if (JSON.stringify(found) !== JSON.stringify(expected))
      this.#fail('the rows are others', JSON.stringify({ found, expected }));
  }

  async close() {
    await this.#store.close();
  }
}
