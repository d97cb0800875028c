// What a start costs as the database grows: loadStartup from Node, on the release addon.
//
// One store holds a database of each size. Round by round each of them is started once with each preload, the
// sizes in turn and in changing order, so that whatever else the machine does hits all sizes alike. The time
// is that of the caller: from the call until its promise resolves, pages included. A start of the smallest
// database is the yardstick of the others: the cost should not depend on the size (goal: the medians within
// a factor of 1.2).
//
//   npm run build && npm run bench:startup
//   npm run bench:startup -- --help

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { requireRelease } from './release.mjs';
import { quantile, resultOf, writeReport } from './report/results.js';

const HELP = `Usage: npm run bench:startup -- [options]

  --rounds N           starts of each kind (default 200)
  --sizes A,B          database sizes in MiB (default 1,16,64,256)
  --preloads A,B       pages preloaded (default 1,256)
  --durability KIND    strict or relaxed (default strict)
  --directory PATH     where the store is made and removed again (default the system's temporary directory)
  --json FILE          writes the figures to a file as well
  --help               this text`;

const PAGE_BYTES = 4096;
const GOAL_RATIO = 1.2;
const WARMUP_ROUNDS = 5;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    sizes: { type: 'string', default: '1,16,64,256' },
    preloads: { type: 'string', default: '1,256' },
    durability: { type: 'string', default: 'strict' },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(HELP);
} else {
  await main();
}

/** @param {'rounds' | 'sizes' | 'preloads'} name */
function counts(name) {
  const numbers = options[name].split(',').map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number > 0)) {
    console.error(`--${name} takes whole numbers above 0, got ${options[name]}\n\n${HELP}`);
    process.exit(1);
  }
  return numbers;
}

