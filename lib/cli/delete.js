// batondb delete: deletes an actor.

'use strict';

const { createInterface } = require('node:readline/promises');

const { BatonError } = require('../error.js');
const { count, plain, size } = require('./output.js');
const { UsageError } = require('./usage.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'delete',
  summary: 'delete an actor, for good',
  args: ['<store>', '<actor>'],
  help: `Deletes the data of an actor, whoever owns it; an owner learns it with its next commit. It asks first, unless --yes
is given; where nobody can answer, --yes is needed. What an import or a copy that was cut off has left of an actor that
does not exist is cleared as well, though the actor is told not to exist.`,
  options: {
    yes: { type: 'boolean', short: 'y', help: 'do not ask' },
    json: { type: 'boolean', help: 'what was deleted, as an object' },
  },
  examples: ['batondb delete ./data room-1', 'batondb delete ./data room-1 --yes'],
  changes: true,
  async run({ values, args: [, actorId], out, open, note, signal }) {
    const store = await open();
    const meta = await store.stat(actorId);
    if (!meta) {
      // What an interrupted import or copy has left of an actor can only be cleared by its name.
      await store.delete(actorId);
      throw new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(actorId)} does not exist`);
    }
    const what = `actor ${plain(actorId)} (${size(meta.sizePages * meta.pageSize)}, generation ${count(meta.generation)})`;
    if (!values.yes && !(await confirmed(`Delete ${what} for good? Type yes: `, signal))) {
      note('batondb: nothing was deleted');
      return 1;
    }
    const deleted = await store.delete(actorId);
    if (values.json) {
      await out.json({ actorId, deleted });
    } else {
      await out.line(deleted ? `deleted ${what}` : `actor ${plain(actorId)} was deleted by somebody else`);
    }
    return 0;
  },
};

/**
 * @param {string} question
 * @param {AbortSignal} signal
 */
async function confirmed(question, signal) {
  if (!process.stdin.isTTY) throw new UsageError('delete cannot ask here; pass --yes');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // In a terminal, readline handles Ctrl-C as a key.
  asking.on('SIGINT', () => process.emit('SIGINT'));
  try {
    return (await asking.question(question, { signal })).trim().toLowerCase() === 'yes';
  } catch (error) {
    // The input ended, which does not count as a yes.
    if (signal.aborted) throw error;
    return false;
  } finally {
    asking.close();
  }
}

module.exports = command;
