// batondb restore: sets an actor back to a state that it keeps.

'use strict';

const { count, plain } = require('./output.js');
const { state } = require('./state.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'restore',
  summary: 'set an actor back to a state that it keeps',
  args: ['<store>', '<actor>', '<state>'],
  help: `The state is a point, a time such as 2026-11-29T12:00:00Z, or the name of a pin. Whoever owns the actor is fenced for
good. The state before is pinned for 7 days: restore it to undo.`,
  options: { json: { type: 'boolean', help: 'what was done, as an object' } },
  examples: [
    'batondb restore ./data room-1 000000000000002a',
    'batondb restore ./data room-1 2026-11-29T12:00:00Z',
  ],
  changes: true,
  async run({ values, args: [, actorId, to], out, open }) {
    const store = await open();
    const restored = await store.restore(actorId, { to: state(to) });
    if (values.json) {
      await out.json({ actorId, ...restored });
    } else {
      await out.line(
        `actor ${plain(actorId)}: as at ${restored.point} of ${restored.time.toISOString()}, generation ${count(restored.generation)}; to undo, restore ${restored.undo}`,
      );
    }
  },
};

module.exports = command;
