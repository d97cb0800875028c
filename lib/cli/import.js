// batondb import: makes a SQLite file the content of an actor.

'use strict';

const { count, plain, size } = require('./output.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'import',
  summary: 'make an actor from a SQLite file',
  args: ['<store>', '<actor>', '<file>'],
  help: `Takes the actor over and makes the file its database, in one commit. The file must be at rest: no process has it
open, and there is no journal or write-ahead log beside it. An actor that has pages is refused without --replace. The
store is made if it is not there.`,
  options: {
    replace: { type: 'boolean', help: 'replace the pages that the actor has' },
    json: { type: 'boolean', help: 'the state of the actor, as an object' },
  },
  examples: [
    'batondb import ./data room-1 room-1.sqlite',
    'batondb import ./data room-1 backup.sqlite --replace',
  ],
  changes: true,
  async run({ values, args: [address, actorId, file], out, open }) {
    const store = await open(address, { create: true });
    const meta = await store.importFrom(actorId, file, { replace: values.replace ?? false });
    if (values.json) {
      await out.json({ actorId, file, ...meta });
    } else {
      const bytes = size(meta.sizePages * meta.pageSize);
      await out.line(
        `actor ${plain(actorId)}: ${bytes} of ${plain(file)}, generation ${count(meta.generation)}, head ${count(meta.headTxid)}`,
      );
    }
  },
};

module.exports = command;
