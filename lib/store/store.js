// The `Store` class: checks arguments, calls the addon, and turns failures into errors.
//
// Each method dispatches before its first `await`, so its arguments are copied when the call returns.

'use strict';

const { NativeStore } = require('../addon/native.js');
const check = require('../arguments/check.js');
const { tell } = require('../observe/channels.js');
const { commitRequest } = require('../arguments/commit-request.js');
const { Connection } = require('../database/connection.js');
const { Calls } = require('./calls.js');
const { copy } = require('./copy.js');
const { Database } = require('../database/database.js');
const { BatonError, result } = require('../error.js');
const { toMeta } = require('../results/meta.js');
const { History } = require('./history.js');
const { entriesArgument, migrate } = require('./migrate.js');
const { StoreMetrics } = require('../observe/metrics.js');
const { OpenDatabases } = require('../database/open-databases.js');
const { QueuedDatabase, answers } = require('../addon/queued-database.js');
const options = require('../arguments/options.js');
const { PageSet } = require('../results/page-set.js');
const { rename } = require('./rename.js');
const { toStatus } = require('../results/status.js');
const transfers = require('./transfers.js');
const { storeOptions } = require('../arguments/store-options.js');
const { stat } = require('./usage.js');
const { toInspection, verify } = require('./verify.js');

const LIST_PAGE_LENGTH = 1_000;

class Store extends History {
  #native;
  #calls;
  #databases;
  /** @type {Set<import('../../binding.js').NativeV1Migration>} */
  #migrations = new Set();
  #transfers = new transfers.Transfers();

  /** @param {unknown} native */
  constructor(native) {
    if (!(native instanceof NativeStore)) {
      throw new BatonError('ERR_INVALID_ARG', 'A store is made by Store.open(options), not by new Store()');
    }
    const calls = new Calls(native);
    const databases = new OpenDatabases();
    super(calls, databases);
    this.#native = native;
    this.#calls = calls;
    this.#databases = databases;
  }

  /**
   * The addon's object for a store.
   *
   * @param {any} store
   * @param {string} name
   * @returns {import('../../binding.js').NativeStore}
   */
  static #nativeOf(store, name) {
    if (typeof store !== 'object' || store === null || !(#native in store)) {
      throw check.invalid(name, 'another Store', store);
    }
    return store.#native;
  }

