// batondb stat: shows the state of a store or an actor.

'use strict';

const { BatonError } = require('../error.js');
const { count, fields, plain, plural, size } = require('./output.js');
const { option: progressOption } = require('./progress.js');
const { UsageError } = require('./usage.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'stat',
  summary: 'how a store is, or the state of one actor',
  args: ['<store>', '[actor]'],
  help: `With an actor: its generation, head and size. Without: whether the store answers, how fast, what it says of
itself, and what its journal holds; the exit code is 1 if it is not available. With --history also what the past holds:
states, pins, and the rows and bytes beyond the current states. For that, all rows of the actor are read; of a store, one
row of each actor and all rows of those with history.`,
  options: {
    history: { type: 'boolean', help: 'what the past holds, too' },
    prefix: { type: 'string', value: 'TEXT', help: 'with --history: only actors whose ids begin with TEXT' },
    json: { type: 'boolean', help: 'as an object' },
    progress: progressOption,
  },
  examples: [
    'batondb stat ./data',
    'batondb stat ./data room-1',
    'batondb stat ./data --history',
    'batondb stat foundationdb:myapp/actors --json',
  ],
  reports: true,
  async run({ values, args: [, actorId], out, open, progress, signal }) {
    if (values.prefix !== undefined && (actorId !== undefined || !values.history)) {
      throw new UsageError('--prefix goes with --history, without an actor');
    }
    const store = await open(undefined, { readOnly: true });
    if (actorId === undefined) {
      const usage = values.history ? await ofHistory(store, values.prefix, progress, signal) : undefined;
      return await storeStat(store, usage, values.json, out);
    }
    const meta = await store.stat(actorId, { history: values.history ?? false, signal });
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
        ...actorHistory(meta.history),
      ]),
    );
    return 0;
  },
};

/**
 * @param {import('../../index.js').ActorHistory} [history]
 * @returns {[string, string][]}
 */
function actorHistory(history) {
  if (!history) return [];
  const { points, oldest, oldestTime, pins, ancestors, rows, bytes, ownBytes, sharedBytes } = history;
  const since = oldest === undefined ? '' : `, the oldest is ${oldest} of ${oldestTime?.toISOString()}`;
  const shared = `${size(sharedBytes)} of ${ancestors.map((id) => plain(id)).join(', ')}`;
  return [
    ['current state', `${size(ownBytes)} as stored${ancestors.length > 0 ? `, and ${shared}` : ''}`],
    ['history', points === 0 ? 'none' : `${plural(points, 'state')}${since}; ${plural(pins, 'pin')}`],
    ['held for it', `${plural(rows, 'row')} beyond the current state, ${size(bytes)}`],
  ];
}

/**
 * @param {InstanceType<typeof import('../store/store.js').Store>} store
 * @param {string | undefined} prefix
 * @param {InstanceType<typeof import('./progress.js').Progress>} progress
 * @param {AbortSignal} signal
 */
async function ofHistory(store, prefix, progress, signal) {
  const usage = await store.historyUsage({
    prefix: prefix ?? '',
    signal,
    onProgress: ({ actors, bytesRead }) =>
      progress.show(`${plural(actors, 'actor')}, ${size(bytesRead)} of history read`),
  });
  progress.clear();
  return usage;
}

/**
 * @param {import('../../index.js').HistoryUsage} [usage]
 * @returns {[string, string][]}
 */
function storeHistory(usage) {
  if (!usage) return [];
  const { actors, withHistory, points, pins, rows, bytes, ownBytes, sharedBytes, oldestTime, largest } =
    usage;
  return [
    [
      'history',
      `${count(withHistory)} of ${plural(actors, 'actor')}, ${plural(points, 'state')}, ${plural(pins, 'pin')}`,
    ],
    ['held for it', `${plural(rows, 'row')} beyond the current states, ${size(bytes)}`],
    ...(withHistory > 0
      ? [/** @type {[string, string]} */ (['current states', currentStates(ownBytes, sharedBytes)])]
      : []),
    ...(oldestTime ? [/** @type {[string, string]} */ (['oldest state', oldestTime.toISOString()])] : []),
    ...largest.map(({ actorId, points: states, bytes: held, sharedBytes: shared }, index) => {
      const others = shared > 0 ? `, shows ${size(shared)} of others` : '';
      const line = `${plain(actorId)}: ${size(held)}, ${plural(states, 'state')}${others}`;
      return /** @type {[string, string]} */ ([index === 0 ? 'largest' : '', line]);
    }),
  ];
}

/**
 * Of the actors with history.
 *
 * @param {number} own
 * @param {number} shared
 */
function currentStates(own, shared) {
  return `${size(own)} as stored${shared > 0 ? `; forks show ${size(shared)} of other actors` : ''}`;
}

/**
 * @param {InstanceType<typeof import('../store/store.js').Store>} store
 * @param {import('../../index.js').HistoryUsage | undefined} usage
 * @param {boolean | undefined} asJson
 * @param {InstanceType<typeof import('./output.js').Output>} out
 */
async function storeStat(store, usage, asJson, out) {
  const [status, ping] = await Promise.all([store.status(), store.ping()]);
  const code = status.available ? 0 : 1;
  if (asJson) {
    await out.json({ ...status, latencyMs: ping.latencyMs, ...(usage && { history: usage }) });
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
      ...storeHistory(usage),
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
