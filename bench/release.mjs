// What measures says so where it would measure a debug addon, which is several times as slow.

import { createRequire } from 'node:module';
import { basename } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * Why this addon is not to be measured, if that is so.
 *
 * @param {string | undefined} profile How it was built; none for an addon from before it knew.
 * @param {string} file
 */
export function refusal(profile, file) {
  return profile === 'release'
    ? undefined
    : `${file} is ${profile === undefined ? 'an old' : `a ${profile}`} build, and its figures would say nothing: npm run build makes the release addon`;
}

/** Ends the process where the addon is not one to be measured. */
export function requireRelease() {
  const { NativeStore } = require('../lib/addon/native.js');
  const file = Object.keys(require.cache).find((path) => path.endsWith('.node')) ?? 'the addon';
  const reason = refusal(NativeStore.buildProfile?.(), basename(file));
  if (reason !== undefined) {
    console.error(reason);
    process.exit(1);
  }
}
