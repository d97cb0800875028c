// Builds the addon for every platform that this machine can target, checks each, and writes the table of
// sizes.
//
//   npm run build:all -- [--only linux-x64-gnu,darwin-arm64] [--check] [--table]
//
// docs/packages.md says what is built where.

import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

import { problems } from './packages/check-addon.js';
import { inspect } from './packages/inspect.js';
import { PLATFORMS, ROOT, addonPath } from './packages/platforms.js';
import { row, table, writeTable } from './packages/table.js';
import { zigBuild } from './packages/zig.js';

const USAGE = `npm run build:all -- [options]

  --only <a,b>   only these platforms; otherwise all but Windows
  --check        builds nothing, checks the addons that lie in npm/<platform>/
  --table        writes the sizes into docs/packages.md
  --help         this text

Platforms: ${PLATFORMS.map(({ name }) => name).join(', ')}.
The addons of Linux are kept. Those of macOS show that the code compiles and links, and are not kept: what is
published of them is built on a Mac. Windows takes Microsoft's linker; its addons are built there alone.`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    check: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @typedef {import('./packages/platforms.js').Platform} Platform */

/** @returns {readonly Platform[]} */
function chosen() {
  if (options.only === undefined) {
    return PLATFORMS.filter(({ name, zig }) =>
      options.check ? existsSync(addonPath(name)) : zig !== undefined,
    );
  }
  return options.only.split(',').map((wanted) => {
    const found = PLATFORMS.find(({ name }) => name === wanted);
    if (found === undefined) {
      console.error(`${wanted} is no platform.\n\n${USAGE}`);
      process.exit(2);
    }
    return found;
  });
}

/** @param {Platform} platform @returns {{ problems: string[], row?: string[] }} */
function verify(platform, file = addonPath(platform.name)) {
  const data = readFileSync(file);
  const binary = inspect(data);
  return { problems: problems(binary, platform), row: row(platform.name, binary, data) };
}

/** @param {Platform} platform @returns {{ problems: string[], row?: string[] }} */
function build(platform) {
  if (options.check) {
    return verify(platform);
  }
  const built = zigBuild(platform);
  if (platform.compileOnly) {
    console.log(`${platform.name}: ${basename(built)} compiles and links; it is not kept`);
    return { problems: [] };
  }
  copyFileSync(built, addonPath(platform.name));
  return verify(platform);
}

if (options.help) {
  console.log(USAGE);
  process.exit();
}
const results = chosen().map((platform) => {
  try {
    return { name: platform.name, ...build(platform) };
  } catch (error) {
    return { name: platform.name, problems: [/** @type {Error} */ (error).message], row: undefined };
  }
});
const rows = results.flatMap((result) => (result.row === undefined ? [] : [result.row]));
console.log(`\n${table(rows)}\n`);
for (const { name, problems: found } of results) {
  console.log(found.length === 0 ? `passed  ${name}` : `FAILED  ${name}: ${found.join('; ')}`);
}
if (results.length === 0) {
  console.log('FAILED  no addon lies in npm/*/');
}
const passed = results.length > 0 && results.every(({ problems: found }) => found.length === 0);
if (passed && options.table) {
  writeTable(
    `${ROOT}/docs/packages.md`,
    rows,
    PLATFORMS.map(({ name }) => name),
  );
}
process.exitCode = passed ? 0 : 1;
