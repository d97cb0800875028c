'use strict';

const { spawn } = require('node:child_process');
const { join } = require('node:path');

const { ROOT } = require('../helpers.js');

const PROGRAM = join(ROOT, 'bin', 'batondb.js');

/** The environment of a command: no store of whoever runs the tests, no colours. */
function environment(more = {}) {
  const env = { ...process.env, NO_COLOR: '1', ...more };
  if (more.BATON_STORE === undefined) delete env.BATON_STORE;
  return env;
}

/** Starts a command. */
function start(args, { env, cwd } = {}) {
  return spawn(process.execPath, [PROGRAM, ...args], { cwd: cwd ?? ROOT, env: environment(env) });
}

/** Runs a command to its end. */
function batondb(args, { input = '', ...options } = {}) {
  return new Promise((resolve) => {
    const child = start(args, options);
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => (printed[name] += text));
    }
    child.stdin.on('error', () => {}).end(input);
    child.on('close', (code, signal) => resolve({ code: code ?? signal, ...printed }));
  });
}

/** Runs a command that must end well, and answers what it prints. */
async function succeed(args, options) {
  const { code, stdout, stderr } = await batondb(args, options);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: expect.any(String) });
  return stdout;
}

/** What a command prints as JSON. */
async function jsonOf(args, options) {
  return JSON.parse(await succeed([...args, '--json'], options));
}

/** How the command line names a place. */
function addressOf({ path, foundationdb }) {
  if (path !== undefined) return path;
  const { prefix, clusterFile } = foundationdb;
  return `foundationdb:${prefix}?cluster-file=${encodeURIComponent(clusterFile)}`;
}

module.exports = { addressOf, batondb, jsonOf, start, succeed };
