// Converts the arguments of a store's methods into what the addon takes, one function each.

'use strict';

const { resolve } = require('node:path');

const check = require('./check.js');
const { pointRef } = require('./history.js');
const { traceparent } = require('./traceparent.js');

const PRELOAD_BYTES_DEFAULT = 1024 * 1024;
const QUEUED_CALLS_DEFAULT = 1_024;
const TRANSACTION_TIMEOUT_MS_DEFAULT = 30_000;

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {Uint32Array}
 */
function pageNumbers(value, name) {
  /** @param {unknown} page @param {string} at */
  const number = (page, at) => check.integer(page, at, 1, check.U32_MAX);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const numbers = /** @type {ArrayLike<unknown>} */ (/** @type {unknown} */ (value));
    return Uint32Array.from(numbers, (page, index) => number(page, `${name}[${index}]`));
  }
  return Uint32Array.from(check.list(value, name, 'an array of page numbers', number));
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {import('../../binding.js').NativePageRange[]}
 */
function pageRanges(value, name) {
  return check.list(value, name, 'an array of ranges', (each, at) => {
    const range = check.object(each, at, ['start', 'end']);
    const start = check.integer(range.start, `${at}.start`, 1, check.U32_MAX);
    const end = check.integer(range.end, `${at}.end`, 1, check.U32_MAX);
    if (end < start) {
      throw check.outOfRange(`${at}.end`, `at least the start of the range, ${start}`, end);
    }
    return { start, end };
  });
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function preload(value, name) {
  const chosen = check.object(value ?? {}, name, ['pages', 'ranges', 'hints', 'maxBytes']);
  return {
    pages: pageNumbers(chosen.pages ?? [], `${name}.pages`),
    ranges: pageRanges(chosen.ranges ?? [], `${name}.ranges`),
    hints: check.boolean(chosen.hints ?? true, `${name}.hints`),
    maxBytes: check.integer(chosen.maxBytes ?? PRELOAD_BYTES_DEFAULT, `${name}.maxBytes`, 0, check.U32_MAX),
  };
}

/** @param {unknown} value */
function startupOptions(value) {
  const options = check.object(value ?? {}, 'options', ['preload', 'signal', 'traceparent']);
  return {
    ...preload(options.preload, 'options.preload'),
    traceparent: traceparent(options.traceparent, 'options.traceparent'),
    signal: check.signal(options.signal, 'options.signal'),
  };
}

const DATABASE_OPTIONS = [
  'preload',
  'readOnly',
  'at',
  'readAhead',
  'maxQueuedCalls',
  'transactionTimeoutMs',
  'allowBlocking',
  'durability',
  'extensions',
  'onFenced',
  'signal',
  'traceparent',
];

/**
 * Refuses options that only an owner may use.
 *
 * @param {{ [name: string]: unknown }} options
 */
function refuseToOwn(options) {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) {
      throw check.invalid(`options.${name}`, 'left out of options with readOnly: true', value);
    }
  }
}

/** @param {unknown} value */
function databaseOptions(value) {
  const options = check.object(value ?? {}, 'options', DATABASE_OPTIONS);
  const { maxQueuedCalls = QUEUED_CALLS_DEFAULT, transactionTimeoutMs = TRANSACTION_TIMEOUT_MS_DEFAULT } =
    options;
  // Read once: a getter could return another value than the one that was checked.
  const { onFenced, preload: preloaded } = options;
  const readOnly = check.boolean(options.readOnly ?? false, 'options.readOnly');
  if (readOnly) {
    refuseToOwn({ onFenced, preload: preloaded });
  }
  if (!readOnly && options.at !== undefined) {
    throw check.invalid('options.at', 'left out of options without readOnly: true', options.at);
  }
  if (onFenced !== undefined && typeof onFenced !== 'function') {
    throw check.invalid('options.onFenced', 'a function', onFenced);
  }
  const { durability = 'full' } = options;
  if (durability !== 'full' && durability !== 'deferred') {
    throw check.invalid('options.durability', "'full' or 'deferred'", durability);
  }
  if (readOnly && options.durability !== undefined) {
    throw check.invalid('options.durability', 'left out of options with readOnly: true', durability);
  }
  const timeoutMs = check.timeoutMs(transactionTimeoutMs, 'options.transactionTimeoutMs');
  return {
    native: {
      ...preload(preloaded, 'options.preload'),
      readOnly,
      at: options.at === undefined ? undefined : pointRef(options.at, 'options.at'),
      readAhead: check.boolean(options.readAhead ?? true, 'options.readAhead'),
      queueMax: check.integer(maxQueuedCalls, 'options.maxQueuedCalls', 1, check.U32_MAX),
      transactionTimeoutMs: timeoutMs,
      allowBlocking: check.boolean(options.allowBlocking ?? false, 'options.allowBlocking'),
      deferred: durability === 'deferred',
      extensions: extensions(options.extensions ?? []),
    },
    transactionTimeoutMs: timeoutMs,
    readOnly,
    isDeferred: durability === 'deferred',
    traceparent: traceparent(options.traceparent, 'options.traceparent'),
    onFenced: /** @type {import('../../index.js').DatabaseOptions['onFenced']} */ (onFenced),
    signal: check.signal(options.signal, 'options.signal'),
  };
}

