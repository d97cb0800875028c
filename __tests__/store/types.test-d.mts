// Compiled, never run: the types as users of ES modules see them.

import {
  BatonError,
  Database,
  PageSet,
  Session,
  Statement,
  Store,
  Transaction,
  constants,
  isBatonError,
  setLogger,
} from 'batondb';
import type {
  ApplyChangesetOptions,
  BatchResult,
  BatonErrorFields,
  ColumnInfo,
  DatabaseOptions,
  DatabaseStats,
  ErrorCode,
  FoundationDbStatus,
  Logger,
  LogLevel,
  LogRecord,
  Meta,
  PingResult,
  Preload,
  Queries,
  RunResult,
  SessionOptions,
  SqlEvent,
  SqlParams,
  SqlRow,
  SqlValue,
  Startup,
  Histogram,
  V1Entry,
  StoreMetrics,
  StoreOptions,
  CopyResult,
  ActorHistory,
  Inspection,
  VerifyReport,
  StoreStatus,
} from 'batondb';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(..._: Equal<A, B> extends true ? [] : ['the types differ']): void;

export async function surface() {
  await using store = await Store.open({ path: './data', durability: 'relaxed', maxSizeBytes: 2 ** 30 });
  same<typeof store, Store>();

  const preload: Preload = { pages: [1, 2], ranges: [{ start: 4, end: 9 }], hints: true, maxBytes: 65_536 };
  const startup = await store.loadStartup('a', { preload, signal: AbortSignal.timeout(1_000) });
  same<typeof startup, Startup>();
  same<typeof startup.outcome, 'won' | 'lost'>();
  same<typeof startup.generation, bigint>();
  same<typeof startup.meta, Meta>();
  same<typeof startup.meta.createdAt, Date>();
  same<typeof startup.pages, PageSet>();

  const { generation, meta, pages } = startup;
  const set = await store.getPages('a', { generation, headTxid: meta.headTxid, pages: new Uint32Array([1]) });
  same<typeof set.data, Uint8Array>();
  const bytes = pages.get(1);
  same<typeof bytes, Uint8Array | undefined>();
  for (const [page, data] of pages) {
    same<typeof page, number>();
    same<typeof data, Uint8Array>();
  }

  const committed = await store.commit('a', {
    generation,
    headTxid: meta.headTxid,
    sizePages: 2,
    pages: [
      { page: 1, data: new Uint8Array(4096) },
      { page: 2, data: new DataView(new ArrayBuffer(4096)) },
    ],
  });
  same<typeof committed.txid, bigint>();

  const stat = await store.stat('a');
  same<typeof stat, Meta | undefined>();
  const list = await store.list({ prefix: 'a', after: 'a', limit: 5 });
  same<(typeof list)[number]['actorId'], string>();
  for await (const { actorId } of store.actors({ prefix: 'a' })) {
    same<typeof actorId, string>();
  }
  same<Awaited<ReturnType<Store['delete']>>, boolean>();
  await store.importFrom('a', 'a.sqlite', { replace: true });
  await store.exportTo('a', 'a.sqlite');
  same<Awaited<ReturnType<Store['ping']>>, PingResult>();
  const { latencyMs } = await store.ping({ signal: AbortSignal.timeout(1_000) });
  same<typeof latencyMs, number>();
  await store.close();
}

export async function looking(store: Store, target: Store) {
  const report = await store.verify({
    prefix: 'a',
    deep: false,
    onProgress: ({ actors }) => void (actors + 1),
  });
  same<typeof report, VerifyReport>();
  same<(typeof report.problems)[number]['txid'], bigint | undefined>();
  const inspection = await store.inspect('a');
  same<typeof inspection, Inspection | undefined>();
  same<NonNullable<Inspection['head']>['nextTxid'], bigint>();
  const renamed: Meta = await store.rename('a', 'b', {
    onProgress: ({ pagesDone }) => void (pagesDone satisfies number),
  });
  await store.delete('b', { generation: renamed.generation, headTxid: renamed.headTxid });
  // @ts-expect-error a rename always compares
  await store.rename('a', 'b', { verify: true });
  const copied = await store.copyTo('a', target, {
    as: 'c',
    replace: true,
    verify: true,
    onProgress: async ({ pagesDone, pagesVerified }) => pagesDone + pagesVerified,
  });
  same<typeof copied, CopyResult>();
  same<ReturnType<Store['isSameAs']>, boolean>();
  // @ts-expect-error An option that is misspelt.
  await store.verify({ depp: true });
  // @ts-expect-error Nothing is made in memory that could be there already.
  await Store.open({ memory: true, create: false });
}

