'use strict';

const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { promisify } = require('node:util');

const { Store, isBatonError } = require('..');

const ROOT = resolve(__dirname, '..');
const PAGE_SIZE = 4096;

/** A page full of one byte. */
function page(byte, size = PAGE_SIZE) {
  return new Uint8Array(size).fill(byte);
}

/** Compares by content alone: the addon's arrays are of Node's realm, the test's of Jest's. */
function expectBytes(actual, expected) {
  expect(ArrayBuffer.isView(actual)).toBe(true);
  expect(Buffer.compare(Buffer.from(actual), Buffer.from(expected))).toBe(0);
}

/** The error that a promise rejects with; it must be one of ours. */
async function rejection(promise) {
  const error = await Promise.resolve(promise).then(
    (value) => {
      throw new Error('expected a rejection', { cause: value });
    },
    (reason) => reason,
  );
  if (!isBatonError(error)) {
    throw error;
  }
  return error;
}

/** Each wrong call fails with the code, and with a message that has every one of the fragments. */
async function expectRefusal(call, code, ...fragments) {
  const error = await rejection(call());
  expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.any(String) });
  for (const fragment of fragments) {
    // Without regard to case, because Node's versions differ in how they write an escape.
    expect(error.message.toLowerCase()).toContain(fragment.toLowerCase());
  }
  expect(error.retryable).toBe(false);
}

/** A directory that is gone after the test file. */
function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'baton-test-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs `suite` against each backend. It gets a function that opens a store, closed after the test. */
function onEachBackend(suite) {
  const backends = [
    ['memory', () => ({ memory: true })],
    ['embedded', (directory, count) => ({ path: join(directory, String(count)), durability: 'relaxed' })],
  ];
  describe.each(backends)('on the %s backend', (_name, options) => {
    const directory = temporaryDirectory();
    const opened = [];
    let count = 0;
    afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())));
    suite(async () => {
      const store = await Store.open(options(directory, (count += 1)));
      opened.push(store);
      return store;
    });
  });
}

/** Starts an actor and commits `pages` as its whole database. Answers what the next commit needs. */
async function startWith(store, actorId, pages) {
  const { generation, meta } = await store.loadStartup(actorId);
  const { txid } = await store.commit(actorId, {
    generation,
    headTxid: meta.headTxid,
    sizePages: pages.length,
    pages: pages.map((data, index) => ({ page: index + 1, data })),
  });
  return { generation, headTxid: txid };
}

/** Runs a Node program to its end. Rejects if it does not end by itself or its exit code is not 0. */
function runNode(...args) {
  return promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 20_000 });
}

module.exports = {
  PAGE_SIZE,
  ROOT,
  expectBytes,
  expectRefusal,
  onEachBackend,
  page,
  rejection,
  runNode,
  startWith,
  temporaryDirectory,
};
