// Code that SQL calls, of every kind that a caller should not write: it throws anything, answers anything, and uses its
// own database, closes it, defines itself anew, or works on another one in the middle of the call.

import { isBatonError } from '../../index.js';
import { Hostile, Marker } from '../hostile.mjs';
import { isAllowed } from '../outcomes.mjs';

export class Callbacks {
  /** All that was thrown, which a call may pass on. */
  thrown = new Set();
  #draw;
  #hostile;
  #db;
  #other;
  #fail;
  #depth = 0;

  /**
   * @param {import('../draw.mjs').Draw} draw
   * @param {{ db: () => any, other: () => any, fail: (what: string, error: unknown) => never }} around
   */
  constructor(draw, { db, other, fail }) {
    this.#draw = draw;
    this.#db = db;
    this.#other = other;
    this.#fail = fail;
    this.#hostile = new Hostile(draw, () => this.#look());
  }

  /** A callback with this many parameters. */
  of(parameters) {
    const draw = this.#draw.fork();
    const act = this.#behavior(draw);
    let calls = 0;
    const from = draw.of([0, 0, 1, 5]);
    const run = (args) => {
      calls += 1;
      return calls > from ? act(args) : (args[0] ?? 0);
    };
    return [(...args) => run(args), (a) => run([a]), (a, b) => run([a, b]), (a, b, c) => run([a, b, c])][
      parameters
    ];
  }

  /** A comparison, now and then one that keeps to the rules. */
  comparison() {
    if (this.#draw.oneIn(2)) return (left, right) => Number(left > right) - Number(left < right);
    const draw = this.#draw.fork();
    const callback = this.of(2);
    return draw.oneIn(2)
      ? () => draw.below(3) - 1
      : (left, right) => (draw.oneIn(4) ? callback(left, right) : 0);
  }

  /** Whether a call may end in this. */
  mayThrow(error) {
    return this.thrown.has(error) || isAllowed(error);
  }

  #throw(error) {
    this.thrown.add(error);
    throw error;
  }

  #behavior(draw) {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const errors = [
      new Marker('mine'),
      undefined,
      null,
      7,
      'text',
      Symbol('thrown'),
      proxy,
      Object.freeze({ code: 1 }),
    ];
    return draw.of([
      (args) => args[0],
      () => draw.below(1000) - 500,
      () => this.#hostile.value(2),
      () => this.#hostile.view(draw.of([0, 8, 4096])),
      () => this.#throw(draw.of(errors)),
      () => (draw.oneIn(3) ? this.#throw(draw.of(errors)) : 1),
      () => this.#meddle(draw),
      () => this.#close(draw),
      () => this.#later(draw),
      () => this.#elsewhere(draw),
      () => Promise.reject(new Marker('rejected by a function')),
    ]);
  }

  /** Every use of the own database is refused while it runs the call. */
  #meddle(draw) {
    const db = this.#db();
    const use = draw.of([
      () => db.getSync('SELECT 1'),
      () => db.execSync('DELETE FROM kept'),
      () => db.batchSync(['DELETE FROM word']),
      () => db.transactionSync(() => db.runSync('DELETE FROM kept')),
      () => [...db.iterateSync('SELECT * FROM kept')],
      () => db.prepareSync('SELECT 1'),
      () => db.serializeSync(),
      () => db.function(draw.of(['f0', 'f1']), () => 1),
      () => db.aggregate('a0', { step: () => 1 }),
      () => db.collation('c0', draw.of([null, () => 0])),
    ]);
    try {
      use();
    } catch (error) {
      if (!isBatonError(error) || !['ERR_BUSY', 'ERR_CLOSED'].includes(error.code)) {
        this.#fail('a call inside a callback ended otherwise than refused', error);
      }
      return 1;
    }
    return this.#fail('a call inside a callback of its own database has run', use);
  }

  /** In the middle of a call, or before it has begun. */
  #look() {
    try {
      this.#db().getSync('SELECT 1');
    } catch (error) {
      if (!isAllowed(error)) this.#fail('a call inside a getter', error);
    }
  }

  #close(draw) {
    if (draw.oneIn(8))
      this.#db()
        .close()
        .catch(() => {});
    return 1;
  }

  /** Calls that run when this one is over. */
  #later(draw) {
    const db = this.#db();
    const settled = (promise) =>
      promise.catch((error) => isAllowed(error) || this.#fail('a call that was made in a callback', error));
    draw.of([
      () => settled(db.get('SELECT 1')),
      () => settled(db.run('INSERT INTO noise VALUES (1, 2)')),
      () => settled(db.run('INSERT INTO noise SELECT f0(1), 2')),
      () => settled(db.transaction((tx) => tx.run('DELETE FROM noise'))),
    ])();
    return 1;
  }

  /** Another database, whose functions use this one. */
  #elsewhere(draw) {
    if (this.#depth > 2) return 1;
    this.#depth += 1;
    try {
      const other = this.#other();
      const inner = draw.oneIn(2) ? () => this.#meddle(draw) : this.of(1);
      other.function('there', { varargs: true }, inner);
      other.collation('there', () => inner(0) || 0);
      return other.getSync(
        "SELECT there(1) AS x, 'a' < 'b' COLLATE there AS y, (SELECT count(*) FROM t) AS n",
      ).n;
    } catch (error) {
      if (!this.mayThrow(error)) this.#fail('a call of another database inside a callback', error);
      return 0;
    } finally {
      this.#depth -= 1;
    }
  }
}
