// A registry on the loopback interface that knows only the staged packages. It answers like the public one,
// so that a package manager chooses among the optional dependencies by itself.

'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');

/**
 * @typedef {object} Package
 * @property {Record<string, any>} manifest
 * @property {Buffer} tarball
 */

/** @param {Package} pack @param {string} origin */
function packument({ manifest, tarball }, origin) {
  const { name, version } = manifest;
  const dist = {
    tarball: `${origin}/${name}/-/${name}-${version}.tgz`,
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    shasum: createHash('sha1').update(tarball).digest('hex'),
  };
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    // Package managers may refuse very recent versions.
    time: {
      created: '2020-01-01T00:00:00Z',
      modified: '2020-01-01T00:00:00Z',
      [version]: '2020-01-01T00:00:00Z',
    },
  };
}

/** @param {readonly Package[]} packages */
function serve(packages) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const found = packages.find(({ manifest }) => path.split('/')[1] === manifest.name);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
    } else if (path.endsWith('.tgz')) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(found.tarball);
    } else {
      const body = JSON.stringify(packument(found, `http://${request.headers.host}`));
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    console.log(`http://127.0.0.1:${port}`);
  });
}

/** Run with pairs of a manifest and a tarball, as JSON. Prints the address once it accepts requests. */
/** @type {[string, string][]} */
const files = JSON.parse(process.argv[2] ?? '[]');
serve(
  files.map(([manifest, tarball]) => ({
    manifest: JSON.parse(readFileSync(manifest, 'utf8')),
    tarball: readFileSync(tarball),
  })),
);
// If its parent is killed, nobody stops it, so it ends by itself.
setTimeout(() => process.exit(1), 30 * 60_000);
