// batondb stat: shows the state of an actor.

'use strict';

const { BatonError } = require('../error.js');
const { count, fields, plain, plural, size } = require('./output.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'stat',
  summary: 'how a store is, or the state of one actor',
  args: ['<store>', '[actor]'],
  help: `With an actor: its generation, head and size. Without: whether the store answers, how fast, what it says of
itself, and what its journal holds; the exit code is 1 if it is not available.`,
  options: { json: { type: 'boolean', help: 'as an object' } },
  examples: [
    'batondb stat ./data',
    'batondb stat ./data room-1',
    'batondb stat foundationdb:myapp/actors --json',
  ],
  reports: true,
  async run({ values, args: [, actorId], out, open }) {
    const store = await open(undefined, { readOnly: true });
    if (actorId === undefined) return await storeStat(store, values.json, out);
    const meta = await store.stat(actorId);
    if (!meta) throw new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(actorId)} does not exist`);
    if (values.json) {
      await out.json({ actorId, ...meta });
      return 0;
    }
    await out.line(
      fields([
        ['actor', plain(actorId)],
        ['generation', count(meta.generation)],
        ['head', count(meta.headTxid)],
        [
          'size',
          `${count(meta.sizePages)} pages of ${count(meta.pageSize)} bytes, ${size(meta.sizePages * meta.pageSize)}`,
        ],
        ['origin', meta.origin],
        ['made', meta.createdAt.toISOString()],
      ]),
    );
    return 0;
  },
};

/**
 * @param {InstanceType<typeof import('../store/store.js').Store>} store
 * @param {boolean | undefined} asJson
 * @param {InstanceType<typeof import('./output.js').Output>} out
 */
async function storeStat(store, asJson, out) {
  const [status, ping] = await Promise.all([store.status(), store.ping()]);
  const code = status.available ? 0 : 1;
  if (asJson) {
    await out.json({ ...status, latencyMs: ping.latencyMs });
    return code;
  }
  const cluster = status.foundationdb;
  const { journal } = status;
  await out.line(
    fields([
      ['backend', status.backend],
      ['available', status.available ? 'yes' : 'no'],
      ['healthy', status.healthy ? 'yes' : 'no'],
      ['one read', `${ping.latencyMs.toFixed(2)} ms`],
      cluster && ['client', `${cluster.clientVersion} (${cluster.clientLibrary})`],
      cluster && ['cluster', `${cluster.clusterVersion ?? 'unknown'}, ${cluster.processes} processes`],
      cluster && ['cluster file', cluster.clusterFile ?? 'unknown'],
      journal && ['journal', journalLine(journal)],
      journal && ['checkpoint', checkpointLine(journal)],
      status.backend === 'embedded' && !journal
        ? ['journal', 'none; it is made when a process that may write opens the store alone']
        : undefined,
    ]),
  );
  for (const message of status.messages) await out.line(`message: ${plain(message)}`);
  return code;
}

/** @param {import('../../index.js').JournalStatus} journal */
function journalLine({ segments, records, bytes }) {
  const total = segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  return `${plural(segments.length, 'segment')} (${size(total)}), ${plural(records, 'record')} since the checkpoint (${size(bytes)})`;
}

/** @param {import('../../index.js').JournalStatus} journal */
function checkpointLine({ checkpoint, checkpointAgeMs, newest }) {
  if (checkpoint === undefined) return `none yet, the store is at commit ${count(newest)}`;
  const age = checkpointAgeMs === undefined ? '' : `, ${(checkpointAgeMs / 1000).toFixed(1)} s old`;
  return `commit ${count(checkpoint)} of ${count(newest)}${age}`;
}

module.exports = command;
