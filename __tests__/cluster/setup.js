// Before all tests: the cluster that `FDB_CLUSTER_FILE` names, else one of the tests' own where `fdbserver` is on the
// PATH, else none. The workers find it, and what the keys of this run begin with, in their environment.

'use strict';

const { randomBytes } = require('node:crypto');

const { canStartCluster, startCluster } = require('./server.js');

module.exports = async () => {
  process.env.BATON_TEST_PREFIX = `baton test ${randomBytes(8).toString('hex')}`;
  if (process.env.FDB_CLUSTER_FILE) {
    process.env.BATON_TEST_CLUSTER_FILE = process.env.FDB_CLUSTER_FILE;
  } else if (canStartCluster()) {
    globalThis.cluster = await startCluster('memory');
    process.env.BATON_TEST_CLUSTER_FILE = globalThis.cluster.clusterFile;
  }
};
