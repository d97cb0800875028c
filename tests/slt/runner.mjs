// Runs sqllogictest files: node tests/slt/runner.mjs [--path DIRECTORY | --foundationdb PREFIX]
//   [--engine baton|libsql] [FILE ...]
//
// Each file has a database of its own, in memory, in the embedded store of a directory, or below a prefix of the
// cluster that FDB_CLUSTER_FILE names. Without a file it runs the corpus beside it. The last line is a summary; the exit code is 1 if anything failed.

import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { batonEngine, libsqlEngine } from './engines.mjs';
import { formatRows, hashLine, matches, sortRows } from './format.mjs';
import { parseFile } from './parse.mjs';

/** @typedef {import('./parse.mjs').Record} Record */
/** @typedef {import('./parse.mjs').SortMode} SortMode */

const FAILURES_SHOWN_MAX = 10;
const RESULT_LINES_SHOWN_MAX = 40;

/** One file's run. */
class Run {
  /** @type {string[]} */
  failures = [];
  passed = 0;
  skipped = 0;
  #engine;
  #session;
  /** @type {SortMode} */
  #sort = 'nosort';
  /** @type {Map<string, string>} */
  #hashOfLabel = new Map();

  /**
   * @param {import('./engines.mjs').Engine} engine
   * @param {import('./engines.mjs').Session} session
   */
  constructor(engine, session) {
    this.#engine = engine;
    this.#session = session;
  }

  /** @param {Record[]} records */
  async all(records) {
    for (const record of records) {
      const applies = record.conditions.every(
        ({ kind, engine }) => this.#engine.names.includes(engine) === (kind === 'onlyif'),
      );
      if (!applies) {
        this.skipped += 1;
      } else if (record.kind === 'halt') {
        return;
      } else {
        await this.#one(record);
      }
    }
  }

  /** @param {Record} record */
  async #one(record) {
    if (record.kind === 'control') {
      this.#sort = /** @type {SortMode} */ (record.argument);
    } else if (record.kind === 'sleep') {
      await sleep(milliseconds(record.argument));
    } else {
      const problem = await this.#problem(record);
      if (problem === undefined) {
        this.passed += 1;
      } else {
        const place = `${relative('.', record.file)}:${record.line}`;
        this.failures.push(`${place}: ${problem}\n${indented(record.sql)}`);
      }
    }
  }

  /**
   * What is wrong with a record's outcome, if anything is.
   *
   * @param {Record} record
   */
  async #problem(record) {
    let answer;
    try {
      answer = await this.#execute(record);
    } catch (error) {
      const message = describe(error);
      if (record.outcome !== 'error') {
        if (await this.#endsEarly(record)) {
          return undefined;
        }
        return `expected no error, got\n${indented(message)}`;
      }
      const isExpected = record.pattern === undefined || record.pattern.test(message);
      return isExpected ? undefined : `expected an error like ${record.pattern}, got\n${indented(message)}`;
    }
    if (record.outcome === 'error') {
      return 'expected an error, got none';
    }
    if (record.outcome === 'count') {
      return answer === record.count ? undefined : `expected ${record.count} changed rows, got ${answer}`;
    }
    return Array.isArray(answer) ? this.#difference(record, answer) : undefined;
  }

  /**
   * Whether a query that failed has the result that its file expects. SQLite's own runner takes an error that
   * comes while rows are read for the end of the rows, and files rely on it: a sum that overflows has none.
   *
   * @param {Record} record
   */
  async #endsEarly({ kind, expected, sql }) {
    const compiles = () =>
      this.#session.prepare(sql).then(
        () => true,
        () => false,
      );
    return kind === 'query' && expected.length === 0 && (await compiles());
  }

  /** @param {Record} record */
  async #execute({ kind, outcome, sql }) {
    if (kind === 'query') {
      return await this.#session.query(sql);
    }
    return outcome === 'count' ? await this.#session.count(sql) : await this.#session.exec(sql);
  }

  /**
   * @param {Record} record
   * @param {import('./format.mjs').Value[][]} answer
   */
  #difference({ types, sort = this.#sort, label, expected }, answer) {
    if (types !== '' && answer.length > 0 && answer[0].length !== types.length) {
      return `expected ${types.length} columns, got ${answer[0].length}`;
    }
    const rows = sortRows(formatRows(answer, types), sort);
    if (!matches(rows, expected, sort)) {
      const got = rows.flat();
      return `expected\n${shown(expected)}\ngot\n${shown(got)}\n(${hashLine(rows)})`;
    }
    const hash = hashLine(rows);
    if (label !== undefined && (this.#hashOfLabel.get(label) ?? hash) !== hash) {
      return `the result differs from an earlier one with the label "${label}"`;
    }
    if (label !== undefined) {
      this.#hashOfLabel.set(label, hash);
    }
    return undefined;
  }
}

