// batondb pin: keeps a state of an actor, or lets go of it.

'use strict';

const { plain } = require('./output.js');
const { UsageError } = require('./usage.js');
const { option, state } = require('./state.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'pin',
  summary: 'keep a state of an actor, or let go of it',
  args: ['<store>', '<actor>', '<name>'],
  help: `A pinned state stays, whatever the policy says, until --remove or until it expires. The name says which state restore, fork,
sql --at and export --at mean.`,
  options: {
    at: option,
    expires: { type: 'string', help: 'how long from now, such as 12h or 30d' },
    remove: { type: 'boolean', help: 'let go of it; <name> may also be a point' },
    json: { type: 'boolean', help: 'what was done, as an object' },
  },
  examples: [
    'batondb pin ./data room-1 before-migration',
    'batondb pin ./data room-1 before-migration --remove',
  ],
  changes: true,
  async run({ values, args: [, actorId, name], out, open }) {
    if (values.remove && (values.at !== undefined || values.expires !== undefined)) {
      throw new UsageError('--remove goes without --at and --expires');
    }
    const store = await open();
    if (values.remove) {
      const removed = await store.unpin(actorId, name);
      if (values.json) await out.json({ actorId, name, removed });
      else
        await out.line(removed ? `${plain(name)} is not pinned any more` : `there is no pin ${plain(name)}`);
      return removed ? 0 : 1;
    }
    const at = values.at === undefined ? undefined : state(values.at);
    const { point } = await store.pin(actorId, { name, at, expires: values.expires });
    if (values.json) await out.json({ actorId, name, point });
    else await out.line(`${plain(name)}: ${point} of actor ${plain(actorId)}`);
    return 0;
  },
};

module.exports = command;
