// plainjob, a queue: jobs are added, done by a worker, and counted.

import { better, defineQueue, defineWorker } from 'plainjob';

/** @param {any} db */
export default async function run(db) {
  const logger = { error() {}, warn() {}, info() {}, debug() {} };
  const queue = defineQueue({ connection: better(db), logger });
  /** @type {string[]} */
  const done = [];
  const worker = defineWorker('print', async (/** @type {any} */ job) => void done.push(job.data), {
    queue,
    logger,
    pollIntervall: 1,
  });
  queue.add('print', { n: 1 });
  queue.addMany('print', [{ n: 2 }, { n: 3 }]);
  const working = worker.start();
  while (queue.countJobs({ status: 2 }) < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await worker.stop();
  await working;
  const counts = [queue.countJobs(), queue.getJobTypes()];
  queue.close();
  return [done.map((each) => JSON.parse(each).n), ...counts];
}

export const expected = [[1, 2, 3], 3, ['print']];