/**
 * @param {unknown} value
 * @returns {import('../../binding.js').NativeExtension[]}
 */
function extensions(value) {
  if (!Array.isArray(value)) {
    throw check.invalid('options.extensions', "an array of 'vec' or { path }", value);
  }
  return value.map((each, index) => {
    const name = `options.extensions[${index}]`;
    if (each === 'vec') {
      return {};
    }
    if (typeof each === 'string') {
      throw check.invalid(name, "'vec', or { path } for a library", each);
    }
    const { path, entryPoint } = check.object(each, name, ['path', 'entryPoint']);
    return {
      path: resolve(check.path(path, `${name}.path`)),
      entryPoint: entryPoint === undefined ? undefined : check.string(entryPoint, `${name}.entryPoint`),
    };
  });
}

/** @param {unknown} value */
function readRequest(value) {
  const request = check.object(value, 'request', [
    'generation',
    'headTxid',
    'pages',
    'signal',
    'traceparent',
  ]);
  return {
    traceparent: traceparent(request.traceparent, 'request.traceparent'),
    generation: check.u64(request.generation, 'request.generation'),
    headTxid: request.headTxid === undefined ? undefined : check.u64(request.headTxid, 'request.headTxid'),
    pages: pageNumbers(request.pages, 'request.pages'),
    signal: check.signal(request.signal, 'request.signal'),
  };
}

/** @param {unknown} value */
function listOptions(value) {
  const options = check.object(value ?? {}, 'options', ['prefix', 'after', 'limit']);
  return {
    prefix: check.string(options.prefix ?? '', 'options.prefix'),
    after: options.after === undefined ? undefined : check.string(options.after, 'options.after'),
    limit:
      options.limit === undefined
        ? undefined
        : check.integer(options.limit, 'options.limit', 1, check.U32_MAX),
  };
}

/** @param {unknown} value */
function importOptions(value) {
  const options = check.object(value ?? {}, 'options', ['replace', 'signal']);
  return {
    replace: check.boolean(options.replace ?? false, 'options.replace'),
    signal: check.signal(options.signal, 'options.signal'),
  };
}

/** @param {unknown} value */
function exportOptions(value) {
  const options = check.object(value ?? {}, 'options', ['overwrite', 'at', 'signal']);
  const { overwrite, at } = options;
  return {
    at: at === undefined ? undefined : pointRef(at, 'options.at'),
    overwrite: overwrite === undefined ? undefined : check.boolean(overwrite, 'options.overwrite'),
    signal: check.signal(options.signal, 'options.signal'),
  };
}

/** @param {unknown} value */
function serializeOptions(value) {
  const options = check.object(value ?? {}, 'options', ['signal']);
  return { signal: check.signal(options.signal, 'options.signal') };
}

/**
 * @param {any} value
 * @param {string} name
 */
function callback(value, name) {
  if (value !== undefined && typeof value !== 'function') {
    throw check.invalid(name, 'a function', value);
  }
  return /** @type {any} */ (value);
}

/**
 * @typedef {object} VerifySettings
 * @property {string | undefined} actorId
 * @property {string} prefix
 * @property {boolean} deep
 * @property {AbortSignal | undefined} signal
 * @property {import('../../index.js').VerifyOptions['onProgress']} onProgress
 */

/**
 * @param {unknown} value
 * @returns {VerifySettings}
 */
