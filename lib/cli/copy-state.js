// The state file of a copy of many actors, so that the copy can be interrupted anywhere and go on: lines that
// each hold a JSON object. The file only grows.
//
// An actor has two lines. The first is written when the target was taken over, before anything is written
// there: whatever this generation leaves in the target belongs to this copy and may be replaced. The second
// records which head was copied and which head it has become.

'use strict';

const {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
} = require('node:fs');

const { BatonError } = require('../error.js');
const { writeAll } = require('./output.js');

const FORMAT = 1;

/**
 * @typedef {object} Note
 * @property {string} actorId
 * @property {string} generation what the copy holds in the target
 * @property {string} [source] the head that was copied
 * @property {number} [made] when the source was created, in milliseconds
 * @property {string} [target] the head that it has become
 */

class CopyState {
  #descriptor;
  /** @type {Map<string, Note>} */
  #notes = new Map();

  /**
   * @param {string} file
   * @param {{ from: string, to: string }} stores as the user named them, to recognise the file of another
   * copy
   */
  constructor(file, { from, to }) {
    const header = { batondbCopy: FORMAT, from, to };
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
    const [found, ...notes] = lines.map((line) => parsed(file, line));
    if (!found && !`${JSON.stringify(header)}\n`.startsWith(bytes.toString('utf8'))) throw noState(file);
    if (found && (found.batondbCopy !== FORMAT || found.from !== from || found.to !== to)) {
      throw new BatonError(
        'ERR_INVALID_ARG',
        `${file} is not of a copy from ${from} to ${to}; name another file with --state, or remove it`,
      );
    }
    for (const note of notes) this.#notes.set(note.actorId, note);
    // A line that a kill has cut off is removed: the work that it announced has not begun. Not before it is
    // known to which copy the file belongs.
    if (end < bytes.length) truncateSync(file, end);
    // It names actors, which may identify people.
    this.#descriptor = openSync(file, 'a', 0o600);
    if (!found) this.#append(header);
  }

  /** @param {string} actorId */
  get(actorId) {
    return this.#notes.get(actorId);
  }

  /** @param {Note} note */
  put(note) {
    this.#append(note);
    this.#notes.set(note.actorId, note);
  }

  close() {
    closeSync(this.#descriptor);
  }

  /** @param {object} line */
  #append(line) {
    const before = fstatSync(this.#descriptor).size;
    try {
      writeAll(this.#descriptor, Buffer.from(`${JSON.stringify(line)}\n`));
      fsyncSync(this.#descriptor);
    } catch (error) {
      // Half a line would spoil the next one.
      ftruncateSync(this.#descriptor, before);
      throw error;
    }
  }
}

/**
 * @param {string} file
 * @param {string} line
 */
function parsed(file, line) {
  try {
    const value = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Reported below, like any other invalid line.
  }
  throw noState(file);
}

/** @param {string} file */
function noState(file) {
  return new BatonError('ERR_INVALID_ARG', `${file} is not the state of a copy`);
}

module.exports = { CopyState };
