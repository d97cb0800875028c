// One open database of the addon: makes its calls, cancels them, and knows when it is closed or fenced.
// `Database` and all its transactions and statements share it.

'use strict';

const { Cancellation, isLimited, throwIfAborted } = require('../abort.js');
const { BatonError, fromFailure, isFailure } = require('../error.js');
const { CommitHold } = require('./commit-hold.js');
const { FenceWatch } = require('./fence-watch.js');
const { Functions } = require('./functions.js');
const { refuseIfWaiting, waitsForItself } = require('./inside.js');
const { toMeta } = require('../results/meta.js');
const { encodeParams, exchange } = require('../arguments/parameters.js');
const { ChunkHeader, ShapeCache } = require('../results/rows.js');

const JOB_MAX = 2 ** 32 - 1;
/** @type {readonly Uint8Array[]} */
const NO_CHUNKS = [];

/** @typedef {InstanceType<typeof import('../addon/queued-database.js').QueuedDatabase>} NativeDatabase */
/** @typedef {import('../../binding.js').Failure} Failure */

/**
 * What a call belongs to: the database itself, or an open transaction.
 *
 * @typedef {object} Scope
 * @property {number} id
 * @property {boolean} isOver
 * @property {Scope | undefined} outer The scope in which the transaction was begun; none for the database
 * itself.
 * @property {readonly AbortSignal[]} signals Those of the transaction and of the enclosing ones.
 */

/** @typedef {{ signal?: AbortSignal | undefined, timeoutMs?: number | undefined, traceparent?: string | undefined }} Limits */

/** @typedef {{ transactionTimeoutMs: number, readOnly: boolean, isDeferred: boolean, onFenced: ((error: import('./fence-watch.js').FenceError) => void) | undefined }} Settings */

class Connection {
  #native;
  /** Only of a deferred database. @type {InstanceType<typeof CommitHold> | undefined} */
  #hold;
  /** Notices that the actor is lost; none if it is not owned. */
  #fence;
  #jobs = 0;
  /**
   * The open transactions, and when the addon will roll them back.
   *
   * @type {Map<Scope, number>}
   */
  #transactions = new Map();
  /**
   * The open transactions that were begun by synchronous calls, the innermost last.
   *
   * @type {Scope[]}
   */
  #sync = [];
  functions = new Functions();
  /** @type {() => void} */
  #onChange = () => {};
  /** @type {Promise<void> | undefined} */
  #closing;
  #isClosed = false;
  /** @type {() => void} */
  onClosed = () => {};
  shapes = new ShapeCache();
  /** @type {Scope} */
  scope = { id: 0, isOver: false, outer: undefined, signals: [] };

  /**
   * @param {string} actorId
   * @param {NativeDatabase} native
   * @param {Settings} settings
   */
  constructor(actorId, native, { transactionTimeoutMs, readOnly, isDeferred, onFenced }) {
    this.actorId = actorId;
    this.transactionTimeoutMs = transactionTimeoutMs;
    this.#native = native;
    native.onAnswered = () => this.#onChange();
    this.#hold = isDeferred ? new CommitHold(native) : undefined;
    this.#fence = readOnly ? undefined : new FenceWatch(native, onFenced);
    const { won, meta, preloadedPages } = native.startup();
    /** @type {import('../../index.js').DatabaseStartup} */
    this.startup = {
      outcome: won === undefined ? 'read-only' : won ? 'won' : 'lost',
      generation: meta.generation,
      meta: toMeta(meta),
      preloadedPages,
    };
  }

  get isClosing() {
    return this.#closing !== undefined;
  }

  get isTransaction() {
    return !this.#isClosed && this.#native.isTransaction();
  }

  get fencedBy() {
    return this.#fence?.error;
  }

  checkOwnership() {
    this.#fence?.check();
  }

  stats() {
    this.refuseIfOver(this.scope);
    return this.#native.stats();
  }