export async function migrating(store: Store, cursor: AsyncIterable<V1Entry>) {
  const meta = await store.migrateV1('a', cursor, { signal: AbortSignal.timeout(1_000) });
  same<typeof meta, Meta>();
  await store.migrateV1('a', [{ key: Uint8Array.of(8), value: new ArrayBuffer(8) }]);
  same<Awaited<ReturnType<typeof store.prepareV1Migration>>, Meta>();
  same<Awaited<ReturnType<typeof store.invalidateV1Migration>>, boolean>();
  // @ts-expect-error Keys are bytes.
  await store.migrateV1('a', [{ key: 'sqlite', value: new Uint8Array(8) }]);
}

export function metrics(store: Store) {
  const metrics = store.metrics();
  same<typeof metrics, StoreMetrics>();
  same<typeof metrics.startups.won, number>();
  same<typeof metrics.commits.smallSeconds, Histogram>();
  same<(typeof metrics.sql.callRoundTrips.buckets)[number], { le: number; count: number }>();
  // @ts-expect-error: labels are strings
  metrics.toPrometheus({ labels: { worker: 3 } });
  return metrics.toPrometheus({ labels: { worker: '3' }, prefix: 'rooms_' }) + metrics.toPrometheus();
}

export async function health(store: Store) {
  const status = await store.status();
  same<typeof status, StoreStatus>();
  same<typeof status.backend, 'embedded' | 'memory' | 'foundationdb'>();
  same<typeof status.messages, string[]>();
  const { foundationdb } = status;
  same<typeof foundationdb, FoundationDbStatus | undefined>();
  same<NonNullable<typeof foundationdb>['latencyMs']['commit'], number | undefined>();
  same<NonNullable<typeof foundationdb>['json'], unknown>();
  return foundationdb?.coordinators.every(({ reachable }) => reachable);
}

export async function sql(store: Store) {
  const options: DatabaseOptions = {
    preload: { hints: false, maxBytes: 0 },
    readAhead: false,
    maxQueuedCalls: 10,
    transactionTimeoutMs: 5_000,
    onFenced: (error) => error.code === 'ERR_FENCE_MISMATCH' && same<typeof error.current, bigint>(),
    signal: AbortSignal.timeout(1_000),
  };
  await using db = await store.openDatabase('a', options);
  same<typeof db, Database>();
  same<typeof db.startup.outcome, 'won' | 'lost' | 'read-only'>();
  await using reader = await store.openDatabase('a', { readOnly: true, maxQueuedCalls: 5 });
  same<typeof reader, Database>();
  // @ts-expect-error It is a choice.
  await store.openDatabase('a', { readOnly: 'yes' });
  same<typeof db.startup.preloadedPages, number>();
  const lost: 'ERR_FENCE_MISMATCH' | 'ERR_NOT_FOUND' | undefined = db.fencedBy?.code;

  same<Awaited<ReturnType<typeof db.exec>>, void>();
  const ran = await db.run('INSERT INTO t VALUES (?, ?)', [1, new Uint8Array(1)], { timeoutMs: 5 });
  same<typeof ran, RunResult>();
  same<typeof ran.lastInsertRowid, number | bigint>();

  const row = await db.get('SELECT 1', { a: 1, ':b': 2n, $c: null, '@d': true });
  same<typeof row, SqlRow | undefined>();
  const rows = await db.all('SELECT 1');
  same<typeof rows, SqlRow[]>();
  const arrays = await db.all('SELECT 1', undefined, { rowMode: 'array', readBigInts: true });
  same<typeof arrays, SqlValue[][]>();
  const typed = await db.all<{ id: number }>('SELECT id FROM t');
  same<typeof typed, { id: number }[]>();
  const pair = await db.get<[number, string]>('SELECT 1, 2', [], { rowMode: 'array' });
  same<typeof pair, [number, string] | undefined>();
  for await (const each of db.iterate<{ id: number }>('SELECT id FROM t')) {
    same<typeof each, { id: number }>();
  }
  for await (const each of db.iterate('SELECT id FROM t', [], { rowMode: 'array' })) {
    same<typeof each, SqlValue[]>();
  }

  const statement = await db.prepare('SELECT ?');
  same<typeof statement, Statement>();
  same<ReturnType<Statement['columns']>, ColumnInfo[]>();
  same<typeof statement.parameters, readonly (string | null)[]>();
  same<Awaited<ReturnType<typeof statement.run>>, RunResult>();
  const params: SqlParams = [
    'a',
    new ArrayBuffer(1),
    new SharedArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
  ];
  const got = await statement.get<{ id: number }>(params);
  same<typeof got, { id: number } | undefined>();

  const results = await db.batch(['SELECT 1', { sql: 'SELECT ?', params: [1] }]);
  same<typeof results, BatchResult[]>();
  same<(typeof results)[0]['rows'], SqlRow[]>();
  const inArrays = await db.batch(['SELECT 1'], { rowMode: 'array' });
  same<(typeof inArrays)[0]['rows'], SqlValue[][]>();

  const answer = await db.transaction(
    async (tx) => {
      same<typeof tx, Transaction>();
      const inner = await tx.transaction((nested) => nested.get('SELECT 1'));
      same<typeof inner, SqlRow | undefined>();
      return helper(tx);
    },
    { behavior: 'immediate', timeoutMs: 5, signal: AbortSignal.timeout(1) },
  );
  same<typeof answer, number>();
  same<ReturnType<typeof db.stats>, DatabaseStats>();
  await db.close();
  return { lost, closed: db.closed satisfies boolean };
}

