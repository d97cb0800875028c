// Runs the examples of a page in docs/: each fenced block in order, all of them in one directory that is empty at the
// beginning, so that a later block may build on what an earlier one has left there.
//
// A block of `js` is an ES module of its own that imports 'batondb'. What it prints is compared with the block of
// `text` that follows it, where one does. A block of `console` has commands behind `$ ` (a line that ends in a
// backslash goes on in the next one) and what each of them prints; `exit code 1` as its last line says how it ends.
// In what is expected, `…` stands for any characters within a line, and a line of nothing else for any lines.
//
// A block below the comment `<!-- not run: reason -->` is left out; the reason is for readers.

'use strict';

const { execFile } = require('node:child_process');
const { mkdirSync, readFileSync, symlinkSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { ROOT } = require('./helpers.js');

/**
 * The blocks of a page that are run, each with the line it begins in.
 *
 * @param {string} markdown
 * @returns {{ line: number, language: string, body: string, expected?: string }[]}
 */
function examples(markdown) {
  const found = [];
  let skipped = false;
  const fences = /^<!-- not run: .+-->$|^```(\w*)\n([\s\S]*?)^```$/gm;
  for (const { 0: whole, 1: language, 2: body, index } of markdown.matchAll(fences)) {
    const line = markdown.slice(0, index).split('\n').length;
    if (whole.startsWith('<!--')) {
      skipped = true;
    } else if (language === 'text' && found.at(-1)?.language === 'js') {
      found.at(-1).expected ??= body;
    } else {
      if (!skipped && (language === 'js' || language === 'console')) {
        found.push({ line, language, body });
      }
      skipped = false;
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
 * Makes a test of each example of a page.
 *
 * @param {string} page its path from the root of the repository
 * @param {string} directory an empty one
 * @param {{ packages?: string[] }} [options] which of this repository's packages they may import besides batondb
 */
function testExamples(page, directory, { packages = [] } = {}) {
  mkdirSync(join(directory, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(ROOT, join(directory, 'node_modules', 'batondb'));
  for (const name of packages) {
    symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
  }
  const shim = join(directory, 'node_modules', '.bin', 'batondb');
  const program = join(ROOT, 'bin', 'batondb.js');
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
  const env = {
    ...process.env,
    NO_COLOR: '1',
    PATH: `${join(directory, 'node_modules', '.bin')}:${process.env.PATH}`,
  };
  const found = examples(readFileSync(join(ROOT, page), 'utf8'));
  test(`${page} has examples`, () => expect(found.length).toBeGreaterThan(0));

  /** @param {{ line: number, body: string, expected?: string }} module */
  const testModule = ({ line, body, expected }) =>
    test(`${page}:${line}`, async () => {
      const file = join(directory, `line-${line}.mjs`);
      writeFileSync(file, body);
      const { code, output } = await run(process.execPath, [file], { cwd: directory, env });
      expect({ code, output }).toEqual({ code: 0, output });
      if (expected !== undefined) {
        expect(`${output}\n`).toMatch(pattern(expected));
      }
    });

  /** @param {{ line: number, command: string, expected: string, code: number }} step */
  const testCommand = ({ line, command, expected, code }) =>
    test(`${page}:${line} $ ${command}`, async () => {
      // The name on the PATH instead of npx, which would look for the package on the registry.
      const words = command.replaceAll('npx batondb', 'batondb');
      const ended = await run('/bin/sh', ['-c', words], { cwd: directory, env });
      expect(ended).toEqual({ code, output: ended.output });
      expect(`${ended.output}\n`).toMatch(pattern(expected));
    });

  for (const { line, language, body, expected } of found) {
    if (language === 'js') {
      testModule({ line, body, expected });
    } else {
      commands(body).forEach((step) => testCommand({ line, ...step }));
    }
  }
}

module.exports = { commands, examples, pattern, testExamples };
