// batondb export: writes an actor to a SQLite file.

'use strict';

const { existsSync } = require('node:fs');

const { BatonError } = require('../error.js');
const options = require('../arguments/options.js');
const { count, plain, size } = require('./output.js');
const { option, state } = require('./state.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'export',
  summary: 'write the database of an actor to a SQLite file',
  args: ['<store>', '<actor>', '<file>'],
  help: `Writes one committed head, whole or not at all, beside whoever owns the actor. The file is a plain SQLite database.`,
  options: {
    force: { type: 'boolean', short: 'f', help: 'replace a file that is there' },
    at: option,
    json: { type: 'boolean', help: 'what was written, as an object' },
  },
  examples: [
    'batondb export ./data room-1 room-1.sqlite',
    'batondb export ./data room-1 backup.sqlite --force',
  ],
  changes: true,
  async run({ values, args: [, actorId, file], out, open }) {
    if (existsSync(options.file(file)) && !values.force) {
      throw new BatonError('ERR_INVALID_ARG', `${file} is there already; pass --force to replace it`);
    }
    const store = await open(undefined, { readOnly: true });
    const meta = await store.exportTo(actorId, file, {
      overwrite: values.force ?? false,
      at: values.at === undefined ? undefined : state(values.at),
    });
    const bytes = meta.sizePages * meta.pageSize;
    if (values.json) {
      await out.json({ actorId, file, bytes, ...meta });
    } else {
      await out.line(
        `${plain(file)}: ${size(bytes)}, head ${count(meta.headTxid)} of actor ${plain(actorId)}`,
      );
    }
  },
};

module.exports = command;
