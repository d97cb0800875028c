// The other side of points.mjs: libsql in a worker thread, one row for each number that it is sent.

import { parentPort, workerData } from 'node:worker_threads';

import Libsql from 'libsql';

const { path, fill, query } = workerData;
const file = new Libsql(path);
file.exec(fill);
const statement = file.prepare(query);
parentPort?.on('message', (id) => parentPort?.postMessage(statement.get(id)));
parentPort?.postMessage('ready');
