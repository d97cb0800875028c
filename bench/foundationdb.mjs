// Commits on FoundationDB from Node against the same writes by the bare client (the Rust crate `foundationdb`, no checks, no
// checksums, no JavaScript): how far they scale with the number of actors, and how much of the cluster is left.
//
//   FDB_CLUSTER_FILE=fdb.cluster npm run bench:foundationdb
//   npm run bench:foundationdb -- --help
//
// Both sides run in turn on the same cluster, each actor with one commit of 4 pages on its way at a time; the ratio is the
// median of the rounds. Everything is written below prefixes of this run, which are cleared at its end.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';

import { inFlight } from './foundationdb/in-flight.mjs';
import { requireRelease } from './release.mjs';
import { resultOf, writeReport } from './report/results.js';
import { Complaint, print, section, table, times, title, whole } from './sql/report.mjs';

const HELP = `Usage: npm run bench:foundationdb -- [options]

  --actors A,B     actors that commit side by side (default 1,16,64,256)
  --rounds N       turns of each comparison (default 3)
  --seconds N      length of a turn (default 3)
  --sql            transactions of one row through SQL as well, also several of one actor in flight
  --json FILE      writes the figures to a file as well
  --help           this text

The cluster is that of FDB_CLUSTER_FILE.`;

const PAGE_BYTES = 4096;
const PAGES = 64;
const PAGES_PER_COMMIT = 4;
const PEER = 'bare client';

const { values } = parseArgs({
  options: {
    actors: { type: 'string', default: '1,16,64,256' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    sql: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** @param {'actors' | 'rounds' | 'seconds'} name */
function numbers(name) {
  const list = values[name].split(',').map(Number);
  if (!list.every((number) => Number.isInteger(number) && number > 0)) {
    throw new Complaint(`--${name} takes whole numbers above 0, got ${values[name]}`);
  }
  return list;
}

/** The program that commits with the bare client, compiled if need be. */
function bareClient() {
  const args = ['bench', '--bench', 'foundationdb', '--no-run', '--message-format=json'];
  const output = execFileSync('cargo', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  for (const line of output.split('\n').reverse()) {
    const message = line.startsWith('{') ? JSON.parse(line) : {};
    if (
      message.reason === 'compiler-artifact' &&
      message.target.name === 'foundationdb' &&
      message.executable
    ) {
      return message.executable;
    }
  }
  throw new Error('cargo built no bench of that name');
}

/**
 * @param {string} program
 * @param {number} actors
 * @param {number} seconds
 */
function bareRate(program, actors, seconds) {
  const args = ['--bare-commits', String(actors), '--seconds', String(seconds)];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`the bare client failed: ${stderr}`);
  }
  return Number(stdout);
}

/** Records that compress to about a half, like a table's. */
function pageOf(seed) {
  const page = Buffer.alloc(PAGE_BYTES);
  let state = seed + 1;
  for (let offset = 0; offset < PAGE_BYTES; offset += 32) {
    for (let word = offset; word < offset + 16; word += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      page.writeUInt32BE(state, word);
    }
    page.write('INTEGER NOT NULL', offset + 16, 'latin1');
  }
  return page;
}

/** Runs `step` again and again for each of `clients` until the time is over. Answers steps a second. */
async function rateOf(clients, seconds, step) {
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let steps = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < end) {
        await step(client);
        steps += 1;
      }
    }),
  );
  return (steps * 1000) / (performance.now() - begin);
}

/** Actors that commit pages. */
async function pageCommits(store, actors) {
  const data = Array.from({ length: PAGES }, (_, index) => pageOf(index));
  const holders = [];
  for (let number = 0; number < actors; number += 1) {
    const actorId = `${actors}-${number}`;
    const { generation } = await store.loadStartup(actorId);
    const pages = data.map((bytes, index) => ({ page: index + 1, data: bytes }));
    const { txid } = await store.commit(actorId, { generation, headTxid: 0n, sizePages: PAGES, pages });
    holders.push({ actorId, generation, headTxid: txid });
  }
  const pages = data.slice(0, PAGES_PER_COMMIT).map((bytes, index) => ({ page: index + 1, data: bytes }));
  return (seconds) =>
    rateOf(holders, seconds, async (holder) => {
      const { actorId, generation, headTxid } = holder;
      const { txid } = await store.commit(actorId, { generation, headTxid, sizePages: PAGES, pages });
      holder.headTxid = txid;
    });
}

/** Actors that insert a row at a time. */
async function sqlCommits(store, actors) {
  const databases = [];
  for (let number = 0; number < actors; number += 1) {
    const db = await store.openDatabase(`sql-${actors}-${number}`);
    await db.exec('CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, body TEXT)');
    databases.push(db);
  }
  return async (seconds) =>
    rateOf(databases, seconds, (db) => db.run("INSERT INTO t(body) VALUES ('a row of a table')"));
}

async function main() {
  if (!process.env.FDB_CLUSTER_FILE) {
    throw new Complaint('FDB_CLUSTER_FILE is not set');
  }
  const [rounds] = numbers('rounds');
  const [seconds] = numbers('seconds');
  const { Store } = await import('../index.mjs');
  const program = bareClient();
  const prefix = `batondb-bench-${process.pid}`;
  const store = await Store.open({ foundationdb: { prefix } });
  const { foundationdb } = await store.status();
  title(
    `Node ${process.versions.node}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model}, ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB; FoundationDB ${foundationdb?.clusterVersion}, ` +
      `${foundationdb?.processes} server process(es)`,
  );
  section('commits', `of ${PAGES_PER_COMMIT} pages a second, ${rounds} rounds of ${seconds} s`);
  const rows = [['actors', 'baton', PEER, 'ratio', ...(values.sql ? ['SQL, 1 row'] : [])]];
  const results = [];
  for (const actors of numbers('actors')) {
    const commits = await pageCommits(store, actors);
    const turns = [];
    await commits(0.3);
    for (let round = 0; round < rounds; round += 1) {
      const bareFirst = round % 2 === 1 && bareRate(program, actors, seconds);
      const baton = await commits(seconds);
      const bare = bareFirst || bareRate(program, actors, seconds);
      turns.push({ baton, [PEER]: bare });
    }
    const result = resultOf(
      {
        bench: 'foundationdb',
        case: `FoundationDB: commits of ${PAGES_PER_COMMIT} pages, ${actors} actors`,
        unit: '/s',
        better: 'higher',
        params: { actors },
      },
      turns,
    );
    results.push(result);
    const sql = values.sql ? [`${whole(await (await sqlCommits(store, actors))(seconds))}/s`] : [];
    rows.push([
      String(actors),
      `${whole(result.baton)}/s`,
      `${whole(result.peers[PEER])}/s`,
      times(result.ratio[PEER]),
      ...sql,
    ]);
  }
  table(rows);
  if (values.sql) {
    section('in flight', 'transactions of one row a second through SQL, by calls in flight');
    const gains = await inFlight(store, rounds, seconds);
    print(gains);
    results.push(...gains);
  }
  const versions = { FoundationDB: String(foundationdb?.clusterVersion) };
  writeReport(values.json, { bench: 'foundationdb', versions, notes: [], results });
  for await (const { actorId } of store.actors()) {
    await store.delete(actorId);
  }
  await store.close();
}

if (values.help) {
  console.log(HELP);
} else {
  main().catch((error) => {
    console.error(error instanceof Complaint ? `${error.message}\n\n${HELP}` : error);
    process.exitCode = 1;
  });
}
