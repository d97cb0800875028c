// Runs the examples of a page in docs/: each fenced block in order, all of them in one directory that is empty at the
// beginning, so that a later block may build on what an earlier one has left there.
//
// A block of `js` is an ES module of its own that imports 'batondb', one of `ts` too, with its types taken off. What it
// prints is compared with the block of `text` that follows it, where one does. What such a block takes for granted (an
// open store) stands in the comment `<!-- before` … `-->` above it, which readers do not see, and runs in front of it. A block of `console` has commands behind `$ ` (a line that ends in a
// backslash goes on in the next one) and what each of them prints; `exit code 1` as its last line says how it ends.
// In what is expected, `…` stands for any characters within a line, and a line of nothing else for any lines.
//
// A block of `sh` is run as a whole, and has to end well.
//
// A block below the comment `<!-- a race: reason -->` prints what it should if calls overlap. On a busy machine they may
// not, so it is tried again, in a directory of its own.
//
// A block below the comment `<!-- not run: reason -->` is left out; the reason is for readers. Blocks without a language,
// and of languages that nothing runs (`sql`, `yaml`, …), are illustrations. __tests__/docs/pages.test.js sees to it that
// no page with examples is forgotten.

'use strict';

const { execFile } = require('node:child_process');
const { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const { transformSync } = require('esbuild');

const { ROOT } = require('../helpers.js');

const MODULES = ['js', 'ts'];
const RUN = [...MODULES, 'console', 'sh'];
const RACES_MAX = 5;

/**
 * @typedef {{ line: number, language: string, body: string, before: string, races: boolean, expected?: string }} Example
 */

/**
 * The blocks of a page that are run, each with the line it begins in.
 *
 * @param {string} markdown
 * @returns {Example[]}
 */
function examples(markdown) {
  const found = [];
  let skipped = false;
  let races = false;
  let before = '';
  const fences =
    /^<!-- (?:not run|a race): .+-->$|^<!-- before\n([\s\S]*?)^-->$|^```(\w*)\n([\s\S]*?)^```$/gm;
  for (const { 0: whole, 1: setup, 2: language, 3: body, index } of markdown.matchAll(fences)) {
    const line = markdown.slice(0, index).split('\n').length;
    if (setup !== undefined) {
      before = setup;
    } else if (whole.startsWith('<!-- a race')) {
      races = true;
    } else if (whole.startsWith('<!--')) {
      skipped = true;
    } else if (language === 'text' && MODULES.includes(found.at(-1)?.language)) {
      found.at(-1).expected ??= body;
    } else {
      if (!skipped && RUN.includes(language)) {
        found.push({ line, language, body, before, races });
      }
      skipped = false;
      races = false;
      before = '';
    }
  }
  return found;
}

/**
 * What the printed lines must match, each of them with its end.
 *
 * @param {string} expected
 */
function pattern(expected) {
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const line = (text) => `${text.split('…').map(escaped).join('.*')}\\n`;
  const lines = expected.trimEnd().split('\n');
  return new RegExp(`^${lines.map((text) => (text.trim() === '…' ? '(?:.*\\n)*?' : line(text))).join('')}$`);
}

/**
 * @param {string} file
 * @param {string[]} args
 * @param {import('node:child_process').ExecFileOptions} options
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(file, args, options) {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: 60_000, ...options }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ code, output: `${stdout}${stderr}`.trimEnd() });
    });
  });
}

/**
 * The commands of a block of `console`, each with what it prints and how it ends.
 *
 * @param {string} body
 * @returns {{ command: string, expected: string, code: number }[]}
 */
function commands(body) {
  const parts = body.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [command] = /^(?:.*\\\n)*.*/.exec(part) ?? [''];
    const printed = part.slice(command.length).trim();
    const [ending, code] = /(?:^|\n)exit code (\d+)$/.exec(printed) ?? ['', '0'];
    const expected = printed.slice(0, printed.length - ending.length);
    return { command: command.replaceAll('\\\n', ' '), expected, code: Number(code) };
  });
}

/**
 * Makes the directory of a page: with the package, others that its examples import, and the command line on the PATH.
 *
 * @param {string} directory
 * @param {string[]} packages
 * @returns {import('node:child_process').ExecFileOptions}
 */
function prepare(directory, packages) {
  const bin = join(directory, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(ROOT, join(directory, 'node_modules', 'batondb'));
  for (const name of packages) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  const program = join(ROOT, 'bin', 'batondb.js');
  writeFileSync(join(bin, 'batondb'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
  const env = { ...process.env, NO_COLOR: '1', PATH: `${bin}:${process.env.PATH}` };
  return { cwd: directory, env };
}

/**
 * Makes a test of each example of a page.
 *
 * @param {string} page its path from the root of the repository
 * @param {string} directory an empty one
 * @param {object} [options]
 * @param {string[]} [options.packages] development dependencies that the examples import
 * @param {(body: string) => string} [options.rewrite] what a block becomes before it is run
 */
function testExamples(page, directory, { packages = [], rewrite = (body) => body } = {}) {
  const options = prepare(directory, packages);
  const found = examples(readFileSync(join(ROOT, page), 'utf8'));
  test(`${page} has examples`, () => expect(found.length).toBeGreaterThan(0));

  /** @param {Example} module */
  const testModule = ({ line, language, body, before, races, expected }) =>
    test(`${page}:${line}`, async () => {
      const file = join(directory, `line-${line}.mjs`);
      const source = rewrite(`${before}${body}`);
      writeFileSync(file, language === 'ts' ? transformSync(source, { loader: 'ts' }).code : source);
      const printed = expected === undefined ? /(?:)/ : pattern(expected);
      let { code, output } = await run(process.execPath, [file], options);
      for (let tries = 1; races && tries < RACES_MAX && !printed.test(`${output}\n`); tries += 1) {
        const cwd = mkdtempSync(join(directory, 'race-'));
        ({ code, output } = await run(process.execPath, [file], { ...options, cwd }));
      }
      expect({ code, output }).toEqual({ code: 0, output });
      expect(`${output}\n`).toMatch(printed);
    });

  /** @param {{ line: number, command: string, expected?: string, code: number }} step */
  const testCommand = ({ line, command, expected, code }) =>
    test(`${page}:${line} $ ${command}`, async () => {
      // The name on the PATH instead of npx, which would look for the package on the registry.
      const words = rewrite(command).replaceAll('npx batondb', 'batondb');
      const ended = await run('/bin/sh', ['-ec', words], options);
      expect(ended).toEqual({ code, output: ended.output });
      if (expected !== undefined) {
        expect(`${ended.output}\n`).toMatch(pattern(expected));
      }
    });

  for (const example of found) {
    if (MODULES.includes(example.language)) {
      testModule(example);
    } else if (example.language === 'sh') {
      testCommand({ line: example.line, command: example.body, code: 0 });
    } else {
      commands(example.body).forEach((step) => testCommand({ line: example.line, ...step }));
    }
  }
}

module.exports = { commands, examples, pattern, testExamples };
