// What must agree in a release: one version everywhere, and a changelog entry for it.

'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { PLATFORMS, ROOT } = require('./platforms.js');

/** @param {string} file */
function read(file) {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The version that each file states. @returns {Record<string, string | undefined>} */
function versions() {
  const manifests = ['package.json', ...PLATFORMS.map(({ name }) => `npm/${name}/package.json`)];
  const lock = JSON.parse(read('package-lock.json'));
  return {
    ...Object.fromEntries(manifests.map((file) => [file, JSON.parse(read(file)).version])),
    'package-lock.json': lock.packages[''].version,
    'Cargo.toml': /^version = "([^"]+)"$/m.exec(read('Cargo.toml'))?.[1],
    'Cargo.lock': /^name = "batondb"\nversion = "([^"]+)"$/m.exec(read('Cargo.lock'))?.[1],
    'binding.js': /bindingPackageVersion !== '([^']+)'/.exec(read('binding.js'))?.[1],
  };
}

/**
 * The newest version with an entry in a changelog, undefined while everything is unreleased. @param {string}
 * changelog
 */
function newestEntry(changelog) {
  return /^## \[?(\d[^\]\s]*)/m.exec(changelog)?.[1];
}

/**
 * The entry of a version, without its heading.
 *
 * @param {string} changelog
 * @param {string} version
 */
function notes(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const found = sections.find((section) => section.replace('[', '').split(/[\]\s]/, 1)[0] === version);
  const text = found?.slice(found.indexOf('\n')).trim();
  if (!text) {
    throw new Error(`CHANGELOG.md has no entry for ${version}: rename "Unreleased"`);
  }
  return text;
}

/**
 * The reasons why the version cannot be released.
 *
 * @param {string} [tag] the git tag, `v` and the version; without it the versions only need to agree
 * @param {Record<string, string | undefined>} [stated]
 * @param {string} [changelog]
 * @returns {string[]}
 */
function disagreements(tag, stated = versions(), changelog = read('CHANGELOG.md')) {
  const version = stated['package.json'];
  const found = Object.entries(stated)
    .filter(([, other]) => other !== version)
    .map(([file, other]) => `${file} says ${other}, package.json says ${version}`);
  const newest = newestEntry(changelog);
  if (newest !== undefined && newest !== version) {
    found.push(`the newest entry of CHANGELOG.md is ${newest}, package.json says ${version}`);
  }
  if (tag !== undefined && tag !== `v${version}`) {
    found.push(`the tag is ${tag}, package.json says ${version}`);
  }
  if (tag !== undefined && newest === undefined) {
    found.push(`CHANGELOG.md has no entry for ${version}: rename "Unreleased"`);
  }
  return found;
}

module.exports = { disagreements, newestEntry, notes, read, versions };
