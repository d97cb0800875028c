// The other side of points.mjs: a peer in a worker thread, one row for each number that it is sent.

import { parentPort, workerData } from 'node:worker_threads';

import { opener } from './peers.mjs';

const { peer, path, fill, query } = workerData;
const file = opener(peer)(path);
file.exec(fill);
const statement = file.prepare(query);
parentPort?.on('message', (id) => parentPort?.postMessage(statement.get(id)));
parentPort?.postMessage('ready');
