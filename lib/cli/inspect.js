// batondb inspect: shows everything stored for one actor.

'use strict';

const { BatonError } = require('../error.js');
const { count, fields, plain, plural, size, table } = require('./output.js');
const { problemLine } = require('./problems.js');

/** @type {readonly [keyof import('../../index.js').Inspection['rows'], string][]} */
const KINDS = [
  ['fence', 'fence'],
  ['head', 'head'],
  ['pagesLive', 'pages, live'],
  ['pagesSuperseded', 'pages, superseded'],
  ['pagesStaged', 'pages, staged'],
  ['pagesBeyond', 'pages, beyond the size'],
  ['manifests', 'manifests of stages'],
  ['hints', 'hints'],
  ['history', 'history'],
  ['stray', 'fit nothing'],
];

/** @type {import('./usage.js').Command} */
const command = {
  name: 'inspect',
  summary: 'what is stored of one actor, row kind by row kind',
  args: ['<store>', '<actor>'],
  help: `Prints the fence (who owns the actor), the head (what is committed), an open stage (a large commit under way), what
is still to be tidied up, and how many rows of each kind there are. It works for deleted and for damaged actors too and
reads every row of the actor; the exit code is 1 if something is wrong with one.`,
  options: { json: { type: 'boolean', help: 'as an object' } },
  examples: ['batondb inspect ./data room-1', 'batondb inspect ./data room-1 --json'],
  onlyPrints: () => true,
  async run({ values, args: [, actorId], out, open }) {
    const store = await open(undefined, { readOnly: true });
    const found = await store.inspect(actorId);
    if (!found) throw new BatonError('ERR_NOT_FOUND', `there is no row of actor ${JSON.stringify(actorId)}`);
    const failed = found.problemsOmitted > 0 || found.problems.some(({ severity }) => severity === 'error');
    if (values.json) {
      await out.json({ actorId, ...found });
      return failed ? 1 : 0;
    }
    await out.line(fields([['actor', plain(actorId)], ...fence(found), ...head(found)]));
    await out.line('');
    await out.line(rows(found));
    for (const problem of found.problems) await out.line(problemLine(problem));
    if (found.problemsOmitted > 0) await out.line(`and ${count(found.problemsOmitted)} more problems`);
    return failed ? 1 : 0;
  },
};

/**
 * @param {import('../../index.js').Inspection} inspection
 * @returns {[string, string][]}
 */
function fence({ fence }) {
  if (!fence) return [['fence', 'none that can be read']];
  return [
    ['state', fence.deleted ? 'deleted' : 'live'],
    ['generation', `${count(fence.generation)}, the first was ${count(fence.firstGeneration)}`],
    ['origin', fence.origin],
    ['made', fence.createdAt.toISOString()],
  ];
}

/**
 * @param {import('../../index.js').Inspection} inspection
 * @returns {[string, string][]}
 */
function head({ head, rows, history, pagesNeverWritten }) {
  if (!head) return [['head', rows.head.rows > 0 ? 'damaged' : 'none: nothing was committed yet']];
  const bytes = head.sizePages * head.pageSize;
  const debts = [
    ...(head.unswept ? ['older versions of pages'] : []),
    ...(head.untrimmedAbove === undefined ? [] : [`rows above page ${count(head.untrimmedAbove)}`]),
  ];
  const stage = head.openStage;
  return [
    ['head', `${count(head.txid)}, the next commit is ${count(head.nextTxid)}`],
    ['size', `${count(head.sizePages)} pages of ${count(head.pageSize)} bytes, ${size(bytes)}`],
    ['never written', `${count(pagesNeverWritten)} pages, which read as zeros`],
    ...past(history),
    ['open stage', stage ? `${count(stage.txid)}${stage.doomed ? ', being rolled back' : ''}` : 'none'],
    ['to tidy up', debts.join(', ') || 'nothing'],
    ['remembers', `the last ${head.recentCommits === 1 ? 'commit' : `${head.recentCommits} commits`}`],
  ];
}

/**
 * @param {import('../../index.js').Inspection['history']} history
 * @returns {[string, string][]}
 */
function past({ points, oldest, pins, ancestors, rows, bytes }) {
  const kept = `${count(points)} states, the oldest is ${oldest}; ${count(pins)} pins`;
  const held = `${plural(rows, 'row')} beyond the current state, ${size(bytes)}`;
  return [
    ...(points > 0 ? [/** @type {[string, string]} */ (['history', kept])] : []),
    ...(rows > 0 ? [/** @type {[string, string]} */ (['held for it', held])] : []),
    ...(ancestors.length > 0
      ? [/** @type {[string, string]} */ (['shares with', ancestors.map((id) => plain(id)).join(', ')])]
      : []),
  ];
}

/** @param {import('../../index.js').Inspection} inspection */
function rows({ rows }) {
  const lines = KINDS.filter(([kind]) => rows[kind].rows > 0).map(([kind, name]) => {
    const { rows: number, keyBytes, valueBytes } = rows[kind];
    return [name, count(number), size(keyBytes), size(valueBytes)];
  });
  return table(['KIND', 'ROWS', 'KEYS', 'VALUES'], lines, [1, 2, 3]);
}

module.exports = command;
