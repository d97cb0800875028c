// Builds the documentation site into dist/docs: the guides, and the API from the type declarations, by
// TypeDoc. Then checks the output for dead links and anchors; links to other sites are not followed.
//
//   npm run docs
//
// Pages are titled by their first heading. TypeDoc wants titles in front matter, which every other Markdown
// viewer would show. So it works on copies with front matter, in target/docs.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SITE = join(ROOT, 'docs', 'site');
const STAGE = join(ROOT, 'target', 'docs');
const OUT = join(ROOT, 'dist', 'docs');
const LINK = /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g;

/**
 * Files below a folder that are part of the repository, as paths from the root.
 *
 * @param {string} folder
 * @param {RegExp} name
 * @returns {string[]}
 */
function filesBelow(folder, name) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ['node_modules', 'site'].includes(entry.name) ? [] : filesBelow(path, name);
    }
    return name.test(entry.name) ? [path] : [];
  });
}

/**
 * A page in the form that TypeDoc wants: with a title in front matter (the site's first page already has
 * one), without the comments that set up examples, and with links to folders as plain text, since a site has
 * no pages for folders.
 *
 * @param {string} path from the root
 */
function stagedPage(path) {
  const markdown = readFileSync(join(ROOT, path), 'utf8').replace(/^<!--[\s\S]*?-->\n+/gm, '');
  const [heading, title] = /^# (.+)\n/.exec(markdown) ?? ['', path];
  const linked = markdown.replace(LINK, (whole, image, text, target) => {
    const [file] = target.split('#');
    const isFolder =
      file !== '' &&
      !/^[a-z]+:/.test(file) &&
      statSync(join(ROOT, dirname(path), file), { throwIfNoEntry: false })?.isDirectory();
    return isFolder && !image ? text : whole;
  });
  return path === 'README.md'
    ? linked.slice(heading.length)
    : `---\ntitle: ${JSON.stringify(title.replace(/`/g, ''))}\n---\n\n${linked}`;
}

/** Copies the pages, and the files that they include or link to. */
function stage() {
  rmSync(STAGE, { recursive: true, force: true });
  const pages = [
    ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
    ...filesBelow('docs', /\.md$/),
    ...filesBelow('examples', /\.md$/),
  ];
  const others = [...filesBelow('docs', /\.(svg|json)$/), 'index.d.ts', 'package.json'];
  if (existsSync(join(ROOT, 'adapters'))) {
    others.push(...filesBelow('adapters', /\.d\.ts$/));
  }
  for (const page of pages) {
    mkdirSync(dirname(join(STAGE, page)), { recursive: true });
    writeFileSync(join(STAGE, page), stagedPage(page));
    for (const [, , , target] of readFileSync(join(ROOT, page), 'utf8').matchAll(LINK)) {
      const file = relative(ROOT, resolve(ROOT, dirname(page), target.split('#')[0]));
      const isFile =
        !/^[a-z]+:/.test(target) && statSync(join(ROOT, file), { throwIfNoEntry: false })?.isFile();
      if (isFile && !file.endsWith('.md')) {
        others.push(file);
      }
    }
  }
  for (const file of new Set(others)) {
    mkdirSync(dirname(join(STAGE, file)), { recursive: true });
    cpSync(join(ROOT, file), join(STAGE, file));
  }
  for (const file of ['typedoc.json', 'tsconfig.json']) {
    cpSync(join(SITE, file), join(STAGE, file));
  }
}

/**
 * @param {string} program of docs/site's own packages
 * @param {string[]} args
 */
function run(program, args) {
  const bin = join(SITE, 'node_modules', '.bin', program);
  const { status, error } = spawnSync(bin, args, {
    cwd: STAGE,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error || status !== 0) {
    console.error(`${program} failed: ${error?.message ?? `exit code ${status}`}`);
    process.exit(1);
  }
}

function install() {
  const command = 'npm install --no-save --no-audit --no-fund --loglevel=error';
  const { status } = spawnSync(command, { cwd: SITE, stdio: 'inherit', shell: true });
  if (status !== 0) {
    console.error(`${command} failed in docs/site`);
    process.exit(1);
  }
}

if (!existsSync(join(SITE, 'node_modules', '.package-lock.json'))) {
  install();
}
stage();
rmSync(OUT, { recursive: true, force: true });
run('typedoc', ['--options', 'typedoc.json', '--out', OUT]);
run('linkinator', [
  OUT,
  '--recurse',
  '--check-fragments',
  '--skip',
  '^https?://(?!localhost|127\\.)',
  '--verbosity',
  'error',
]);
console.log(
  `${relative(ROOT, OUT)}: ${filesBelow(relative(ROOT, OUT), /\.html$/).length} pages, no dead link`,
);
