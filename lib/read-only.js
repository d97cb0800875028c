// A database of an actor for reading alone, without taking the actor over: a copy of one committed head, in memory.

'use strict';

const { mkdtemp, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/**
 * @param {InstanceType<typeof import('./store.js').Store>} store
 * @param {string} actorId
 * @returns {Promise<InstanceType<typeof import('./database.js').Database>>}
 */
async function openReadOnly(store, actorId) {
  // Not at the top: that module needs this one.
  const { Store } = require('./store.js');
  const directory = await mkdtemp(join(tmpdir(), 'batondb-read-'));
  const copy = await Store.open({ memory: true });
  try {
    const file = join(directory, 'database.sqlite');
    await store.exportTo(actorId, file);
    await copy.importFrom(actorId, file);
    const database = await copy.openDatabase(actorId);
    await database.exec('PRAGMA query_only = ON');
    const close = database.close.bind(database);
    database.close = async () => {
      await close();
      await copy.close();
    };
    return database;
  } catch (error) {
    await copy.close();
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

module.exports = { openReadOnly };