/** Takes a database and a transaction alike. */
async function helper(queries: Queries): Promise<number> {
  return (await queries.run('SELECT 1')).changes;
}

export function errors(error: unknown) {
  if (isBatonError(error)) {
    same<typeof error, BatonError>();
    same<typeof error.code, ErrorCode>();
    same<typeof error.held, bigint | undefined>();
  }
  if (isBatonError(error, 'ERR_FENCE_MISMATCH')) {
    const generations: [bigint, bigint, string] = [error.held, error.current, error.actor];
    const code: 'ERR_FENCE_MISMATCH' = error.code;
    return { generations, code };
  }
  if (isBatonError(error, 'ERR_CORRUPT')) {
    const place: BatonErrorFields['page'] = error.page;
    return place;
  }
  if (isBatonError(error, 'SQLITE_CONSTRAINT')) {
    const details: [string, number, number | undefined] = [error.extendedCode, error.rawCode, error.offset];
    const code: 'SQLITE_CONSTRAINT' = error.code;
    return { details, code };
  }
  if (isBatonError(error, 'ERR_OVERLOADED')) {
    return error.retryable satisfies boolean;
  }
  return new BatonError('ERR_CLOSED', 'for a test', { cause: error, retryable: true });
}

interface Person {
  id: number;
  name: string | null;
}
interface Appointment {
  id: number;
  at: Date;
}
interface Partly {
  id?: number;
}
interface Row {
  id: number;
}

/** An interface has no index signature, and is a fine object of parameters all the same. */
export async function interfaces(queries: Queries, statement: Statement, person: Person, row: Row) {
  const ran = await queries.run('…', person);
  same<typeof ran, RunResult>();
  const got = await queries.get('…', person);
  same<typeof got, SqlRow | undefined>();
  const inArray = await queries.get('…', person, { rowMode: 'array' });
  same<typeof inArray, SqlValue[] | undefined>();
  const typed = await queries.get<Row>('…', person);
  same<typeof typed, Row | undefined>();
  const byItself = await queries.get<Row>('…', row);
  same<typeof byItself, Row | undefined>();
  const all = await queries.all<Row>('…', person, { readBigInts: true });
  same<typeof all, Row[]>();
  for await (const each of queries.iterate('…', person)) {
    same<typeof each, SqlRow>();
  }
  for await (const each of queries.iterate<Row>('…', person)) {
    same<typeof each, Row>();
  }
  const batch = await queries.batch([
    '…',
    { sql: '…', params: person },
    { sql: '…', params: [1] },
    { sql: '…' },
  ]);
  same<typeof batch, BatchResult[]>();
  await queries.batch([person].map((params) => ({ sql: '…', params })));
  same<Awaited<ReturnType<typeof statement.run>>, RunResult>();
  await statement.run(person);
  const prepared = [await statement.get(person), await statement.get<Row>(person)] as const;
  same<typeof prepared, readonly [SqlRow | undefined, Row | undefined]>();
  const lists = [
    await statement.all(person, { rowMode: 'array' }),
    await statement.all<Row>(person),
  ] as const;
  same<typeof lists, readonly [SqlValue[][], Row[]]>();
  for await (const each of statement.iterate(person)) {
    same<typeof each, SqlRow>();
  }
}

