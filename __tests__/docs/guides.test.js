// The guides of docs/, each in a directory of its own.

'use strict';

const { testExamples } = require('./doc-examples.js');
const { clusterPlace, describeOnCluster, temporaryDirectory } = require('../helpers.js');

for (const page of [
  'docs/start.md',
  'docs/concepts.md',
  'docs/choose-a-backend.md',
  'docs/deploy.md',
  'docs/sharing.md',
  'docs/errors.md',
  'docs/moving-in.md',
  'docs/limits.md',
  'docs/database.md',
  'docs/store.md',
  'docs/history.md',
  'docs/sync.md',
]) {
  testExamples(page, temporaryDirectory());
}

describeOnCluster('on the foundationdb backend', () => {
  const { foundationdb } = clusterPlace();
  testExamples('docs/foundationdb.md', temporaryDirectory(), {
    // The cluster may be somebody's: below the prefix that the tests remove.
    rewrite: (body) =>
      body.replaceAll(
        "{ prefix: 'myapp/actors' }",
        JSON.stringify({ prefix: foundationdb.prefix, clusterFile: foundationdb.clusterFile }),
      ),
  });
});
