// batondb list: lists the actors of a store.

'use strict';

const { count, json, plain, size, table } = require('./output.js');
const { whole } = require('./usage.js');

/** How many actors' states are read in parallel. */
const SIDE_BY_SIDE = 64;

/** @type {import('./usage.js').Command} */
const command = {
  name: 'list',
  summary: 'the actors of a store',
  args: ['<store>'],
  help: `Prints the ids of the actors, one a line, in the byte order of the ids. Characters that a terminal would take for
commands are printed as \\uXXXX; --json has every id as it is.`,
  options: {
    prefix: { type: 'string', value: 'TEXT', help: 'only ids that begin with TEXT' },
    after: { type: 'string', value: 'ID', help: 'only ids behind ID, to go on from there' },
    limit: { type: 'string', value: 'N', help: 'at most N actors' },
    long: { type: 'boolean', short: 'l', help: 'with size, generation, head and the time each was made' },
    json: { type: 'boolean', help: 'as an array of objects' },
  },
  examples: [
    'batondb list ./data',
    'batondb list ./data --long --prefix room-',
    "batondb list ./data --json | jq -r '.[].actorId'",
  ],
  onlyPrints: () => true,
  async run({ values, out, open, signal }) {
    const limit = whole(values.limit, 'limit', 1, 2 ** 32 - 1);
    const store = await open(undefined, { readOnly: true });
    const chosen = { prefix: values.prefix, after: values.after, limit };
    let first = true;
    for await (const actors of chunks(store.actors(chosen), values.long ? SIDE_BY_SIDE : 1)) {
      if (signal.aborted) break;
      const entries = values.long
        ? await Promise.all(actors.map(async ({ actorId }) => ({ actorId, ...(await store.stat(actorId)) })))
        : actors;
      if (values.json) {
        for (const entry of entries) {
          await out.text(`${first ? '[' : ','}\n  ${json(entry, 0)}`);
          first = false;
        }
      } else if (values.long) {
        await out.line(longTable(entries, first));
        first = false;
      } else {
        for (const { actorId } of entries) await out.line(plain(actorId));
      }
    }
    if (values.json) await out.line(first ? '[]' : '\n]');
  },
};

/**
 * @param {any[]} entries
 * @param {boolean} withHeader
 */
function longTable(entries, withHeader) {
  const rows = entries.map(({ actorId, generation, headTxid, sizePages, pageSize, createdAt }) => [
    createdAt?.toISOString() ?? '(deleted just now)',
    generation === undefined ? '' : size(sizePages * pageSize),
    generation === undefined ? '' : count(generation),
    generation === undefined ? '' : count(headTxid),
    plain(actorId),
  ]);
  const header = ['MADE                    ', '      SIZE', 'GENERATION', '    HEAD', 'ACTOR'];
  const text = table(header, rows, [1, 2, 3]);
  return withHeader ? text : text.slice(text.indexOf('\n') + 1);
}

/**
 * @template T
 * @param {AsyncIterable<T>} each
 * @param {number} length
 */
async function* chunks(each, length) {
  /** @type {T[]} */
  let chunk = [];
  for await (const one of each) {
    chunk.push(one);
    if (chunk.length >= length) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

module.exports = command;
