// An independent SQLite, which knows nothing of Baton: it writes the sample and checks what comes out.

import Database from 'libsql';

const MEMBERS = 40;
const MESSAGES = 4_000;
const WORDS =
  'the quick room keeps what each of us said and hands it on safely to whoever runs it next'.split(' ');

export function sqliteVersion() {
  const database = new Database(':memory:');
  try {
    return field(database.prepare('SELECT sqlite_version() AS version').get(), 'version');
  } finally {
    database.close();
  }
}

/**
 * Writes a small database of a chat room.
 *
 * @param {string} file
 */
export function writeSample(file) {
  const database = new Database(file);
  try {
    database.exec(`
      CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, joined_at INTEGER NOT NULL);
      CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        member_id INTEGER NOT NULL REFERENCES members (id),
        sent_at INTEGER NOT NULL,
        body TEXT NOT NULL
      );
      CREATE INDEX messages_of_member ON messages (member_id, sent_at);
      CREATE TABLE reactions (
        message_id INTEGER NOT NULL REFERENCES messages (id),
        member_id INTEGER NOT NULL REFERENCES members (id),
        kind TEXT NOT NULL,
        PRIMARY KEY (message_id, member_id)
      ) WITHOUT ROWID;
      BEGIN;
    `);
    const start = Date.UTC(2024, 0, 1);
    const addMember = database.prepare('INSERT INTO members VALUES (?, ?, ?)');
    for (let id = 1; id <= MEMBERS; id += 1) {
      addMember.run(id, `member-${id}`, start + id * 3_600_000);
    }
    const addMessage = database.prepare('INSERT INTO messages VALUES (?, ?, ?, ?)');
    const addReaction = database.prepare('INSERT INTO reactions VALUES (?, ?, ?)');
    for (let id = 1; id <= MESSAGES; id += 1) {
      const length = 3 + ((id * 7) % 20);
      const body = Array.from({ length }, (_, word) => WORDS[(id * 5 + word * 3) % WORDS.length]).join(' ');
      addMessage.run(id, 1 + ((id * 11) % MEMBERS), start + id * 60_000, body);
      if (id % 3 === 0) {
        addReaction.run(id, 1 + ((id * 13) % MEMBERS), id % 2 === 0 ? 'agree' : 'thanks');
      }
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

/**
 * What SQLite finds in a database: is it sound, its `user_version`, and how many rows each table has.
 *
 * @param {string} file One that may be written beside: opening a database can leave files next to it.
 */
export function inspect(file) {
  const database = new Database(file);
  try {
    const integrity = database.prepare('PRAGMA integrity_check').all();
    // Virtual tables are left out: their module may not be part of this SQLite, and their rows are in their
    // shadow tables.
    const tables = database
      .prepare(
        `SELECT name FROM pragma_table_list
         WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY name`,
      )
      .all()
      .map((row) => String(field(row, 'name')));
    return {
      integrity: integrity.map((row) => field(row, 'integrity_check')).join('; '),
      userVersion: Number(field(database.prepare('PRAGMA user_version').get(), 'user_version')),
      rows: new Map(
        tables.map((name) => {
          const quoted = `"${name.replaceAll('"', '""')}"`;
          return [name, Number(field(database.prepare(`SELECT count(*) AS n FROM ${quoted}`).get(), 'n'))];
        }),
      ),
    };
  } finally {
    database.close();
  }
}

/**
 * @param {unknown} row
 * @param {string} name
 */
function field(row, name) {
  return /** @type {Record<string, unknown>} */ (row)[name];
}
