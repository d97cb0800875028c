// Every page with examples is run by some test, here or in a file of its own.

'use strict';

const { existsSync, readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const { examples } = require('./doc-examples.js');
const { ROOT } = require('../helpers.js');

/** Folders of pages that are not ours. */
const FOREIGN = ['site', 'node_modules'];

/**
 * @param {string} folder from the root of the repository
 * @returns {string[]}
 */
function pagesBelow(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      return FOREIGN.includes(entry.name) ? [] : pagesBelow(path);
    }
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const PAGES = ['README.md', 'CONTRIBUTING.md', ...pagesBelow('docs'), ...pagesBelow('examples')];
const tests = readdirSync(__dirname)
  .filter((name) => name.endsWith('.test.js') && name !== 'pages.test.js')
  .map((name) => readFileSync(join(__dirname, name), 'utf8'))
  .join('\n');

test.each(PAGES)('%s: its examples are run, or say why not', (page) => {
  const found = examples(readFileSync(join(ROOT, page), 'utf8'));
  expect({ examples: found.length > 0, run: tests.includes(`'${page}'`) }).toEqual({
    examples: found.length > 0,
    run: found.length > 0,
  });
});

test.each(PAGES)('%s: what it links to in the repository is there', (page) => {
  const markdown = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const links = [...markdown.matchAll(/\]\(([^()\s]+)\)|(?:src|srcset)="([^"\s]+)"/g)].map(
    ([, link, source]) => link ?? source,
  );
  const missing = links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path] = link.split('#');
      return path !== '' && !existsSync(join(ROOT, page, '..', path));
    });
  expect(missing).toEqual([]);
});

test('docs/errors.md has a section for each code', () => {
  const declarations = readFileSync(join(ROOT, 'types/errors.d.ts'), 'utf8');
  const [, union] = /export type ErrorCode =([\s\S]*?);/.exec(declarations) ?? [];
  const codes = [...union.matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code);
  const sections = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^## (ERR_\w+)$/gm)];
  expect(codes.length).toBeGreaterThan(10);
  expect(sections.map(([, code]) => code).sort()).toEqual(codes.sort());
});