/** @param {unknown} error */
function describe(error) {
  const { extendedCode, code, message } = /** @type {any} */ (error);
  return `${extendedCode ?? code}: ${message}`;
}

/** @param {string} duration Such as `100ms` or `1.5s`. */
function milliseconds(duration) {
  const [, number, unit] = /^([\d.]+)(ms|s)$/.exec(duration) ?? [];
  return Number(number) * (unit === 's' ? 1_000 : 1);
}

/** @param {string} text */
function indented(text) {
  return text.replace(/^/gm, '    ');
}

/** @param {string[]} lines */
function shown(lines) {
  const more = lines.length - RESULT_LINES_SHOWN_MAX;
  const first = lines.slice(0, RESULT_LINES_SHOWN_MAX).join('\n');
  return indented(more > 0 ? `${first}\n... and ${more} more` : first);
}

/**
 * The files that are named, and those below directories that are.
 *
 * @param {string} path
 * @returns {string[]}
 */
function filesAt(path) {
  if (!statSync(path).isDirectory()) {
    return [path];
  }
  const inside = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return inside.filter((name) => /\.(test|slt)$/.test(name)).map((name) => join(path, name));
}

/**
 * @param {import('./engines.mjs').Engine} engine
 * @param {string} file
 */
async function runFile(engine, file) {
  const session = await engine.open();
  const run = new Run(engine, session);
  try {
    await run.all(parseFile(file));
  } catch (error) {
    run.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    await session.close();
  }
  for (const failure of run.failures.slice(0, FAILURES_SHOWN_MAX)) {
    console.log(`${failure}\n`);
  }
  if (run.failures.length > FAILURES_SHOWN_MAX) {
    console.log(`${relative('.', file)}: ${run.failures.length} failures in all\n`);
  }
  return run;
}

/** @param {{ engine: string, path?: string, foundationdb?: string }} chosen */
async function openEngine({ engine, path, foundationdb: prefix }) {
  if (engine === 'baton' && path === undefined) {
    return await batonEngine(prefix === undefined ? { memory: true } : { foundationdb: { prefix } });
  }
  if (engine === 'baton' && path !== undefined && prefix === undefined) {
    return await batonEngine({ path, durability: 'relaxed' });
  }
  if (engine === 'libsql' && path === undefined && prefix === undefined) {
    return await libsqlEngine();
  }
  throw new Error(
    `--engine ${engine} is not known, or these of --engine, --path and --foundationdb exclude each other`,
  );
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      path: { type: 'string' },
      foundationdb: { type: 'string' },
      engine: { type: 'string', default: 'baton' },
    },
  });
  const own = dirname(fileURLToPath(import.meta.url));
  const files = (positionals.length > 0 ? positionals : [own]).flatMap(filesAt);
  const engine = await openEngine(values);
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    const run = await runFile(engine, file);
    total.passed += run.passed;
    total.failed += run.failures.length;
    total.skipped += run.skipped;
  }
  await engine.close();
  const { passed, failed, skipped } = total;
  console.log(`${files.length} files: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
}

await main();
