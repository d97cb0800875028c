// batondb/rivetkit: a database provider for rivetkit's actors.

'use strict';

const { BatonError } = require('../lib/error.js');
const { adopt, byNameAndKey } = require('./rivetkit/actor-id.js');
const { rawClient } = require('./rivetkit/client.js');

/** @typedef {import('../index.js').Store} Store */
/** @typedef {import('./rivetkit.js').BatonDatabaseOptions} BatonDatabaseOptions */
/** @typedef {import('./rivetkit.js').ProviderContext} ProviderContext */
/** @typedef {import('./rivetkit.js').RawClient} RawClient */

/** rivetkit itself gives migrations as much; a transaction of an action has the database's own limit. */
const MIGRATION_TIMEOUT_MS = 5 * 60_000;

const KNOWN = ['store', 'onMigrate', 'onFenced', 'actorId', 'adopt', 'databaseOptions'];

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function wrong(name, expected, value) {
  const received = typeof value === 'object' ? (value === null ? 'null' : 'an object') : String(value);
  return new BatonError('ERR_INVALID_ARG', `${name} must be ${expected}, received ${received}`);
}

/** @param {any} options */
function check(options) {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'an object', options);
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new BatonError('ERR_INVALID_ARG', `options.${unknown} is unknown; known are ${KNOWN.join(', ')}`);
  }
  const { store } = options;
  if (typeof store !== 'function' && typeof store?.openDatabase !== 'function') {
    throw wrong('options.store', 'a Store or a function that answers one', store);
  }
  for (const name of ['onMigrate', 'onFenced', 'actorId', 'adopt']) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw wrong(`options.${name}`, 'a function', options[name]);
    }
  }
  for (const name of ['readOnly', 'onFenced']) {
    if (options.databaseOptions?.[name] !== undefined) {
      throw new BatonError('ERR_INVALID_ARG', `options.databaseOptions.${name} must not be set here`);
    }
  }
}

/**
 * @param {BatonDatabaseOptions} options
 * @param {ProviderContext} ctx
 */
async function createClient(
  { store: given, onFenced, actorId: nameOf, adopt: earlier, databaseOptions },
  ctx,
) {
  const store = typeof given === 'function' ? await given() : given;
  const actorId = nameOf === undefined ? ctx?.actorId : await nameOf(ctx);
  if (typeof actorId !== 'string') {
    throw wrong("the actor's id", 'a string: rivetkit before 2.1 does not tell it to a provider', actorId);
  }
  if (earlier !== undefined) await adopt(store, actorId, await earlier(ctx));
  const fencing = new AbortController();
  let closing = false;
  const database = await store.openDatabase(actorId, {
    ...databaseOptions,
    onFenced: (error) => {
      // An actor that stops loses nothing any more.
      if (closing) return;
      fencing.abort(error);
      onFenced?.(error, { actorId });
    },
  });
  if (database.startup.outcome === 'lost') {
    const { generation } = database.startup;
    closing = true;
    await database.close();
    throw new BatonError(
      'ERR_CONCURRENT_TAKEOVER',
      `actor ${JSON.stringify(actorId)} was started elsewhere at the same time, with generation ${generation}`,
      { actor: actorId, retryable: true },
    );
  }
  return rawClient(store, database, { onClose: () => void (closing = true), fenced: fencing.signal });
}

/**
 * See rivetkit.d.ts.
 *
 * @param {BatonDatabaseOptions} options
 */
function batonDatabase(options) {
  check(options);
  const settings = { ...options };
  return {
    /** @param {ProviderContext} ctx */
    createClient: (ctx) => createClient(settings, ctx),
    /** @param {RawClient} client */
    onMigrate: async (client) => {
      const { onMigrate } = settings;
      if (onMigrate !== undefined) {
        await client.transaction((tx) => onMigrate(tx), { timeout: MIGRATION_TIMEOUT_MS });
      }
    },
    // 2.1 and 2.2 end a client here, 2.3 by its `close`. Both may come.
    /** @param {RawClient} client */
    onDestroy: (client) => client.close(),
  };
}

/**
 * See rivetkit.d.ts.
 *
 * @param {{ db: { fenced: AbortSignal }, sleep: () => void }} c
 */
function sleepWhenFenced(c) {
  const { fenced } = c.db;
  if (fenced.aborted) {
    c.sleep();
    return;
  }
  fenced.addEventListener('abort', () => c.sleep(), { once: true });
}

module.exports = { batonDatabase, byNameAndKey, sleepWhenFenced };