  /** @param {import('../../index.js').StoreOptions} openOptions */
  static async open(openOptions) {
    return new Store(result(await NativeStore.open(storeOptions(openOptions))));
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').LoadStartupOptions} [startupOptions]
   * @returns {Promise<import('../../index.js').Startup>}
   */
  async loadStartup(actorId, startupOptions) {
    const id = options.actorId(actorId);
    const { pages, ranges, hints, maxBytes, signal, traceparent } = options.startupOptions(startupOptions);
    const startup = await this.#calls.call(
      (native) => native.loadStartup(id, pages, ranges, hints, maxBytes, traceparent),
      signal,
    );
    const meta = toMeta(startup.meta);
    this.#databases.takenOver(id, meta.generation);
    const outcome = startup.won ? 'won' : 'lost';
    tell('startup', () => ({ actorId: id, outcome, generation: meta.generation, headTxid: meta.headTxid }));
    return {
      outcome,
      generation: meta.generation,
      meta,
      pages: new PageSet(startup.pages),
    };
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').GetPagesRequest} request
   */
  async getPages(actorId, request) {
    const id = options.actorId(actorId);
    const { generation, headTxid, pages, signal, traceparent } = options.readRequest(request);
    return new PageSet(
      await this.#calls.call(
        (native) => native.getPages(id, generation, headTxid, pages, traceparent),
        signal,
      ),
    );
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').CommitRequest} request
   */
  async commit(actorId, request) {
    const id = options.actorId(actorId);
    const { base, numbers, data, signal, traceparent } = commitRequest(request);
    const txid = await this.#calls.call(
      (native) => native.commit(id, base, numbers, data, traceparent),
      signal,
    );
    tell('commit', () => ({ actorId: id, generation: base.generation, txid, pages: numbers.length }));
    return { txid };
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').StatOptions} [statOptions]
   */
  async stat(actorId, statOptions) {
    const id = options.actorId(actorId);
    return await stat(this.#calls, id, options.statOptions(statOptions));
  }

  /** @param {import('../../index.js').ListOptions} [listOptions] */
  async list(listOptions) {
    const { prefix, after, limit } = options.listOptions(listOptions);
    const actorIds = await this.#calls.call((native) => native.list(prefix, after, limit));
    return actorIds.map((actorId) => ({ actorId }));
  }

  /** @param {import('../../index.js').ListOptions} [listOptions] */
  async *actors(listOptions) {
    const { prefix, after, limit = Infinity } = options.listOptions(listOptions);
    let cursor = after;
    for (let left = limit; left > 0; left -= LIST_PAGE_LENGTH) {
      const length = Math.min(left, LIST_PAGE_LENGTH);
      const page = await this.list({ prefix, after: cursor, limit: length });
      yield* page;
      if (page.length < length) {
        return;
      }
      cursor = page[length - 1].actorId;
    }
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').DeleteOptions} [deleteOptions]
   */
  async delete(actorId, deleteOptions) {
    const id = options.actorId(actorId);
    const { generation, headTxid } = options.deleteOptions(deleteOptions);
    // Not without `await`: the stack of an error would end here.
    const deleted = await this.#calls.call((native) => native.delete(id, generation, headTxid));
    this.#databases.deleted(id);
    return deleted;
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').ImportSource} file
   * @param {import('../../index.js').ImportOptions} [importOptions]
   */
  async importFrom(actorId, file, importOptions) {
    const id = options.actorId(actorId);
    const source = transfers.sourceArgument(file, 'file');
    const path = source ? '' : options.file(file);
    const { replace, signal } = options.importOptions(importOptions);
    const imported = source
      ? await this.#transfer(signal, async (stopped) => {
          const receiving = await this.#calls.call((native) => native.receive(id, replace));
          return await transfers.receive(receiving, source, stopped);
        })
      : await this.#calls.call((native) => native.importFrom(id, path, replace), signal);
    const meta = toMeta(imported);
    this.#databases.takenOver(id, meta.generation);
    return meta;
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').ExportTarget} file
   * @param {import('../../index.js').ExportOptions} [exportOptions]
   */
  async exportTo(actorId, file, exportOptions) {
    const id = options.actorId(actorId);
    const kind = transfers.targetArgument(file, 'file');
    const path = kind ? '' : options.file(file);
    const { overwrite, at, signal } = options.exportOptions(exportOptions);
    if (kind) transfers.refuseForStream({ overwrite, at });
    const meta = kind
      ? await this.#transfer(signal, async (stopped) => {
          const sending = await this.#calls.call((native) => native.send(id, false));
          return await transfers.send(sending, file, kind, stopped);
        })
      : await this.#calls.call(
          (native) =>
            at === undefined
              ? native.exportTo(id, path, overwrite ?? false)
              : native.exportPoint(id, at, path, overwrite ?? false),
          signal,
        );
    return toMeta(meta);
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').SerializeOptions} [serializeOptions]
   */
  async serialize(actorId, serializeOptions) {
    const id = options.actorId(actorId);
    const { signal } = options.serializeOptions(serializeOptions);
    return await this.#transfer(signal, async (stopped) => {
      const sending = await this.#calls.call((native) => native.send(id, true));
      return await transfers.serialize(sending, stopped);
    });
  }

  /**
   * @param {string} actorId
   * @param {AsyncIterable<import('../../index.js').V1Entry> | Iterable<import('../../index.js').V1Entry>} entries
   * @param {import('../../index.js').MigrateOptions} [migrateOptions]
   */
  async migrateV1(actorId, entries, migrateOptions) {
    const id = options.actorId(actorId);
    const iterable = entriesArgument(entries);
    const { signal } = options.migrateOptions(migrateOptions);
    return await migrate(
      id,
      iterable,
      (dispatch) => this.#calls.call(dispatch),
      signal,
      this.#migrations,
      (work) => this.#calls.keepOpen(work),
    );
  }

  /** @param {string} actorId */
  async prepareV1Migration(actorId) {
    const id = options.actorId(actorId);
    return toMeta(await this.#calls.call((native) => native.prepareV1Migration(id)));
  }

  /** @param {string} actorId */
  async invalidateV1Migration(actorId) {
    const id = options.actorId(actorId);
    return await this.#calls.call((native) => native.invalidateV1Migration(id));
  }

  /**
   * @param {string} actorId
   * @param {Store} target
   * @param {import('../../index.js').CopyOptions} [copyOptions]
   */
  async copyTo(actorId, target, copyOptions) {
    const id = options.actorId(actorId);
    const other = Store.#nativeOf(target, 'target');
    const settings = options.copyOptions(copyOptions);
    const { as: to = id, replace, verify: verified, signal } = settings;
    if (target === this && to === id) {
      throw check.invalid('target', 'another Store', target);
    }
    // Both stores stay open as long as this lasts.
    return await this.#calls.keepOpen(() =>
      target.#calls.keepOpen(async () => {
        const copying = await this.#calls.callForResource(
          (native) => native.beginCopy(id, other, to, replace, verified),
          signal,
          (late) => late.close(),
        );
        const copied = await copy(copying, id, settings);
        target.#databases.takenOver(to, copied.target.generation);
        return copied;
      }),
    );
  }

  /**
   * @param {string} actorId
   * @param {string} newActorId
   * @param {import('../../index.js').RenameOptions} [renameOptions]
   */
  async rename(actorId, newActorId, renameOptions) {
    const from = options.actorId(actorId);
    const to = options.actorId(newActorId, 'newActorId');
    const settings = options.renameOptions(renameOptions);
    return await this.#calls.keepOpen(() => rename(this, from, to, settings));
  }

  /** @param {Store} other */
  isSameAs(other) {
    return this.#native.isSameAs(Store.#nativeOf(other, 'other'));
  }

  /** @param {string} actorId */
  async inspect(actorId) {
    const id = options.actorId(actorId);
    const inspection = await this.#calls.call((native) => native.inspect(id));
    return inspection ? toInspection(inspection) : undefined;
  }

  /** @param {import('../../index.js').VerifyOptions} [verifyOptions] */
  async verify(verifyOptions) {
    const settings = options.verifyOptions(verifyOptions);
    const { actorId, prefix, signal } = settings;
    const verification = await this.#calls.call((native) => native.verify(actorId, prefix), signal);
    return await verify(this, verification, settings);
  }

  /**
   * @param {string} actorId
   * @param {import('../../index.js').DatabaseOptions} [databaseOptions]
   */
  async openDatabase(actorId, databaseOptions) {
    const id = options.actorId(actorId);
    const {
      native: nativeOptions,
      signal,
      traceparent,
      ...settings
    } = options.databaseOptions(databaseOptions);
    const native = await this.#calls.callForResource(
      (store) => store.openDatabase(id, nativeOptions, answers, traceparent),
      signal,
      (late) => new QueuedDatabase(late).close(),
    );
    const connection = new Connection(id, new QueuedDatabase(native), settings);
    const { outcome, generation, meta } = connection.startup;
    tell('startup', () => ({ actorId: id, outcome, generation, headTxid: meta.headTxid }));
    this.#databases.takenOver(id, generation);
    this.#databases.add(connection);
    if (this.#calls.isClosing) {
      await connection.close();
    }
    return new Database(connection);
  }

  /** @param {import('../../index.js').PingOptions} [pingOptions] */
  async ping(pingOptions) {
    const { signal } = options.pingOptions(pingOptions);
    return { latencyMs: await this.#calls.call((native) => native.ping(), signal) };
  }

  async status() {
    return toStatus(await this.#calls.call((native) => native.status()));
  }

  metrics() {
    // Not a call: it also works on a closed store.
    const metrics = new StoreMetrics(this.#native.metrics());
    return /** @type {import('../../index.js').StoreMetrics} */ (/** @type {unknown} */ (metrics));
  }

  close() {
    return this.#calls.close(() => this.#close());
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  async #close() {
    this.#transfers.close();
    const closed = this.#databases.close();
    await this.#calls.idle();
    const errors = await closed;
    // Their sources may never end.
    await Promise.allSettled([...this.#migrations].map((migration) => migration.giveUp()));
    // Databases that were being opened when the first were closed.
    errors.push(...(await this.#databases.close()));
    result(await this.#native.close());
    if (errors.length > 0) {
      throw errors[0];
    }
  }

  /**
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {(stopped: AbortSignal) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #transfer(signal, work) {
    return await this.#calls.keepOpen(() => this.#transfers.run(signal, work));
  }
}

module.exports = { Store };
