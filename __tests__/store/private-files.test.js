// The files that hold what is in a database while it is on its way: who may read them, and what is left of them by
// processes that are killed.

'use strict';

const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdirSync, readdirSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');

const { databaseBytes } = require('../fixtures/v1-data.js');
const { ROOT, runNode, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
// A directory for temporary files of its own. (Windows names it otherwise, and has no modes to look at.)
const TMPDIR = join(directory, 'tmp');
mkdirSync(TMPDIR);
const FILE = join(directory, 'v1.sqlite');
writeFileSync(FILE, databaseBytes(directory, { rows: 3_000 }));
let stores = 0;
/** Importers that wait. */
const children = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

const mode = (path) => (statSync(path).mode & 0o777).toString(8);
const left = () => readdirSync(TMPDIR);

/** Starts an importer that waits in the middle. */
async function startImporter(umask) {
  stores += 1;
  const place = { path: join(directory, `store-${stores}`) };
  const importer = join(__dirname, '..', 'fixtures', 'v1-importer.js');
  const child = spawn(process.execPath, [importer, JSON.stringify(place), 'a', FILE, '40'], {
    env: { ...process.env, TMPDIR, UMASK: umask },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  expect(String(await once(child.stdout, 'data'))).toBe('waiting\n');
  return child;
}

async function kill(child) {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Opens a store in another process, and waits there until no more than so many directories are left. */
async function openUntilLeft(count) {
  const program = `
    const { readdirSync } = require('node:fs');
    const { Store } = require('./');
    Store.open({ memory: true }).then(() => {
      const timer = setInterval(() => {
        if (readdirSync(process.env.TMPDIR).length <= ${count}) clearInterval(timer);
      }, 5);
    });
  `;
  await promisify(execFile)(process.execPath, ['-e', program], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR },
    timeout: 20_000,
  });
}

const describeOnUnix = process.platform === 'win32' ? describe.skip : describe;

describeOnUnix('the files of an import of v1 data', () => {
  test.each(['000', '022', '077'])('are for their user alone, with the mask %s', async (umask) => {
    const child = await startImporter(umask);
    const [scratch] = left();
    expect(mode(join(TMPDIR, scratch))).toBe('700');
    const files = readdirSync(join(TMPDIR, scratch));
    expect(files).toContain('main.sqlite');
    for (const file of files) {
      expect([file, mode(join(TMPDIR, scratch, file))]).toEqual([file, '600']);
    }
    child.stdin.end('go on');
    expect(String(await once(child.stdout, 'data'))).toBe('migrated\n');
    await once(child, 'exit');
    expect(left()).toEqual([]);
  });

  test('are cleared by the next opening of a store, if nobody uses them any more', async () => {
    const killed = await startImporter('022');
    const [gone] = left();
    await kill(killed);
    expect(left()).toEqual([gone]);
    const alive = await startImporter('022');
    // That one has opened a store, too.
    await openUntilLeft(1);
    const [used] = left();
    await openUntilLeft(1);
    expect(left()).toEqual([used]);
    alive.stdin.end('go on');
    expect(String(await once(alive.stdout, 'data'))).toBe('migrated\n');
    await once(alive, 'exit');
    expect(left()).toEqual([]);
  });

  test('are cleared when the importer is killed as soon as another process opens a store', async () => {
    await kill(await startImporter('022'));
    expect(left()).toHaveLength(1);
    await openUntilLeft(0);
    expect(left()).toEqual([]);
  });
});

describeOnUnix('the note that a copy keeps of how far it is', () => {
  test('is for its user alone', async () => {
    const state = join(directory, 'move.jsonl');
    const [from, to] = ['from', 'to'].map((name) => join(directory, name));
    const program = `
      process.umask(0);
      const { Store } = require('./');
      Store.open({ path: ${JSON.stringify(from)} })
        .then((store) => store.loadStartup('a').then(() => store.close()))
        .then(() => {
          process.argv.splice(1, 0, ...${JSON.stringify(['batondb', 'copy', from, to, '--state', state])});
          require('./bin/batondb.js');
        });
    `;
    await runNode('-e', program);
    expect(mode(state)).toBe('600');
  });
});
