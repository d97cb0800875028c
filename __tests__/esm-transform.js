// Makes CommonJS of the ES modules of a package that has nothing else, because Jest's `require` cannot take those before
// Node 24.9. Node's own can: what users have is tested beside it, in processes of their own.

'use strict';

const { transformSync } = require('esbuild');

module.exports = {
  process(/** @type {string} */ source) {
    const { code } = transformSync(source, { format: 'cjs', target: 'node20' });
    return { code };
  },
};
