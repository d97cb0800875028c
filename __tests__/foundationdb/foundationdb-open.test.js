'use strict';

// What can be known of a cluster without one: nothing here needs a server or a client library.

const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { Store } = require('../..');
const { expectRefusal, temporaryDirectory } = require('../helpers.js');

const directory = temporaryDirectory();
const open = (options) => Store.open({ foundationdb: { prefix: 'test', ...options } });

function clusterFile(content) {
  const file = join(directory, `${Math.random()}.cluster`);
  writeFileSync(file, content);
  return file;
}

describe('the cluster file', () => {
  test('that is not there is named', () => {
    const file = join(directory, 'missing.cluster');
    return expectRefusal(() => open({ clusterFile: file }), 'ERR_INVALID_ARG', 'cluster file', file);
  });

  test('that is a directory is named', () =>
    expectRefusal(() => open({ clusterFile: directory }), 'ERR_INVALID_ARG', 'cluster file', directory));

  test.each([[''], ['hello'], ['a:b'], ['a:b@host'], ['# a:b@127.0.0.1:4500']])('may not hold %p', (text) => {
    const file = clusterFile(text);
    return expectRefusal(() => open({ clusterFile: file }), 'ERR_INVALID_ARG', file, 'connection string');
  });

  test('is looked up from the working directory', () =>
    expectRefusal(
      () => open({ clusterFile: 'no/such.cluster' }),
      'ERR_INVALID_ARG',
      join(process.cwd(), 'no', 'such.cluster'),
    ));
});
