// batondb points: the states of the past that an actor keeps.

'use strict';

const { UsageError } = require('./usage.js');
const { plain, size } = require('./output.js');

const LIMIT = /^[1-9]\d{0,8}$/;

/** @type {import('./usage.js').Command} */
const command = {
  name: 'points',
  summary: 'list the states of the past that an actor keeps, newest first',
  args: ['<store>', '<actor>'],
  help: `Each line is a point, its time, how it came about, the size of the database, and the names of its pins. A point, a time
or a name says what restore, fork, sql --at and export --at mean.`,
  options: {
    limit: { type: 'string', help: 'at most this many, the newest ones' },
    json: { type: 'boolean', help: 'an array of objects' },
  },
  examples: ['batondb points ./data room-1 --limit 20'],
  async run({ values, args: [, actorId], out, open }) {
    if (values.limit !== undefined && !LIMIT.test(values.limit)) {
      throw new UsageError(`--limit must be a number from 1 on, not "${values.limit}"`);
    }
    const limit = values.limit === undefined ? undefined : Number(values.limit);
    const store = await open(undefined, { readOnly: true });
    const { pageSize } = (await store.stat(actorId)) ?? { pageSize: 4_096 };
    const found = [];
    for await (const point of store.points(actorId, { limit })) {
      if (values.json) {
        found.push(point);
        continue;
      }
      const names = point.names.length > 0 ? `  ${point.names.map((name) => plain(name)).join(', ')}` : '';
      const bytes = size(point.sizePages * pageSize);
      await out.line(
        `${point.point}  ${point.time.toISOString()}  ${point.kind.padEnd(7)}  ${bytes.padStart(9)}${names}`,
      );
    }
    if (values.json) await out.json(found);
  },
};

module.exports = command;
