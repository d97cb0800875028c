'use strict';

// The addon of `npm run build:debug`, here and in the processes and threads that tests start; see lib/addon/addon-file.js.
process.env.BATON_ADDON ??= 'tests';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/__tests__/cluster/setup.js',
  globalTeardown: '<rootDir>/__tests__/cluster/teardown.js',
  testMatch: ['<rootDir>/__tests__/**/*.test.js'],
  // Rust's build directory holds packages' sources, which Jest would walk through; dist has a second batondb.
  modulePathIgnorePatterns: ['<rootDir>/target/(?!addon/)', '<rootDir>/dist/'],
  // Kysely from 0.29 on has ES modules alone.
  transform: { '/node_modules/kysely/.+\\.js$': '<rootDir>/__tests__/esm-transform.js' },
  transformIgnorePatterns: ['/node_modules/(?!kysely/)'],
  testTimeout: 30_000,
};