  /**
   * @template T
   * @param {Scope} scope
   * @param {(native: NativeDatabase, scopeId: number, job: number) => Promise<T | Failure>} dispatch
   * @param {Limits} limits
   * @returns {Promise<Exclude<T, Failure>>}
   */
  async call(scope, dispatch, limits) {
    this.refuseIfOver(scope);
    refuseIfWaiting(this, scope);
    if (!isLimited(scope, limits)) {
      return this.result(await dispatch(this.#native, scope.id, 0));
    }
    const { signal, timeoutMs } = limits;
    const signals = signal === undefined ? scope.signals : [signal, ...scope.signals];
    signals.forEach(throwIfAborted);
    this.#jobs = (this.#jobs % JOB_MAX) + 1;
    const job = this.#jobs;
    const answer = dispatch(this.#native, scope.id, job);
    const cancellation = new Cancellation(() => this.#native.cancel(job), signals, timeoutMs);
    try {
      return this.result(await answer, cancellation);
    } finally {
      cancellation.end();
    }
  }

  /**
   * Runs SQL as a call that nothing ends early. Whoever awaits the answer passes it to {@link result}. This is
   * {@link call} without closures and without a promise of its own.
   *
   * @param {Scope} scope
   * @param {number} kind
   * @param {string} sql
   * @param {unknown} params
   * @param {string | undefined} traceparent
   */
  run(scope, kind, sql, params, traceparent) {
    this.refuseIfOver(scope);
    refuseIfWaiting(this, scope);
    return this.#native.call(scope.id, 0, kind, sql, encodeParams(params), traceparent);
  }

  /**
   * Ends a scope. Signals do not cancel this: it is what they lead to.
   *
   * @param {Scope} scope
   * @param {boolean} commit
   * @param {string} [traceparent]
   */
  async end(scope, commit, traceparent) {
    this.result(await this.#native.end(scope.id, commit, traceparent));
  }

  /**
   * Makes a call on this thread.
   *
   * @template T
   * @param {Scope} scope
   * @param {(native: NativeDatabase, scopeId: number) => T | Failure} dispatch
   * @returns {Exclude<T, Failure>}
   */
  callSync(scope, dispatch) {
    this.refuseIfOver(scope);
    this.#hold?.hold();
    return this.#resultSync(dispatch(this.#native, this.syncScope(scope).id));
  }

  /**
   * Runs a statement on this thread.
   *
   * @template T
   * @param {Scope} scope
   * @param {number} kind
   * @param {string} sql
   * @param {unknown} params
   * @param {(first: InstanceType<typeof ChunkHeader>, rest: readonly Uint8Array[], length: number) => T} read
   * Reads the chunks at once: they are valid only meanwhile. Given the length of the first one, too.
   * @returns {T}
   */
  runSync(scope, kind, sql, params, read) {
    this.refuseIfOver(scope);
    this.#hold?.hold();
    const { id } = this.syncScope(scope);
    const native = this.#native;
    const { dispatch } = this.functions;
    return exchange(
      params,
      (buffer, length) => native.runSync(id, kind, sql, buffer, length, dispatch),
      (answer, writer) => {
        if (typeof answer === 'number') {
          // What a function has thrown after the last row that was wanted is nobody's.
          this.functions.takeThrown();
          return read(new ChunkHeader(writer.answer, writer.view), NO_CHUNKS, answer);
        }
        const chunks = this.#resultSync(answer);
        return Array.isArray(chunks)
          ? read(new ChunkHeader(chunks[0]), chunks.slice(1), chunks[0].length)
          : read(new ChunkHeader(chunks), NO_CHUNKS, chunks.length);
      },
    );
  }

  /**
   * Where a synchronous call runs: in the innermost open transaction that was begun by one.
   *
   * @param {Scope} scope
   */
  syncScope(scope) {
    return this.#sync.length === 0 ? scope : this.#sync[this.#sync.length - 1];
  }

  /**
   * @param {Scope} scope Of the object whose method has begun the transaction.
   * @param {number} id
   */
  enterSync(scope, id) {
    /** @type {Scope} */
    const inner = { id, isOver: false, outer: this.syncScope(scope), signals: [] };
    this.#sync.push(inner);
    return inner;
  }

  /** @param {Scope} scope */
  leaveSync(scope) {
    scope.isOver = true;
    this.#sync.pop();
  }

  /**
   * @param {Scope} scope
   * @param {boolean} commit
   */
  endSync(scope, commit) {
    this.#hold?.hold();
    this.#resultSync(this.#native.endSync(scope.id, commit));
  }

  /**
   * Closes a cursor now, or as soon as its turn comes.
   *
   * @param {Scope} scope
   * @param {number} cursor
   */
  closeCursorSync(scope, cursor) {
    const { dispatch } = this.functions;
    const close = () => this.#native.closeCursorSync(this.syncScope(scope).id, cursor, dispatch);
    if (!this.#isClosed && isFailure(this.functions.closing(close))) {
      this.closeCursor(scope, cursor);
    }
  }

  /**
   * Its answer does not matter: a cursor that cannot be closed is gone already.
   *
   * @param {Scope} scope
   * @param {number} cursor
   */
  async closeCursor(scope, cursor) {
    if (!this.#isClosed) {
      const closed = this.#native.closeCursor(scope.id, cursor);
      // It runs in its turn; a call from inside a transaction would wait for itself.
      await (waitsForItself(this, scope) ? undefined : closed);
    }
  }

  /**
   * Ends a session now, or as soon as the calls before are done. It ends with the database in any case.
   *
   * @param {number} session
   */
  stopRecording(session) {
    if (
      !this.#isClosed &&
      isFailure(this.#native.stopRecordingSync(this.syncScope(this.scope).id, session))
    ) {
      this.#native.stopRecording(this.scope.id, session);
    }
  }

  /** @param {Scope} scope */
  refuseIfOver(scope) {
    if (scope.isOver) {
      throw new BatonError('ERR_CLOSED', 'The transaction is over');
    }
    // While closing waits for a transaction to end, calls of the transaction still run.
    if (this.#isClosed || (this.#closing && scope === this.scope)) {
      throw new BatonError('ERR_CLOSED', 'The database is closed');
    }
  }

  /**
   * @param {Scope} scope
   * @param {number} timeoutMs Counted from now; Infinity while the transaction waits for its turn.
   */
  transactionOpen(scope, timeoutMs) {
    this.#transactions.set(scope, performance.now() + timeoutMs);
    this.#onChange();
  }

  /**
   * Whether a transaction has begun and has neither ended nor reached its deadline, and the same for all
   * enclosing ones.
   *
   * @param {Scope} scope
   * @returns {boolean}
   */
  isOpen(scope) {
    const until = this.#transactions.get(scope) ?? 0;
    return !scope.isOver && until > performance.now() && (!scope.outer?.outer || this.isOpen(scope.outer));
  }

  /** @param {Scope} scope */
  transactionOver(scope) {
    this.#transactions.delete(scope);
    this.#onChange();
  }

  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    await this.#fence?.stop();
    await this.#quiet();
    this.#isClosed = true;
    const answer = await this.#native.close();
    this.onClosed();
    this.result(answer);
  }

  /** Waits for running calls and transactions; for a transaction no longer than its deadline. */
  async #quiet() {
    while (this.#native.underWay > 0 || this.#transactions.size > 0) {
      const deadline = Math.min(...this.#transactions.values());
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      await new Promise((resolve) => {
        this.#onChange = () => resolve(undefined);
        if (deadline < Infinity) {
          timer = setTimeout(resolve, deadline - performance.now());
        }
      });
      clearTimeout(timer);
      for (const [scope, until] of this.#transactions) {
        if (until <= performance.now()) {
          this.#transactions.delete(scope);
        }
      }
    }
  }

  /**
   * The result of a call on this thread, in which a function may have thrown.
   *
   * @template T
   * @param {T | Failure} answer
   * @returns {Exclude<T, Failure>}
   */
  #resultSync(answer) {
    const thrown = this.functions.takeThrown();
    if (thrown && isFailure(answer)) {
      throw thrown.error;
    }
    return this.result(answer);
  }

  /**
   * Returns the answer of a call, or throws its error.
   *
   * @template T
   * @param {T | Failure} answer
   * @param {InstanceType<typeof Cancellation>} [cancellation]
   * @returns {Exclude<T, Failure>}
   */
  result(answer, cancellation) {
    if (!isFailure(answer)) {
      return /** @type {Exclude<T, Failure>} */ (answer);
    }
    const error = fromFailure(answer);
    this.#fence?.hear(error);
    throw cancellation?.explain(error) ?? error;
  }
}

module.exports = { Connection };