function verifyOptions(value) {
  const options = check.object(value ?? {}, 'options', ['actorId', 'prefix', 'deep', 'signal', 'onProgress']);
  const { actorId: id, prefix } = options;
  if (id !== undefined && prefix !== undefined) {
    throw check.invalid('options.prefix', 'absent where "actorId" is given', prefix);
  }
  const { onProgress } = options;
  return {
    actorId: id === undefined ? undefined : check.nonEmptyString(id, 'options.actorId'),
    prefix: check.string(prefix ?? '', 'options.prefix'),
    deep: check.boolean(options.deep ?? true, 'options.deep'),
    signal: check.signal(options.signal, 'options.signal'),
    onProgress: callback(onProgress, 'options.onProgress'),
  };
}

/** @param {unknown} value */
function statOptions(value) {
  const options = check.object(value ?? {}, 'options', ['history', 'signal']);
  return {
    history: check.boolean(options.history ?? false, 'options.history'),
    signal: check.signal(options.signal, 'options.signal'),
  };
}

/** @param {unknown} value */
function historyUsageOptions(value) {
  const options = check.object(value ?? {}, 'options', ['prefix', 'signal', 'onProgress']);
  return {
    prefix: check.string(options.prefix ?? '', 'options.prefix'),
    signal: check.signal(options.signal, 'options.signal'),
    onProgress: callback(options.onProgress, 'options.onProgress'),
  };
}

/**
 * @typedef {object} CopySettings
 * @property {boolean} replace
 * @property {boolean} verify
 * @property {AbortSignal | undefined} signal
 * @property {import('../../index.js').CopyOptions['onProgress']} onProgress
 * @property {string | undefined} as
 */

/** @typedef {Pick<CopySettings, 'signal' | 'onProgress'>} RenameSettings */

/**
 * @param {unknown} value
 * @returns {CopySettings}
 */
function copyOptions(value) {
  const options = check.object(value ?? {}, 'options', ['as', 'replace', 'verify', 'signal', 'onProgress']);
  const { as, onProgress } = options;
  return {
    as: as === undefined ? undefined : actorId(as, 'options.as'),
    replace: check.boolean(options.replace ?? false, 'options.replace'),
    verify: check.boolean(options.verify ?? false, 'options.verify'),
    signal: check.signal(options.signal, 'options.signal'),
    onProgress: callback(onProgress, 'options.onProgress'),
  };
}

/**
 * @param {unknown} value
 * @returns {RenameSettings}
 */
function renameOptions(value) {
  const { signal, onProgress } = check.object(value ?? {}, 'options', ['signal', 'onProgress']);
  return {
    signal: check.signal(signal, 'options.signal'),
    onProgress: callback(onProgress, 'options.onProgress'),
  };
}

/**
 * What the caller holds of an actor that it deletes as its owner.
 *
 * @param {unknown} value
 */
function deleteOptions(value) {
  const { generation, headTxid } = check.object(value ?? {}, 'options', ['generation', 'headTxid']);
  if (generation === undefined && headTxid !== undefined) {
    throw check.invalid('options.headTxid', 'given together with options.generation', headTxid);
  }
  return {
    generation: generation === undefined ? undefined : check.u64(generation, 'options.generation'),
    headTxid: headTxid === undefined ? undefined : check.u64(headTxid, 'options.headTxid'),
  };
}

/** @param {unknown} value */
function migrateOptions(value) {
  const options = check.object(value ?? {}, 'options', ['signal']);
  return { signal: check.signal(options.signal, 'options.signal') };
}

/** @param {unknown} value */
function pingOptions(value) {
  const options = check.object(value ?? {}, 'options', ['signal']);
  return { signal: check.signal(options.signal, 'options.signal') };
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function file(value) {
  return resolve(check.path(value, 'file'));
}

/**
 * The engine checks the length in bytes: it counts UTF-8.
 *
 * @param {unknown} value
 * @param {string} [name]
 * @returns {string}
 */
function actorId(value, name = 'actorId') {
  return check.nonEmptyString(value, name);
}

module.exports = {
  actorId,
  copyOptions,
  databaseOptions,
  deleteOptions,
  exportOptions,
  file,
  historyUsageOptions,
  importOptions,
  listOptions,
  migrateOptions,
  pingOptions,
  readRequest,
  renameOptions,
  serializeOptions,
  startupOptions,
  statOptions,
  verifyOptions,
};
