// After all tests: ends the cluster that they have started; from another one it removes what they wrote, if `fdbcli` is
// there to do so.

'use strict';

const { ask, onPath } = require('./server.js');

module.exports = async () => {
  const { BATON_TEST_CLUSTER_FILE: clusterFile, BATON_TEST_PREFIX: prefix } = process.env;
  const cli = onPath('fdbcli');
  if (globalThis.cluster) {
    await globalThis.cluster.stop();
  } else if (clusterFile && cli) {
    // Prefixes are stored as strings of the tuple layer.
    const [start, end] = ['', '\\xff'].map((last) => `"\\x02${prefix}${last}"`);
    await ask(cli, clusterFile, `writemode on; clearrange ${start} ${end}`);
  }
};