export async function wrongParameters(
  queries: Queries,
  statement: Statement,
  { wrong, partly }: { wrong: Appointment; partly: Partly },
) {
  // @ts-expect-error A date is no value of SQLite, of an interface either.
  await queries.run('…', wrong);
  // @ts-expect-error What may be missing may be undefined.
  await queries.run('…', partly);
  // @ts-expect-error A date in an object that is written down.
  await queries.get('…', { at: new Date() });
  // @ts-expect-error Also where the type of rows is given.
  await queries.get<Row>('…', { at: new Date() });
  // @ts-expect-error A list has values of SQLite.
  await queries.get<Row>('…', [new Date()]);
  // @ts-expect-error A date is no object of parameters.
  await queries.get<Row>('…', new Date());
  // @ts-expect-error Nor is a text.
  await queries.get<Row>('…', 'a');
  // @ts-expect-error Nor is a number.
  await queries.all<Row>('…', 1);
  // @ts-expect-error Nor is a map.
  await queries.all('…', new Map());
  // @ts-expect-error Nor is a function.
  queries.iterate('…', () => 1);
  // @ts-expect-error Nor is a promise.
  await queries.get<Row>('…', Promise.resolve({ id: 1 }));
  // @ts-expect-error Nor are bytes.
  await queries.get<Row>('…', new Uint8Array(1));
  // @ts-expect-error As above, of a statement.
  await statement.run(wrong);
  // @ts-expect-error As above, of a statement.
  await statement.all(wrong);
  // @ts-expect-error As above, in a batch.
  await queries.batch([{ sql: '…', params: wrong }]);
  // @ts-expect-error As above, in a batch.
  await queries.batch(['…', { sql: '…', params: { at: new Date() } }]);
  // @ts-expect-error A field that is misspelt.
  await queries.batch([{ sql: '…', param: [1] }]);
}

export async function refused(store: Store) {
  // @ts-expect-error A number is no generation.
  await store.getPages('a', { generation: 1, pages: [1] });
  // @ts-expect-error The head is missing.
  await store.commit('a', { generation: 1n, sizePages: 0, pages: [] });
  // @ts-expect-error An option that is misspelt.
  await store.loadStartup('a', { prelaod: {} });
  // @ts-expect-error Two backends.
  await Store.open({ path: 'x', memory: true });
  // @ts-expect-error No backend.
  await Store.open({});
  // @ts-expect-error Durability is of stores in a directory.
  await Store.open({ memory: true, durability: 'strict' });
  // @ts-expect-error A cluster holds many stores: this one needs a prefix.
  await Store.open({ foundationdb: {} });
  // @ts-expect-error Not a code.
  isBatonError(store, 'ERR_SOMETHING');
  // @ts-expect-error Made by `Store.open` alone.
  new Store();
  // @ts-expect-error Made by the store alone.
  new PageSet();
  // @ts-expect-error Made by the store alone.
  new Database();
  // @ts-expect-error Made by the database alone.
  new Transaction();
  // @ts-expect-error Made by `prepare` alone.
  new Statement();

  const db = await store.openDatabase('a');
  // @ts-expect-error A date is no value of SQLite.
  await db.all('SELECT ?', [new Date()]);
  // @ts-expect-error Nor is undefined.
  await db.all('SELECT ?', [undefined]);
  // @ts-expect-error A single value is no list of parameters.
  await db.all('SELECT ?', 5);
  // @ts-expect-error No such form of rows.
  await db.all('SELECT 1', [], { rowMode: 'map' });
  // @ts-expect-error There are no rows to have a form.
  await db.exec('SELECT 1', { rowMode: 'array' });
  // @ts-expect-error No such kind of transaction.
  await db.transaction(() => {}, { behavior: 'concurrent' });
  // @ts-expect-error An option that is misspelt.
  await store.openDatabase('a', { onFence: () => {} });
}

