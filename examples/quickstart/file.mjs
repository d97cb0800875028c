// SQLite files as bytes: what the quickstart reads and changes without SQLite.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/**
 * The SHA-256 of a file of any size, in hex.
 *
 * @param {string} file
 */
export async function sha256(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * A copy of page 1 with another `PRAGMA user_version`: the smallest real change of a database, for it is a
 * field of the header and belongs to the program that owns the file
 * (https://sqlite.org/fileformat2.html#the_database_header).
 *
 * The other fields are what SQLite itself writes with every change. The change counter (offset 24) tells
 * readers that their caches are out of date. The size in pages (28) counts only while the counter at 92,
 * "valid for", equals the change counter, so all three are written together.
 *
 * @param {Uint8Array} page
 * @param {number} sizePages
 * @param {number} userVersion
 */
export function withUserVersion(page, sizePages, userVersion) {
  const changed = Buffer.from(page);
  const changeCounter = (changed.readUInt32BE(24) + 1) >>> 0;
  changed.writeUInt32BE(changeCounter, 24);
  changed.writeUInt32BE(sizePages, 28);
  changed.writeInt32BE(userVersion, 60);
  changed.writeUInt32BE(changeCounter, 92);
  return changed;
}
