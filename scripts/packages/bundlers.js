// The bundlers that are tested with our packages, each set up as its users would.

'use strict';

const { writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');

const { installTools } = require('./tools.js');

const VERSIONS = [
  'rollup@4.68.8',
  '@rollup/plugin-node-resolve@16.0.3',
  '@rollup/plugin-commonjs@29.0.3',
  'vite@8.4.0',
  'webpack@5.113.0',
  'webpack-cli@7.3.1',
];

const ROLLUP = `
  import { createRequire } from 'node:module';
  const require = createRequire(%MODULES% + '/');
  const resolve = require('@rollup/plugin-node-resolve');
  const commonjs = require('@rollup/plugin-commonjs');
  export default {
    input: 'program.mjs',
    external: [/^batondb(\\/|$)/],
    plugins: [resolve.default(), commonjs()],
    output: { file: 'rollup.mjs', format: 'es' },
  };
`;

const VITE = `
  export default { build: { ssr: 'program.mjs', outDir: 'vite', target: 'node20' } };
`;

const WEBPACK = `
  module.exports = {
    mode: 'production',
    target: 'node',
    entry: './program.cjs',
    externals: [/^batondb(\\/|$)/],
    externalsType: 'commonjs',
    output: { path: __dirname, filename: 'webpack.cjs' },
  };
`;

/** @typedef {{ name: string, command: string[], output: string }} Bundler */

/**
 * Writes the configuration of the bundlers into a project, and returns how each is run there.
 *
 * @param {string} folder
 * @returns {Bundler[]}
 */
function bundlers(folder) {
  const modules = installTools('bundlers', VERSIONS);
  const configs = { 'rollup.config.mjs': ROLLUP, 'vite.config.mjs': VITE, 'webpack.config.cjs': WEBPACK };
  for (const [file, text] of Object.entries(configs)) {
    writeFileSync(join(folder, file), text.replace('%MODULES%', JSON.stringify(modules)));
  }
  const require = createRequire(join(modules, 'x.js'));
  /** @param {string} name @param {string} [bin] */
  const program = (name, bin = name) => {
    const file = join(modules, name, 'package.json');
    return join(dirname(file), require(file).bin[bin]);
  };
  const run = (/** @type {string[]} */ ...command) => [process.execPath, ...command];
  return [
    { name: 'Rollup', command: run(program('rollup'), '-c', 'rollup.config.mjs'), output: 'rollup.mjs' },
    { name: 'Vite', command: run(program('vite'), 'build'), output: join('vite', 'program.mjs') },
    {
      name: 'webpack',
      command: run(program('webpack-cli'), '-c', 'webpack.config.cjs'),
      output: 'webpack.cjs',
    },
  ];
}

module.exports = { bundlers };
