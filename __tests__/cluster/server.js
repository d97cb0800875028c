// A FoundationDB cluster of one process, on a port of its own.
//
// It ends with this process, however that ends: a shell waits for the end of its input, which comes when nobody holds
// the other end of the pipe any more, then kills the server and removes its directory.

'use strict';

const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { delimiter, dirname, join } = require('node:path');

// It lives on when the terminal interrupts the tests. A server that was just killed may still be writing.
const WATCHDOG = `
trap '' INT TERM HUP
cat >/dev/null
read -r server <"$0/pid" && kill -9 "$server"
for attempt in 1 2 3 4 5; do rm -rf "$0" && break; sleep 1; done
`;
// Somebody else may take a port between the choice and the start.
const PORTS_TRIED = 5;
// Questions to a cluster that starts, each of which waits a little by itself.
const QUESTIONS_MAX = 60;

/** The program's path, if it is on the PATH. */
function onPath(program) {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.map((directory) => join(directory, program)).find((file) => existsSync(file));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** What `fdbcli` prints for a command. A failure is an answer, too. */
function ask(program, clusterFile, command) {
  const cli = onPath('fdbcli') ?? join(dirname(program), 'fdbcli');
  const args = ['-C', clusterFile, '--timeout', '5', '--exec', command];
  return new Promise((settle, fail) => {
    execFile(cli, args, (error, stdout) => (error?.code === 'ENOENT' ? fail(error) : settle(stdout)));
  });
}

class Cluster {
  #directory = mkdtempSync(join(tmpdir(), 'baton-cluster-'));
  #program;
  #address;
  #server;
  #watchdog;

  /** A server that is started, and on which no database is made yet. */
  constructor(program, port) {
    this.#program = program;
    this.#address = `127.0.0.1:${port}`;
    this.clusterFile = join(this.#directory, 'fdb.cluster');
    // First, so that nothing is ever left behind. In a group of its own, out of reach of the terminal's signals.
    const settings = { stdio: ['pipe', 'ignore', 'ignore'], detached: true };
    this.#watchdog = spawn('sh', ['-c', WATCHDOG, this.#directory], settings);
    for (const part of ['data', 'logs']) {
      mkdirSync(join(this.#directory, part));
    }
    writeFileSync(this.clusterFile, `baton:tests@${this.#address}\n`);
    this.restart();
    // Neither keeps the tests from ending.
    this.#watchdog.unref();
    this.#watchdog.stdin.unref();
  }

  get hasEnded() {
    return this.#server.exitCode !== null || this.#server.signalCode !== null;
  }

  /** Makes the database. False if the server has ended: it did not get its port. */
  async configure(engine) {
    let said = '';
    let question = `configure new single ${engine}`;
    for (let count = 0; count < QUESTIONS_MAX; count += 1) {
      if (this.hasEnded) {
        return false;
      }
      said = await ask(this.#program, this.clusterFile, question);
      if (said.includes('The database is available')) {
        return true;
      }
      question = 'status minimal';
    }
    throw new Error(`The cluster of ${this.clusterFile} does not become available: ${said}`);
  }

  /** The server keeps its connections and answers nothing. */
  pause() {
    this.#server.kill('SIGSTOP');
  }

  resume() {
    this.#server.kill('SIGCONT');
  }

  async kill() {
    const ended = once(this.#server, 'exit');
    this.#server.kill('SIGKILL');
    await ended;
  }

  /** Starts the server again after `kill`, with its data at its address. Waits for nothing. */
  restart() {
    const output = openSync(join(this.#directory, 'output'), 'a');
    const options = {
      '--cluster-file': this.clusterFile,
      '--public-address': this.#address,
      '--datadir': join(this.#directory, 'data'),
      '--logdir': join(this.#directory, 'logs'),
      '--logsize': '10MiB',
      '--maxlogssize': '50MiB',
    };
    const settings = { stdio: ['ignore', output, output], detached: true };
    this.#server = spawn(this.#program, Object.entries(options).flat(), settings);
    this.#server.unref();
    closeSync(output);
    writeFileSync(join(this.#directory, 'pid'), `${this.#server.pid}\n`);
  }

  /** Ends the server and waits until its directory is gone. */
  async stop() {
    if (!this.hasEnded) {
      await this.kill();
    }
    const ended = once(this.#watchdog, 'exit');
    this.#watchdog.stdin.end();
    await ended;
  }
}

/** Whether `startCluster` can start one. */
const canStartCluster = () => onPath('fdbserver') !== undefined;

/**
 * Starts a cluster for the caller alone, which stops it.
 *
 * @param {'memory' | 'ssd'} engine
 */
async function startCluster(engine) {
  for (let tried = 0; tried < PORTS_TRIED; tried += 1) {
    const cluster = new Cluster(onPath('fdbserver'), await freePort());
    if (await cluster.configure(engine)) {
      return cluster;
    }
    await cluster.stop();
  }
  throw new Error(`fdbserver does not start on any of ${PORTS_TRIED} ports`);
}

module.exports = { ask, canStartCluster, onPath, startCluster };
