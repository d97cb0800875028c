// The examples in the comments of the type declarations go with those types. What an example takes for granted is
// declared here.

'use strict';

const { execFile } = require('node:child_process');
const { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { ROOT } = require('../helpers.js');

const declarations = [
  ...['types', 'adapters'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.d.ts'))
      .map((name) => `${folder}/${name}`),
  ),
];

const MODULES = {
  batondb: ['Store', 'isBatonError', 'setLogger'],
  'batondb/drizzle': ['drizzle', 'migrate'],
  'batondb/durable-object': ['durableObjectStorage'],
  'batondb/kysely': ['BatonDialect'],
  'batondb/rivetkit': ['batonDatabase', 'byNameAndKey', 'sleepWhenFenced'],
  kysely: ['Kysely'],
};
const GIVEN = `
declare const store: import('batondb').Store;
declare const db: import('batondb').Database;
declare const set: import('batondb').PageSet;
declare const actorId: string;
declare const request: import('batondb').CommitRequest;
declare const cache: Map<number, Uint8Array>;
declare const response: { end(text: string): void };
interface Tables { room: { id: number; name: string } }
declare const customer: string;
declare const items: string[];
declare function send(id: unknown, text: unknown): Promise<boolean>;
`;

const ACTOR = `
declare function actor(definition: { db: unknown; onWake: (c: any) => void; actions: Record<string, (c: any, body: string) => unknown> }): unknown;
`;

const SCHEMA = `
import { relations } from 'drizzle-orm';
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core';
const room = sqliteTable('room', { id: integer().primaryKey() });
const message = sqliteTable('message', { id: integer().primaryKey(), roomId: integer() });
const schema = {
  room,
  message,
  ofRooms: relations(room, ({ many }) => ({ messages: many(message) })),
  ofMessages: relations(message, ({ one }) => ({
    room: one(room, { fields: [message.roomId], references: [room.id] }),
  })),
};
`;

/** @param {string} file */
function examplesOf(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^ *\* ```ts\n([\s\S]*?)^ *\* ```$/gm)].map(({ 1: block, index }) => ({
    line: text.slice(0, index).split('\n').length,
    code: block.replace(/^ *\* ?/gm, ''),
  }));
}

const withExamples = declarations.filter((file) => examplesOf(file).length > 0);

test('most declarations have examples', () => {
  expect(withExamples.length).toBeGreaterThan(7);
});

test.each(withExamples)(
  'the examples in %s are right by their types',
  async (file) => {
    const found = examplesOf(file);
    // Inside the package, whose own name then leads to it.
    const directory = mkdtempSync(join(ROOT, 'target', 'api-examples-'));
    try {
      for (const { line, code } of found) {
        const imports = code.match(/^import [\s\S]*?;\n/gm) ?? [];
        const body = imports.reduce((rest, statement) => rest.replace(statement, ''), code);
        const given = Object.entries(MODULES).map(([from, names]) => {
          const needed = names.filter((name) => body.includes(name) && !imports.join('').includes(name));
          return needed.length > 0 ? `import { ${needed} } from '${from}';\n` : '';
        });
        const schema = body.includes('schema') ? SCHEMA : '';
        const actor = body.includes('actor(') ? ACTOR : 'declare const actor: { stop(): void };\n';
        const source = `${given.join('')}${imports.join('')}${schema}${GIVEN}${actor}export async function example() {\n${body}}\n`;
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