async function main() {
  requireRelease();
  const [rounds] = counts('rounds');
  const sizes = counts('sizes').sort((a, b) => a - b);
  const preloads = counts('preloads');
  // Imported here, so that --help works before the addon is built.
  const { Store } = await import('../index.mjs');
  const directory = mkdtempSync(join(options.directory, 'batondb-bench-'));
  try {
    const durability = /** @type {'strict' | 'relaxed'} */ (options.durability);
    const store = await Store.open({ path: join(directory, 'store'), durability });
    for (const size of sizes) {
      const file = join(directory, `${size}.sqlite`);
      writeDatabase(file, size);
      await store.importFrom(`${size} MiB`, file);
      rmSync(file);
    }
    const times = await measure(store, { rounds, sizes, preloads });
    await store.close();
    printReport(times, { rounds, sizes, preloads });
    const results = preloads.flatMap((pages) => resultsOf(times, sizes, pages));
    writeReport(options.json, { bench: 'startup', versions: {}, notes: [], results });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * Writes a file that says it is a SQLite database of this size. The pages hold records that compress to
 * about a half; what they hold does not matter to a start, which never looks inside.
 *
 * @param {string} file
 * @param {number} mib
 */
function writeDatabase(file, mib) {
  const pages = (mib * 1024 * 1024) / PAGE_BYTES;
  const target = openSync(file, 'w');
  const page = Buffer.alloc(PAGE_BYTES);
  let state = mib;
  for (let number = 1; number <= pages; number += 1) {
    for (let offset = 0; offset < PAGE_BYTES; offset += 32) {
      for (let word = offset; word < offset + 16; word += 4) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        page.writeUInt32BE(state, word);
      }
      page.write('INTEGER NOT NULL', offset + 16, 'latin1');
    }
    if (number === 1) {
      writeHeader(page, pages);
    }
    writeSync(target, page);
  }
  closeSync(target);
}

/**
 * The header of a SQLite database, https://sqlite.org/fileformat2.html section 1.3.
 *
 * @param {Buffer} page
 * @param {number} pages
 */
function writeHeader(page, pages) {
  page.fill(0, 0, 100);
  page.write('SQLite format 3\0', 0, 'latin1');
  page.writeUInt16BE(PAGE_BYTES, 16);
  page.set([1, 1, 0, 64, 32, 32], 18);
  page.writeUInt32BE(1, 24);
  page.writeUInt32BE(pages, 28);
  page.writeUInt32BE(4, 44);
  page.writeUInt32BE(1, 56);
  page.writeUInt32BE(1, 92);
}

/**
 * @param {import('../index.js').Store} store
 * @param {{ rounds: number, sizes: number[], preloads: number[] }} plan
 * @returns {Promise<Map<string, number[]>>} milliseconds by `key`
 */
async function measure(store, { rounds, sizes, preloads }) {
  const times = new Map();
  for (let round = -WARMUP_ROUNDS; round < rounds; round += 1) {
    for (const pages of preloads) {
      for (let index = 0; index < sizes.length; index += 1) {
        const size = sizes[(index + round + WARMUP_ROUNDS) % sizes.length];
        const preload = { ranges: [{ start: 1, end: pages + 1 }], maxBytes: pages * PAGE_BYTES };
        const begin = performance.now();
        const startup = await store.loadStartup(`${size} MiB`, { preload });
        const elapsed = performance.now() - begin;
        const expected = Math.min(pages, startup.meta.sizePages);
        if (startup.outcome !== 'won' || startup.pages.size !== expected) {
          throw new Error(`a start of ${size} MiB ${startup.outcome} with ${startup.pages.size} pages`);
        }
        if (round >= 0) {
          const of = times.get(key(size, pages)) ?? [];
          times.set(key(size, pages), of);
          of.push(elapsed);
        }
      }
    }
  }
  return times;
}

/**
 * @param {number} size
 * @param {number} pages
 */
function key(size, pages) {
  return `${size}/${pages}`;
}

/**
 * @param {Map<string, number[]>} times
 * @param {number[]} sizes
 * @param {number} pages
 */
function resultsOf(times, sizes, pages) {
  const about = /** @type {const} */ ({ bench: 'startup', better: 'lower' });
  const preloaded = `${pages} ${pages === 1 ? 'page' : 'pages'} preloaded`;
  const each = sizes.map((size) =>
    resultOf(
      {
        ...about,
        case: `start of a database of ${size} MiB, ${preloaded}`,
        unit: 'ms',
        params: { sizeMib: size, preloadedPages: pages },
      },
      (times.get(key(size, pages)) ?? []).map((baton) => ({ baton })),
    ),
  );
  const medians = each.map(({ baton }) => baton);
  const ratio = Math.max(...medians) / Math.min(...medians);
  const flatness = resultOf(
    {
      ...about,
      case: `slowest size / fastest size, ${preloaded}`,
      unit: '',
      goal: { atMost: GOAL_RATIO },
    },
    [{ baton: ratio }],
  );
  return [...each, { ...flatness, samples: each[0].samples }];
}

/**
 * @param {Map<string, number[]>} times
 * @param {{ rounds: number, sizes: number[], preloads: number[] }} plan
 */
function printReport(times, { rounds, sizes, preloads }) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const [cpu] = cpus();
  console.log(
    `batondb ${version}, Node ${process.version}, ${process.platform} ${process.arch} ${release()}`,
  );
  console.log(`${cpus().length} x ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`);
  console.log(`loadStartup, ${options.durability}, ${rounds} rounds, milliseconds\n`);
  console.log(`${'pages'.padStart(6)} ${'database'.padStart(10)} ${'p50'.padStart(8)} ${'p99'.padStart(8)}`);
  for (const pages of preloads) {
    const medians = sizes.map((size) => {
      const of = times.get(key(size, pages)) ?? [];
      const [p50, p99] = [quantile(of, 0.5), quantile(of, 0.99)];
      const cells = [`${size} MiB`.padStart(10), p50.toFixed(3).padStart(8), p99.toFixed(3).padStart(8)];
      console.log(`${String(pages).padStart(6)} ${cells.join(' ')}`);
      return p50;
    });
    const ratio = Math.max(...medians) / Math.min(...medians);
    console.log(`       largest / smallest p50: ${ratio.toFixed(2)} (goal: at most ${GOAL_RATIO})\n`);
  }
}