export const options: StoreOptions[] = [
  { memory: true },
  { path: 'x', create: false },
  { foundationdb: { prefix: 'p' }, cacheBytes: 0 },
  {
    foundationdb: {
      prefix: 'p',
      clusterFile: 'fdb.cluster',
      clientLibrary: 'libfdb_c.so',
      timeoutMs: 1_000,
      retryLimit: 0,
      transactionBytes: 100_000,
    },
  },
];

export async function observability(event: SqlEvent) {
  using logger = setLogger({ filter: 'warn,baton::commit=debug', capacity: 64 }, (record) => {
    same<typeof record, LogRecord>();
    same<typeof record.level, LogLevel>();
    same<typeof record.time, Date>();
    same<(typeof record.fields)[string], string | number | bigint | boolean>();
    same<typeof record.traceId, string | undefined>();
  });
  same<typeof logger, Logger>();
  same<typeof logger.dropped, number>();
  await logger.flush();
  same<ReturnType<typeof logger.close>, void>();
  const none = setLogger(null);
  same<typeof none, undefined>();
  // @ts-expect-error There is no such level.
  setLogger({ level: 'loud' }, () => {});
  // @ts-expect-error Without a function there is nobody to tell.
  setLogger({ level: 'info' });
  same<typeof event.durationMs, number | undefined>();
  same<typeof event.generation, bigint>();

  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await using store = await Store.open({ memory: true });
  await store.loadStartup('a', { traceparent });
  await store.getPages('a', { generation: 1n, pages: [1], traceparent });
  await store.commit('a', { generation: 1n, headTxid: 0n, sizePages: 0, pages: [], traceparent });
  const held = await store.stat('a', { history: true });
  if (held) same<typeof held.history.bytes, number>();
  const either = await store.stat('a', { history: Math.random() > 2 });
  if (either) same<typeof either.history, ActorHistory | undefined>();
  const { largest } = await store.historyUsage({
    prefix: 'a',
    onProgress: ({ bytesRead }) => void bytesRead,
  });
  same<(typeof largest)[number]['actorId'], string>();
  await store.pin('a', { name: 'then', traceparent });
  await store.restore('a', { to: 'then', traceparent });
  await store.fork('a', 'b', { traceparent });
  await store.flatten('b', { traceparent });
  await store.unpin('a', 'then', { traceparent });
  const db = await store.openDatabase('a', { traceparent });
  await db.all('SELECT 1', [], { traceparent });
  await db.exec('SELECT 1', { traceparent });
  await db.transaction(() => {}, { traceparent });
}

export function sessions(db: Database, tx: Transaction) {
  using session = db.createSession({ table: 'person', db: 'main' });
  same<typeof session, Session>();
  same<ReturnType<Session['changeset']>, Buffer>();
  const bytes: Uint8Array = session.patchset();
  const whole: SessionOptions = {};
  tx.createSession(whole).close();
  const onConflict = (kind: number) =>
    kind === constants.SQLITE_CHANGESET_DATA
      ? constants.SQLITE_CHANGESET_REPLACE
      : constants.SQLITE_CHANGESET_OMIT;
  const options: ApplyChangesetOptions = { filter: (table) => table !== 'log', onConflict };
  same<ReturnType<typeof db.applyChangeset>, boolean>();
  tx.applyChangeset(bytes, options);
  // @ts-expect-error it takes no time
  db.createSession({ timeoutMs: 5 });
  // @ts-expect-error a promise decides nothing
  db.applyChangeset(bytes, { onConflict: async () => 0 });
  // @ts-expect-error nor does it filter
  db.applyChangeset(bytes, { filter: async () => true });
  // @ts-expect-error they are made by createSession
  new Session();
}

export function definitions(db: Database) {
  const itself: Database = db.collation('german', new Intl.Collator('de').compare).collation('german', null);
  // @ts-expect-error A comparison answers a number.
  db.collation('text', (left, right) => left + right);
  // @ts-expect-error A comparison is not async.
  db.collation('late', async () => 1);
  // @ts-expect-error null removes a collation, and nothing is a mistake.
  db.collation('nothing');
  return itself;
}
