// Reads .test and .slt files: the syntax of https://sqlite.org/sqllogictest, and the additions of others that
// corpora for SQLite use (`statement error <regex>`, `query error`, `include`, `control sortmode`, `sleep`).

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** @typedef {'nosort' | 'rowsort' | 'valuesort'} SortMode */

/** @typedef {{ kind: 'skipif' | 'onlyif', engine: string }} Condition */

/**
 * One record of a file.
 *
 * @typedef {object} Record
 * @property {'statement' | 'query' | 'halt' | 'control' | 'include' | 'sleep'} kind
 * @property {string} file
 * @property {number} line From 1.
 * @property {Condition[]} conditions
 * @property {string} sql
 * @property {'ok' | 'error' | 'count'} outcome
 * @property {RegExp | undefined} pattern What the error must look like.
 * @property {number} count How many rows must have changed.
 * @property {string} types One character a column; none where the file does not say.
 * @property {SortMode | undefined} sort
 * @property {string | undefined} label
 * @property {string[]} expected
 * @property {string} argument Of the kinds that are no SQL.
 */

const SORT_MODES = ['nosort', 'rowsort', 'valuesort'];
const CONDITIONS = ['skipif', 'onlyif'];
/** Without meaning for a comparison of whole results, or for one engine. */
const IGNORED = ['hash-threshold', 'subtest'];

/**
 * @param {string} file
 * @returns {Record[]}
 */
export function parseFile(file) {
  return new Parser(file, readFileSync(file, 'utf8')).records();
}

class Parser {
  #file;
  #lines;
  #at = 0;

  /**
   * @param {string} file
   * @param {string} text
   */
  constructor(file, text) {
    this.#file = file;
    this.#lines = text.split(/\r?\n/);
  }

  records() {
    /** @type {Record[]} */
    const records = [];
    /** @type {Condition[]} */
    let conditions = [];
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at];
      this.#at += 1;
      if (line.trim() === '' || line.startsWith('#')) {
        continue;
      }
      const [word, ...rest] = line.trim().split(/\s+/);
      if (CONDITIONS.includes(word)) {
        conditions.push({ kind: /** @type {'skipif' | 'onlyif'} */ (word), engine: this.#needed(rest[0]) });
      } else if (!IGNORED.includes(word)) {
        const made = this.#record(word, rest, line);
        records.push(...(made.kind === 'include' ? parseFile(made.argument) : [{ ...made, conditions }]));
        conditions = [];
      }
    }
    return records;
  }

  /**
   * @param {string} word
   * @param {string[]} rest
   * @param {string} line
   * @returns {Record}
   */
  #record(word, rest, line) {
    const place = { file: this.#file, line: this.#at };
    switch (word) {
      case 'statement':
        return { ...NOTHING, ...place, ...this.#statement(rest, line) };
      case 'query':
        return { ...NOTHING, ...place, ...this.#query(rest, line) };
      case 'halt':
        return { ...NOTHING, ...place, kind: 'halt' };
      case 'sleep':
        return { ...NOTHING, ...place, kind: 'sleep', argument: this.#needed(rest[0]) };
      case 'include':
        return {
          ...NOTHING,
          ...place,
          kind: 'include',
          argument: resolve(dirname(this.#file), this.#needed(rest[0])),
        };
      case 'control':
        if (rest[0] === 'sortmode' && SORT_MODES.includes(rest[1])) {
          return { ...NOTHING, ...place, kind: 'control', argument: rest[1] };
        }
    }
    throw this.#error(`"${line}" is no record that this runner knows`);
  }

  /**
   * @param {string[]} words
   * @param {string} line
   * @returns {Partial<Record>}
   */
  #statement([outcome, ...rest], line) {
    if (outcome === 'error') {
      return { kind: 'statement', ...this.#failure(line) };
    }
    const { sql } = this.#sql();
    if (outcome === 'count') {
      return { kind: 'statement', sql, outcome, count: Number(this.#needed(rest[0])) };
    }
    if (outcome === 'ok') {
      return { kind: 'statement', sql, outcome };
    }
    throw this.#error(`a statement is "ok", "error" or "count <n>", not "${outcome}"`);
  }

  /**
   * @param {string[]} words
   * @param {string} line
   * @returns {Partial<Record>}
   */
  #query(words, line) {
    if (words[0] === 'error') {
      return { kind: 'query', ...this.#failure(line) };
    }
    // The types may be left out, the sort mode may stand alone, and the label comes after it.
    const types = words[0] !== undefined && !SORT_MODES.includes(words[0]) ? words[0] : '';
    const [sort, label] = types === '' ? words : words.slice(1);
    if (sort !== undefined && !SORT_MODES.includes(sort)) {
      throw this.#error(`"${sort}" is no sort mode`);
    }
    const { sql, hasResult } = this.#sql();
    return {
      kind: 'query',
      sql,
      types,
      sort: /** @type {SortMode | undefined} */ (sort),
      label,
      expected: hasResult ? this.#block() : [],
    };
  }

  /**
   * SQL that must fail, with a message that looks as the line says or the lines below `----` do.
   *
   * @param {string} line
   * @returns {Partial<Record>}
   */
  #failure(line) {
    const regex = /^\s*\w+\s+error\s+(.*\S)\s*$/.exec(line)?.[1];
    const { sql, hasResult } = this.#sql();
    const message = hasResult ? this.#block().join('\n').trim() : '';
    const source = regex ?? message.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    return { sql, outcome: 'error', pattern: source === '' ? undefined : new RegExp(source, 'i') };
  }

  /** The SQL up to an empty line, or up to the results. */
  #sql() {
    const lines = this.#block('----');
    const hasResult = this.#lines[this.#at - 1] === '----';
    return { sql: lines.join('\n'), hasResult };
  }

  /**
   * The lines up to an empty one, the end, or one that is `end`.
   *
   * @param {string} [end]
   */
  #block(end) {
    const lines = [];
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at];
      this.#at += 1;
      if (line === '' || line === end) {
        break;
      }
      lines.push(line);
    }
    return lines;
  }

  /** @param {string | undefined} word */
  #needed(word) {
    if (word === undefined) {
      throw this.#error('a word is missing at the end of the line');
    }
    return word;
  }

  /** @param {string} message */
  #error(message) {
    return new Error(`${this.#file}:${this.#at}: ${message}`);
  }
}

/** @type {Record} */
const NOTHING = {
  kind: 'halt',
  file: '',
  line: 0,
  conditions: [],
  sql: '',
  outcome: 'ok',
  pattern: undefined,
  count: 0,
  types: '',
  sort: undefined,
  label: undefined,
  expected: [],
  argument: '',
};
