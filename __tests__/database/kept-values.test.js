'use strict';

const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { promisify } = require('node:util');

test('what is kept of a large row keeps itself alive, and not the text that came with it', async () => {
  const fixture = join(__dirname, '..', 'fixtures', 'kept-values.js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fixture]);
  const sizes = JSON.parse(stdout);
  expect(Object.keys(sizes)).toHaveLength(8);
  for (const [way, { count, bytes }] of Object.entries(sizes)) {
    // 200 pairs of a short and a very short text are some 30 KB; their rows are 20 MB.
    expect({ way, count, isSmall: bytes < 1_000_000, bytes }).toEqual({
      way,
      count: 200,
      isSmall: true,
      bytes,
    });
  }
});
