// What a process of the quickstart does with an actor's SQL database.

import { isBatonError } from 'batondb';

/** @typedef {import('batondb').Database} Database */

/**
 * Opens the actor's database, writes a line in it, and says what it found.
 *
 * @param {import('batondb').Store} store
 * @param {string} actorId
 * @param {{ author: string, text: string }} line
 */
export async function writeLine(store, actorId, { author, text }) {
  const database = await store.openDatabase(actorId);
  try {
    const found = await database.all('SELECT author, text FROM line ORDER BY id');
    await database.run('INSERT INTO line(author, text) VALUES (?, ?)', [author, text]);
    return { generation: database.startup.generation, found };
  } finally {
    await database.close();
  }
}

/**
 * Makes the table, if it is not there.
 *
 * @param {Database} database
 */
export async function makeTable(database) {
  await database.exec(
    'CREATE TABLE IF NOT EXISTS line(id INTEGER PRIMARY KEY, author TEXT NOT NULL, text TEXT NOT NULL) STRICT',
  );
}

/**
 * Writes two lines as one transaction. Answers why it could not.
 *
 * @param {Database} database
 * @param {string} author
 */
export async function tryTwoLines(database, author) {
  try {
    await database.transaction(async (tx) => {
      await tx.run('INSERT INTO line(author, text) VALUES (:author, :text)', { author, text: 'one more' });
      await tx.run('INSERT INTO line(author, text) VALUES (:author, :text)', { author, text: 'and another' });
    });
    return undefined;
  } catch (error) {
    if (!isBatonError(error, 'ERR_FENCE_MISMATCH')) {
      throw error;
    }
    return error;
  }
}
