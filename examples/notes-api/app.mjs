// The routes, and what each error of Baton is over HTTP.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';

import { isBatonError } from 'batondb';

/** @typedef {{ id: number, title: string, body: string, updated_at: string }} Note */

const BODY_BYTES_MAX = 512 * 1024;
const NOTES_MAX = 100;
const TENANT = '/:tenant{[a-z0-9-]{1,63}}';
const NOTE = `${TENANT}/notes/:id{[0-9]{1,15}}`;

/** Words as FTS5 takes them: each a string, so that its operators are words like others. @param {string} words */
const search = (words) =>
  words
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => `"${word.replaceAll('"', '""')}"`)
    .join(' ');

/**
 * @param {Error} error
 * @returns {{ status: 400 | 500 | 503 | 507, reason: string }}
 */
export function answerTo(error) {
  if (error instanceof SyntaxError) return { status: 400, reason: 'the body is not JSON' };
  if (!isBatonError(error)) return { status: 500, reason: 'something went wrong' };
  switch (error.code) {
    case 'SQLITE_CONSTRAINT':
      return { status: 400, reason: 'title has 1 to 200 characters, body at most 100,000' };
    case 'ERR_INVALID_ARG':
      return { status: 400, reason: error.message };
    case 'ERR_QUOTA_EXCEEDED':
      return { status: 507, reason: 'the store is full' };
    // Another instance has the tenant now, or this one is about to end. The request has had no effect.
    case 'ERR_FENCE_MISMATCH':
    case 'ERR_NOT_FOUND':
    case 'ERR_CLOSED':
    case 'ERR_OVERLOADED':
    case 'ERR_UNAVAILABLE':
      return { status: 503, reason: 'try again' };
    default:
      return { status: 500, reason: error.code };
  }
}

/** @param {import('./tenants.mjs').Tenants} tenants */
export function notesApp(tenants) {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: BODY_BYTES_MAX }));

  app.onError((error, c) => {
    if (error instanceof HTTPException) {
      // The rest of a request that is refused is not read, so its connection is of no further use.
      c.header('connection', 'close');
      return c.json({ reason: error.message || 'refused' }, error.status);
    }
    const { status, reason } = answerTo(error);
    if (status === 503) c.header('retry-after', '1');
    return c.json({ reason }, status);
  });

  app.get(`${TENANT}/notes`, (c) =>
    tenants.with(c.req.param('tenant'), async (db) => {
      const words = search(c.req.query('q') ?? '');
      const notes = words
        ? await db.all(
            'SELECT note.* FROM note_text(?) JOIN note ON note.id = note_text.rowid ORDER BY rank LIMIT ?',
            [words, NOTES_MAX],
          )
        : await db.all('SELECT * FROM note ORDER BY id DESC LIMIT ?', [NOTES_MAX]);
      return c.json(notes);
    }),
  );

  app.post(`${TENANT}/notes`, async (c) => {
    const { title = null, body = '' } = (await c.req.json()) ?? {};
    return tenants.with(c.req.param('tenant'), async (db) => {
      const note = await db.get('INSERT INTO note(title, body) VALUES (?, ?) RETURNING *', [title, body]);
      return c.json(note, 201);
    });
  });

  app.get(NOTE, (c) =>
    tenants.with(c.req.param('tenant'), async (db) => {
      const note = await db.get('SELECT * FROM note WHERE id = ?', [Number(c.req.param('id'))]);
      return note ? c.json(note) : c.notFound();
    }),
  );

  app.put(NOTE, async (c) => {
    const { title = null, body = '' } = (await c.req.json()) ?? {};
    return tenants.with(c.req.param('tenant'), async (db) => {
      const sql = `UPDATE note SET title = ?, body = ?, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
                   WHERE id = ? RETURNING *`;
      const note = await db.get(sql, [title, body, Number(c.req.param('id'))]);
      return note ? c.json(note) : c.notFound();
    });
  });

  app.delete(NOTE, (c) =>
    tenants.with(c.req.param('tenant'), async (db) => {
      const { changes } = await db.run('DELETE FROM note WHERE id = ?', [Number(c.req.param('id'))]);
      return changes > 0 ? c.body(null, 204) : c.notFound();
    }),
  );

  app.delete(TENANT, async (c) =>
    (await tenants.delete(c.req.param('tenant'))) ? c.body(null, 204) : c.notFound(),
  );

  return app;
}
