'use strict';

const { AsyncResource } = require('node:async_hooks');
const { execFile } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { basename, join, resolve } = require('node:path');
const { promisify } = require('node:util');

const { Store, isBatonError } = require('..');
const { addonOfTests, builtAddon } = require('../lib/addon/addon-file.js');
const { PLATFORMS } = require('../lib/addon/platform.js');
const { canStartCluster } = require('./cluster/server.js');

const ROOT = resolve(__dirname, '..');
const PAGE_SIZE = 4096;

/** The addon that these tests run on. */
function addonUnderTest() {
  return PLATFORMS.map((platform) => addonOfTests(platform) ?? builtAddon(platform)).find(existsSync);
}

/** A page full of one byte. */
function page(byte, size = PAGE_SIZE) {
  return new Uint8Array(size).fill(byte);
}

/** Compares by content alone: the addon's arrays are of Node's realm, the test's of Jest's. */
function expectBytes(actual, expected) {
  expect(ArrayBuffer.isView(actual)).toBe(true);
  expect(Buffer.compare(Buffer.from(actual), Buffer.from(expected))).toBe(0);
}

/**
 * The error that a function throws.
 *
 * @param {() => unknown} fn
 * @returns {any}
 */
function thrown(fn) {
  let value;
  try {
    value = fn();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error', { cause: value });
}

/**
 * The same, which must be one of our errors.
 *
 * @param {() => unknown} fn
 */
function refused(fn) {
  const error = thrown(fn);
  if (!isBatonError(error)) {
    throw error;
  }
  return error;
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

const asOthers = new AsyncResource('others');

/** Runs a function as one that has nothing to do with the transaction that it is called in. */
function outside(fn) {
  return asOthers.runInAsyncScope(fn);
}

/** A directory that is gone after the test file. */
function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'baton-test-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const CLUSTER_FILE = process.env.BATON_TEST_CLUSTER_FILE;
const NO_CLUSTER = 'no FDB_CLUSTER_FILE and no fdbserver on PATH';
const NO_SERVER = 'no fdbserver on PATH';

// A process of Jest runs many test files, each with a copy of this module.
const FILE = randomUUID().slice(0, 8);
let places = 0;

/** What opens a store on a part of the cluster that nobody else uses. */
function clusterPlace() {
  places += 1;
  const prefix = `${process.env.BATON_TEST_PREFIX}/${FILE}/${places}`;
  return { foundationdb: { clusterFile: CLUSTER_FILE, prefix } };
}

/** Where the tests cannot run, each of them is skipped and the reason is in its name. */
function describeWhere(canRun, reason, name, suite) {
  if (canRun) {
    describe(name, suite);
  } else {
    describe.skip(`${name} (${reason})`, suite);
  }
}

/** Runs the tests on the cluster that all tests share. */
function describeOnCluster(name, suite) {
  describeWhere(CLUSTER_FILE !== undefined, NO_CLUSTER, name, suite);
}

/** Runs the tests where they can start a cluster of their own. */
function describeWithServer(name, suite) {
  describeWhere(canStartCluster(), NO_SERVER, name, suite);
}

/** Runs `suite` with a function that makes a place: options which open the same store as often as they are used. */
function onEachSharedBackend(suite) {
  describe('on the embedded backend', () => {
    const directory = temporaryDirectory();
    suite(() => {
      places += 1;
      return { path: join(directory, String(places)), durability: 'relaxed' };
    });
  });
  describeOnCluster('on the foundationdb backend', () => suite(clusterPlace));
}

/** Runs `suite` against each backend. It gets a function that opens an empty store, closed after the test. */
function onEachBackend(suite) {
  const onPlaces = (place) => {
    const opened = [];
    afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())));
    suite(async () => {
      const store = await Store.open(place());
      opened.push(store);
      return store;
    });
  };
  describe('on the memory backend', () => onPlaces(() => ({ memory: true })));
  onEachSharedBackend(onPlaces);
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
  return runNodeIn(ROOT, ...args);
}

function runNodeIn(cwd, ...args) {
  return promisify(execFile)(process.execPath, args, { cwd, timeout: 20_000 });
}

/** The version of a development dependency, by the name that it is installed under. */
function versionOf(name) {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/**
 * A directory that has the package installed, as one of its own and not as a link, so that it finds the peers of that
 * directory: each by its name, with the name of the development dependency that it is.
 */
function projectWith(peers) {
  const directory = temporaryDirectory();
  const home = join(directory, 'node_modules', 'batondb');
  mkdirSync(home, { recursive: true });
  for (const part of readdirSync(ROOT)) {
    if (/^(?:adapters|lib|binding\.js|index\..+|package\.json)$/.test(part)) {
      cpSync(join(ROOT, part), join(home, part), { recursive: true });
    }
  }
  const addon = addonUnderTest();
  symlinkSync(addon, join(home, basename(addon)));
  for (const [name, installed] of Object.entries(peers)) {
    symlinkSync(join(ROOT, 'node_modules', installed), join(directory, 'node_modules', name));
  }
  return directory;
}

module.exports = {
  PAGE_SIZE,
  ROOT,
  addonUnderTest,
  clusterPlace,
  describeOnCluster,
  describeWhere,
  describeWithServer,
  expectBytes,
  expectRefusal,
  onEachBackend,
  onEachSharedBackend,
  outside,
  page,
  projectWith,
  refused,
  rejection,
  runNode,
  runNodeIn,
  startWith,
  temporaryDirectory,
  thrown,
  versionOf,
};
