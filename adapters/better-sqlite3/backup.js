// `db.backup(file)`: a file with the database as it is when the call's turn comes.

'use strict';

const { randomUUID } = require('node:crypto');
const { access, open, rename, rm } = require('node:fs/promises');
const { basename, dirname, join } = require('node:path');

const { translated, unavailable } = require('./errors.js');

/** Where the header of a SQLite file has the size of its pages; 1 means 65,536. */
const PAGE_SIZE_AT = 16;

/** @typedef {{ totalPages: number, remainingPages: number }} Progress */

/**
 * @param {import('../../index.js').Database} database
 * @param {unknown} filename
 * @param {any} options
 * @returns {Promise<Progress>}
 */
async function backup(database, filename, options) {
  const { file, progress } = checked(filename, options ?? {});
  await access(dirname(file)).catch(() => {
    throw new TypeError(`The directory of the backup ${JSON.stringify(file)} does not exist`);
  });
  let bytes;
  try {
    bytes = await database.serialize();
  } catch (error) {
    throw translated(error);
  }
  const totalPages = pagesOf(bytes);
  tell(progress, { totalPages, remainingPages: totalPages });
  await replaceFile(file, bytes);
  return { totalPages, remainingPages: 0 };
}

/**
 * @param {unknown} filename
 * @param {any} options
 */
function checked(filename, options) {
  if (typeof filename !== 'string') {
    throw new TypeError(`The first argument must be a string. Received ${typeof filename}`);
  }
  if (typeof options !== 'object') {
    throw new TypeError(`The second argument must be an object with options. Received ${typeof options}`);
  }
  const file = filename.trim();
  if (file === '' || file === ':memory:') {
    throw new TypeError(`A backup needs the name of a file. Received ${JSON.stringify(filename)}`);
  }
  attachedMain(options);
  const progress = options.progress ?? undefined;
  if (progress !== undefined && typeof progress !== 'function') {
    throw new TypeError('The "progress" option must be a function');
  }
  return { file, progress };
}

/** @param {{ attached?: unknown }} options */
function attachedMain({ attached = 'main' }) {
  if (typeof attached !== 'string' || attached === '') {
    throw new TypeError('The "attached" option must be the name of a database');
  }
  if (attached !== 'main') {
    throw unavailable(`{ attached: ${JSON.stringify(attached)} }`, 'only "main" is the database of an actor');
  }
}

/** @param {Uint8Array} bytes */
function pagesOf(bytes) {
  if (bytes.length === 0) {
    return 0;
  }
  const size = bytes[PAGE_SIZE_AT] * 256 + bytes[PAGE_SIZE_AT + 1];
  return bytes.length / (size === 1 ? 65_536 : size);
}

/**
 * @param {Function | undefined} progress
 * @param {Progress} state
 */
function tell(progress, state) {
  // All pages go at once, so the number that it may return for the next step does not matter.
  const answer = progress?.(state);
  if (answer !== undefined && (typeof answer !== 'number' || Number.isNaN(answer))) {
    throw new TypeError('The "progress" option must return a number or nothing');
  }
}

/**
 * As a whole or not at all.
 *
 * @param {string} file
 * @param {Uint8Array} bytes
 */
async function replaceFile(file, bytes) {
  const draft = join(dirname(file), `.${basename(file)}.${randomUUID()}`);
  try {
    const handle = await open(draft, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

module.exports = { attachedMain, backup };
