// The other side of one.mjs: a peer in a worker thread, which inserts a row for each message, waits for the disk, and
// answers.

import { parentPort, workerData } from 'node:worker_threads';

import { durable, opener } from '../sql/peers.mjs';

const { peer, path, schema, insert } = workerData;
const file = durable(opener(peer)(path));
file.exec(schema);
const statement = file.prepare(insert);
parentPort?.on('message', (params) => parentPort?.postMessage(statement.run(...params)));
parentPort?.postMessage('ready');
