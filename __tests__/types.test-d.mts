// Compiled, never run: the types as users of ES modules see them.

import { BatonError, PageSet, Store, isBatonError } from 'batondb';
import type { BatonErrorFields, ErrorCode, Meta, Preload, Startup, StoreOptions } from 'batondb';

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
  await store.close();
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
  return new BatonError('ERR_CLOSED', 'for a test', { cause: error, retryable: true });
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
  // @ts-expect-error Not a code.
  isBatonError(store, 'ERR_SOMETHING');
  // @ts-expect-error Made by `Store.open` alone.
  new Store();
  // @ts-expect-error Made by the store alone.
  new PageSet();
}

export const options: StoreOptions[] = [
  { memory: true },
  { path: 'x' },
  { foundationdb: { prefix: 'p', clusterFile: 'fdb.cluster' } },
];
