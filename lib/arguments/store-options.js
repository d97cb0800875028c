// Converts the options of `Store.open` into what the addon takes.

'use strict';

const { resolve } = require('node:path');

const check = require('./check.js');
const { BatonError } = require('../error.js');
const { policy } = require('./history.js');

const BACKENDS = ['path', 'memory', 'foundationdb'];
const STORE_BYTES_MIN = 1024 * 1024;

const CLUSTER_OPTIONS = [
  'clusterFile',
  'prefix',
  'clientLibrary',
  'timeoutMs',
  'retryLimit',
  'transactionBytes',
];
const PREFIX_BYTES_MAX = 256;
const TIMEOUT_MS_DEFAULT = 30_000;
const RETRY_LIMIT_DEFAULT = 63;
const TRANSACTION_BYTES_DEFAULT = 1_000_000;

/**
 * @param {unknown} value
 * @returns {import('../../binding.js').NativeStoreOptions}
 */
function storeOptions(value) {
  const options = check.object(value, 'options', [
    ...BACKENDS,
    'create',
    'durability',
    'maxSizeBytes',
    'cacheBytes',
    'readOnly',
    'mode',
    'history',
  ]);
  const named = BACKENDS.filter((backend) => options[backend] !== undefined);
  if (named.length !== 1) {
    const choice = BACKENDS.map((backend) => `"${backend}"`).join(', ');
    const got = named.length === 0 ? 'none of them' : named.map((backend) => `"${backend}"`).join(' and ');
    throw new BatonError(
      'ERR_INVALID_ARG',
      `The "options" argument must have exactly one of ${choice}. Received ${got}`,
    );
  }
  if (named[0] === 'path') {
    return embeddedOptions(options);
  }
  for (const key of ['durability', 'maxSizeBytes', 'readOnly', 'mode']) {
    if (options[key] !== undefined) {
      throw new BatonError(
        'ERR_INVALID_ARG',
        `The "options.${key}" property applies to stores with a "path" only. Received it with "${named[0]}"`,
      );
    }
  }
  const foundationdb = named[0] === 'foundationdb' ? clusterOptions(options.foundationdb) : undefined;
  if (named[0] === 'memory' && options.memory !== true) {
    throw check.invalid('options.memory', 'true', options.memory);
  }
  if (named[0] === 'memory' && options.create !== undefined) {
    throw check.invalid('options.create', 'absent for a store in memory', options.create);
  }
  return {
    foundationdb,
    create: create(options.create),
    relaxed: false,
    readOnly: false,
    cacheBytes: cacheBytes(options.cacheBytes),
    history: history(options.history),
  };
}

/**
 * @param {Record<string, unknown>} options
 * @returns {import('../../binding.js').NativeStoreOptions}
 */
function embeddedOptions({ path, durability = 'strict', maxSizeBytes, readOnly = false, mode, ...options }) {
  if (durability !== 'strict' && durability !== 'relaxed') {
    throw check.invalid('options.durability', "'strict' or 'relaxed'", durability);
  }
  if (readOnly === true && options.create === true) {
    throw check.invalid('options.create', 'false or absent with "readOnly"', options.create);
  }
  return {
    // Resolved now, so that a later change of the working directory does not matter.
    path: resolve(check.path(path, 'options.path')),
    create: create(options.create),
    relaxed: durability === 'relaxed',
    readOnly: check.boolean(readOnly, 'options.readOnly'),
    mode: mode === undefined ? undefined : fileMode(mode),
    maxSizeBytes:
      maxSizeBytes === undefined
        ? undefined
        : check.integer(maxSizeBytes, 'options.maxSizeBytes', STORE_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    cacheBytes: cacheBytes(options.cacheBytes),
    history: history(options.history),
  };
}

/**
 * File permissions, as `chmod` takes them.
 *
 * @param {unknown} value
 * @returns {number}
 */
function fileMode(value) {
  const mode = check.integer(value, 'options.mode', 0, 0o777);
  if ((mode & 0o600) !== 0o600) {
    throw check.invalid('options.mode', 'a mode that lets its owner read and write (0o600)', value);
  }
  return mode;
}

/**
 * @param {unknown} value
 * @returns {import('../../binding.js').NativeFoundationDbOptions}
 */
function clusterOptions(value) {
  const at = 'options.foundationdb';
  const {
    clusterFile,
    prefix,
    clientLibrary,
    timeoutMs = TIMEOUT_MS_DEFAULT,
    retryLimit = RETRY_LIMIT_DEFAULT,
    transactionBytes = TRANSACTION_BYTES_DEFAULT,
  } = check.object(value, at, CLUSTER_OPTIONS);
  /** @param {unknown} path @param {string} name */
  const file = (path, name) => (path === undefined ? undefined : resolve(check.path(path, name)));
  return {
    prefix: clusterPrefix(prefix, `${at}.prefix`),
    clusterFile: file(clusterFile, `${at}.clusterFile`),
    clientLibrary: file(clientLibrary, `${at}.clientLibrary`),
    timeoutMs: check.integer(timeoutMs, `${at}.timeoutMs`, 100, 600_000),
    attempts: 1 + check.integer(retryLimit, `${at}.retryLimit`, 0, 1_000),
    transactionBytes: check.integer(transactionBytes, `${at}.transactionBytes`, 100_000, 5_000_000),
  };
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string}
 */
function clusterPrefix(value, name) {
  const prefix = check.nonEmptyString(value, name);
  const bytes = Buffer.byteLength(prefix);
  if (bytes > PREFIX_BYTES_MAX) {
    throw check.invalid(name, `at most ${PREFIX_BYTES_MAX} bytes of UTF-8 (it has ${bytes})`, value);
  }
  return prefix;
}

/**
 * @param {unknown} value
 * @returns {number | undefined}
 */
function cacheBytes(value) {
  return value === undefined
    ? undefined
    : check.integer(value, 'options.cacheBytes', 0, Number.MAX_SAFE_INTEGER);
}

/**
 * @param {unknown} value
 * @returns {import('../../binding.js').NativeHistory | undefined}
 */
function history(value) {
  return value === undefined ? undefined : policy(value, 'options.history');
}

/**
 * @param {unknown} value
 * @returns {boolean}
 */
function create(value) {
  return value === undefined || check.boolean(value, 'options.create');
}

module.exports = { storeOptions };
