// batondb rename: gives an actor another id.

'use strict';

const { count, plain, size } = require('./output.js');
const { option: progressOption } = require('./progress.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'rename',
  summary: 'give an actor another id',
  args: ['<store>', '<actor>', '<new-id>'],
  help: `Takes the actor over, copies it to the new id, compares every page, and deletes it under its old id: whoever owned
it is fenced for good. Generations and commits count from the beginning. An id that has pages already is refused. The
store needs room for both until the end. A rename that fails or is cut off leaves the actor under its old id.`,
  options: {
    json: { type: 'boolean', help: 'the state of the actor, as an object' },
    progress: progressOption,
  },
  examples: ['batondb rename ./data 5f2c91d0 room/lobby'],
  changes: true,
  async run({ values, args: [, actorId, newActorId], out, open, progress, signal }) {
    const store = await open();
    const meta = await store.rename(actorId, newActorId, {
      signal,
      onProgress: ({ pagesDone, pagesVerified, pages, source: { pageSize } }) =>
        progress.show(size(pagesDone * pageSize), (pagesDone + pagesVerified) / Math.max(1, 2 * pages)),
    });
    progress.clear();
    if (values.json) {
      await out.json({ actorId: newActorId, from: actorId, ...meta });
    } else {
      const bytes = size(meta.sizePages * meta.pageSize);
      await out.line(
        `actor ${plain(newActorId)}: ${bytes} that were ${plain(actorId)}, generation ${count(meta.generation)}, head ${count(meta.headTxid)}`,
      );
    }
  },
};

module.exports = command;
