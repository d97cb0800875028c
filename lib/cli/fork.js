// batondb fork: makes an actor that has a state of another one.

'use strict';

const { count, plain } = require('./output.js');
const { option, state } = require('./state.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'fork',
  summary: 'make an actor that has the state of another one',
  args: ['<store>', '<actor>', '<new-id>'],
  help: `Both go their own ways from there, and share the pages that neither has changed. The owner of the actor does not notice.`,
  options: { at: option, json: { type: 'boolean', help: 'what was done, as an object' } },
  examples: [
    'batondb fork ./data room-1 room-1/trial',
    'batondb fork ./data room-1 room-1/noon --at 2026-11-29T12:00:00Z',
  ],
  changes: true,
  async run({ values, args: [, actorId, newActorId], out, open }) {
    const store = await open();
    const at = values.at === undefined ? undefined : state(values.at);
    const forked = await store.fork(actorId, newActorId, { at });
    if (values.json) {
      await out.json({ actorId: newActorId, from: actorId, ...forked });
    } else {
      await out.line(
        `actor ${plain(newActorId)}: as ${plain(actorId)} at ${forked.point}, generation ${count(forked.generation)}`,
      );
    }
  },
};

module.exports = command;
