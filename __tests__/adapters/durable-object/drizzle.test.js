'use strict';

// Drizzle's own driver for Durable Objects, on Baton, without a change to either.

const { durableObjectStorage } = require('../../../adapters/durable-object.js');
const { onEachBackend } = require('../../helpers.js');
const { thrown } = require('./support.js');

const VERSIONS = { 0.45: 'drizzle-orm', 0.44: 'drizzle-orm-0.44' };

/** What drizzle-kit generates for `driver: 'durable-sqlite'`, the last one to recreate a table. */
const MIGRATIONS = {
  journal: {
    entries: [
      { idx: 0, when: 1764000000000, tag: '0000_first', breakpoints: true },
      { idx: 1, when: 1764000100000, tag: '0001_second', breakpoints: true },
    ],
  },
  migrations: {
    m0000: `CREATE TABLE \`author\` (
\t\`id\` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
\t\`name\` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX \`author_name_unique\` ON \`author\` (\`name\`);--> statement-breakpoint
CREATE TABLE \`post\` (
\t\`id\` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
\t\`author_id\` integer NOT NULL,
\t\`title\` text NOT NULL,
\t\`created\` integer,
\t\`meta\` text,
\t\`cover\` blob,
\tFOREIGN KEY (\`author_id\`) REFERENCES \`author\`(\`id\`) ON UPDATE no action ON DELETE cascade
);
`,
    m0001: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE \`__new_post\` (
\t\`id\` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
\t\`author_id\` integer NOT NULL,
\t\`title\` text DEFAULT 'untitled' NOT NULL,
\t\`created\` integer,
\t\`meta\` text,
\t\`cover\` blob,
\tFOREIGN KEY (\`author_id\`) REFERENCES \`author\`(\`id\`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
INSERT INTO \`__new_post\`("id", "author_id", "title", "created", "meta", "cover") SELECT "id", "author_id", "title", "created", "meta", "cover" FROM \`post\`;--> statement-breakpoint
DROP TABLE \`post\`;--> statement-breakpoint
ALTER TABLE \`__new_post\` RENAME TO \`post\`;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
  },
};

describe.each(Object.entries(VERSIONS))('drizzle-orm %s/durable-sqlite', (_, name) => {
  const { drizzle } = require(`${name}/durable-sqlite`);
  const { migrate } = require(`${name}/durable-sqlite/migrator`);
  const { asc, count, eq, relations, sql } = require(name);
  const { blob, integer, sqliteTable, text } = require(`${name}/sqlite-core`);

  const author = sqliteTable('author', {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text().notNull().unique(),
  });
  const post = sqliteTable('post', {
    id: integer().primaryKey({ autoIncrement: true }),
    authorId: integer('author_id')
      .notNull()
      .references(() => author.id, { onDelete: 'cascade' }),
    title: text().notNull().default('untitled'),
    created: integer({ mode: 'timestamp' }),
    meta: text({ mode: 'json' }),
    cover: blob({ mode: 'buffer' }),
  });
  const authorRelations = relations(author, ({ many }) => ({ posts: many(post) }));
  const postRelations = relations(post, ({ one }) => ({
    author: one(author, { fields: [post.authorId], references: [author.id] }),
  }));
  const schema = { author, authorRelations, post, postRelations };

  onEachBackend((openStore) => {
    const start = async (store) => {
      const database = await store.openDatabase('a', { durability: 'deferred', allowBlocking: true });
      const storage = durableObjectStorage(database);
      return { storage, db: drizzle(storage, { schema, logger: false }) };
    };
    const migrated = async (store) => {
      const started = await start(store);
      await migrate(started.db, MIGRATIONS);
      return started;
    };

    test('migrates, once, and keeps the rows', async () => {
      const store = await openStore();
      const { db, storage } = await start(store);
      const [first] = MIGRATIONS.journal.entries;
      await migrate(db, { ...MIGRATIONS, journal: { entries: [first] } });
      db.insert(author).values({ name: 'ada' }).run();
      db.insert(post).values({ authorId: 1, title: 'kept' }).run();
      await migrate(db, MIGRATIONS);
      await migrate(db, MIGRATIONS);
      expect(db.select({ title: post.title }).from(post).all()).toEqual([{ title: 'kept' }]);
      expect(db.get(sql`SELECT count(*) AS n FROM __drizzle_migrations`)).toEqual({ n: 2 });
      expect(db.values(sql`PRAGMA foreign_keys`)).toEqual([[1]]);
      await storage.sync();
      const next = await migrated(store);
      expect(next.db.$client).toBe(next.storage);
      expect(next.db.select({ n: count() }).from(post).get()).toEqual({ n: 1 });
    });

    test('leaves nothing behind of a migration that fails', async () => {
      const { db, storage } = await start(await openStore());
      const migrations = {
        ...MIGRATIONS.migrations,
        m0001: 'CREATE TABLE half (x);--> statement-breakpoint\nNO SQL',
      };
      await expect(migrate(db, { ...MIGRATIONS, migrations })).rejects.toThrow();
      expect(storage.sql.exec('SELECT name FROM sqlite_schema').toArray()).toEqual([]);
    });

    test('queries answer at once, awaited or not', async () => {
      const { db } = await migrated(await openStore());
      const inserted = db
        .insert(author)
        .values([{ name: 'ada' }, { name: 'grace' }])
        .returning()
        .all();
      expect(inserted).toEqual([
        { id: 1, name: 'ada' },
        { id: 2, name: 'grace' },
      ]);
      const created = new Date(1_764_000_000_000);
      db.insert(post)
        .values({ authorId: 1, title: 'one', created, meta: { tags: ['x'] }, cover: Buffer.from([1, 2, 3]) })
        .run();
      const row = db.select().from(post).where(eq(post.authorId, 1)).get();
      expect(row).toMatchObject({ id: 1, title: 'one', meta: { tags: ['x'] } });
      expect([row.created.getTime(), [...row.cover]]).toEqual([created.getTime(), [1, 2, 3]]);
      expect(await db.select({ name: author.name }).from(author).orderBy(asc(author.name))).toEqual([
        { name: 'ada' },
        { name: 'grace' },
      ]);
      expect(
        db
          .select()
          .from(author)
          .leftJoin(post, eq(post.authorId, author.id))
          .all()
          .map(({ author: { name: who }, post: what }) => [who, what?.title]),
      ).toEqual([
        ['ada', 'one'],
        ['grace', undefined],
      ]);
      expect(db.select().from(author).where(eq(author.id, 9)).get()).toBeUndefined();
      expect(db.query.author.findMany({ with: { posts: { columns: { title: true } } } }).sync()).toEqual([
        { id: 1, name: 'ada', posts: [{ title: 'one' }] },
        { id: 2, name: 'grace', posts: [] },
      ]);
      expect((await db.query.post.findFirst({ with: { author: true } })).author.name).toBe('ada');
      const byName = db
        .select({ id: author.id })
        .from(author)
        .where(eq(author.name, sql.placeholder('name')))
        .prepare();
      expect(byName.get({ name: 'grace' })).toEqual({ id: 2 });
      db.update(author).set({ name: 'ada l.' }).where(eq(author.id, 1)).run();
      db.insert(author)
        .values({ name: 'grace' })
        .onConflictDoUpdate({ target: author.name, set: { name: 'grace h.' } })
        .run();
      db.delete(post).where(eq(post.id, 1)).run();
      expect(db.values(sql`SELECT name FROM author ORDER BY id`)).toEqual([['ada l.'], ['grace h.']]);
      expect(db.all(sql`SELECT count(*) AS n FROM post`)).toEqual([{ n: 0 }]);
      expect(db.$count(author)).toBeDefined();
      expect(await db.$count(author)).toBe(2);
    });

    test('transactions commit, roll back and nest', async () => {
      const { db } = await migrated(await openStore());
      const names = () =>
        db
          .select()
          .from(author)
          .all()
          .map(({ name: each }) => each);
      const answer = db.transaction((tx) => {
        tx.insert(author).values({ name: 'ada' }).run();
        expect(() =>
          tx.transaction((inner) => {
            inner.insert(author).values({ name: 'undone' }).run();
            inner.rollback();
          }),
        ).toThrow();
        tx.transaction((inner) => inner.insert(author).values({ name: 'grace' }).run());
        return tx.select({ n: count() }).from(author).get().n;
      });
      expect([answer, names()]).toEqual([2, ['ada', 'grace']]);
      expect(() =>
        db.transaction((tx) => {
          tx.delete(author).run();
          tx.insert(author).values({ name: 'x' }).run();
          tx.insert(author).values({ name: 'x' }).run();
        }),
      ).toThrow(/UNIQUE|Failed query/);
      expect(names()).toEqual(['ada', 'grace']);
      expect(thrown(() => db.transaction(async () => {})).code).toBe('ERR_INVALID_ARG');
    });
  });
});
