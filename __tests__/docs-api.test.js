// The examples in the comments of the type declarations go with those types. What an example takes for granted is
// declared here.

'use strict';

const { execFile } = require('node:child_process');
const { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { ROOT } = require('./helpers.js');

const ADAPTERS = join(ROOT, 'adapters');
const declarations = [
  'index.d.ts',
  ...(existsSync(ADAPTERS) ? readdirSync(ADAPTERS) : [])
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => `adapters/${name}`),
];

const NAMES = ['Store', 'isBatonError', 'setLogger'];
const GIVEN = `
declare const store: import('batondb').Store;
declare const db: import('batondb').Database;
declare const set: import('batondb').PageSet;
declare const actorId: string;
declare const request: import('batondb').CommitRequest;
declare const cache: Map<number, Uint8Array>;
declare const actor: { stop(): void };
declare const response: { end(text: string): void };
declare const customer: string;
declare const items: string[];
declare function send(id: unknown, text: unknown): Promise<boolean>;
`;

/** @param {string} file */
function examplesOf(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^ *\* ```ts\n([\s\S]*?)^ *\* ```$/gm)].map(({ 1: block, index }) => ({
    line: text.slice(0, index).split('\n').length,
    code: block.replace(/^ *\* ?/gm, ''),
  }));
}

test.each(declarations)(
  'the examples in %s are right by their types',
  async (file) => {
    const found = examplesOf(file);
    expect(found.length).toBeGreaterThan(0);
    // Inside the package, whose own name then leads to it.
    const directory = mkdtempSync(join(ROOT, 'target', 'api-examples-'));
    try {
      for (const { line, code } of found) {
        const imports = code.match(/^import [\s\S]*?;\n/gm) ?? [];
        const body = imports.reduce((rest, statement) => rest.replace(statement, ''), code);
        const names = NAMES.filter((name) => !imports.join('').includes(name));
        const source = `import { ${names} } from 'batondb';\n${imports.join('')}${GIVEN}export async function example() {\n${body}}\n`;
        writeFileSync(join(directory, `line-${line}.mts`), source);
      }
      const compilerOptions = {
        target: 'esnext',
        lib: ['esnext'],
        module: 'nodenext',
        types: ['node'],
        strict: true,
        skipLibCheck: true,
        noEmit: true,
      };
      writeFileSync(
        join(directory, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, include: ['*.mts'] }),
      );
      const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
      const { stdout } = await promisify(execFile)(tsc, ['-p', directory]).catch((error) => error);
      expect(stdout).toBe('');
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  120_000,
);
