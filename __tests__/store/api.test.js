'use strict';

const { PAGE_SIZE, expectBytes, onEachBackend, page, rejection, startWith } = require('../helpers.js');

onEachBackend((open) => {
  describe('loadStartup', () => {
    test('makes a fresh actor with generation 1 and no pages', async () => {
      const store = await open();
      const before = Date.now();
      const startup = await store.loadStartup('a');
      expect(startup.outcome).toBe('won');
      expect(startup.generation).toBe(1n);
      expect(startup.pages.size).toBe(0);
      expect(startup.meta).toEqual({
        generation: 1n,
        headTxid: 0n,
        sizePages: 0,
        pageSize: PAGE_SIZE,
        createdAt: expect.any(Date),
        origin: 'native',
      });
      expect(startup.meta.createdAt.getTime()).toBeGreaterThanOrEqual(before);
      expect(startup.meta.createdAt.getTime()).toBeLessThanOrEqual(Date.now());
    });

    test('raises the generation each time and brings page 1', async () => {
      const store = await open();
      const { headTxid } = await startWith(store, 'a', [page(1), page(2), page(3)]);
      const second = await store.loadStartup('a');
      expect(second).toMatchObject({ outcome: 'won', generation: 2n, meta: { headTxid, sizePages: 3 } });
      expect([...second.pages.keys()]).toEqual([1]);
      expect(second.pages.headTxid).toBe(headTxid);
      expectBytes(second.pages.get(1), page(1));
      expect((await store.loadStartup('a')).generation).toBe(3n);
    });

    test('preloads pages and ranges in ascending order within the budget', async () => {
      const store = await open();
      await startWith(
        store,
        'a',
        Array.from({ length: 9 }, (_, index) => page(index + 1)),
      );
      const preloaded = async (preload) => [...(await store.loadStartup('a', { preload })).pages.keys()];
      expect(await preloaded({ pages: [7, 3], ranges: [{ start: 4, end: 6 }] })).toEqual([1, 3, 4, 5, 7]);
      expect(await preloaded({ pages: [3, 3], ranges: [{ start: 2, end: 4 }] })).toEqual([1, 2, 3]);
      expect(await preloaded({ ranges: [{ start: 8, end: 4294967295 }] })).toEqual([1, 8, 9]);
      expect(await preloaded({ pages: [4294967295] })).toEqual([1]);
      expect(await preloaded({ ranges: [{ start: 2, end: 10 }], maxBytes: 3 * PAGE_SIZE })).toEqual([
        1, 2, 3,
      ]);
      expect(await preloaded({ pages: new Uint32Array([9]), maxBytes: 0 })).toEqual([1]);
      expect(await preloaded({ ranges: [{ start: 2, end: 2 }], hints: true })).toEqual([1]);
    });

    test('preloads no more than 1 MiB unless told otherwise', async () => {
      const store = await open();
      await startWith(
        store,
        'a',
        Array.from({ length: 18 }, (_, index) => page(index + 1, 65_536)),
      );
      const ranges = [{ start: 1, end: 19 }];
      expect((await store.loadStartup('a', { preload: { ranges } })).pages.size).toBe(16);
      expect((await store.loadStartup('a', { preload: { ranges, maxBytes: 2 ** 21 } })).pages.size).toBe(18);
    });

    test('has one winner for each generation among concurrent starts', async () => {
      const store = await open();
      await startWith(store, 'a', [page(1)]);
      let generation = 1n;
      for (let round = 0; round < 20; round += 1) {
        const starts = await Promise.all(Array.from({ length: 8 }, () => store.loadStartup('a')));
        const winners = starts.filter(({ outcome }) => outcome === 'won');
        const won = winners.map((start) => start.generation);
        expect(won.length).toBeGreaterThan(0);
        expect(new Set(won).size).toBe(won.length);
        const highest = won.reduce((a, b) => (a > b ? a : b));
        expect(highest).toBe(generation + BigInt(won.length));
        generation = highest;
        for (const start of starts) {
          expect(start.pages.size).toBe(start.outcome === 'won' ? 1 : 0);
          expect(won).toContain(start.generation);
          expect(start.generation).toBe(start.meta.generation);
        }
      }
    });
  });

  describe('getPages', () => {
    test('names the head and leaves out what lies past the end', async () => {
      const store = await open();
      const { generation, headTxid } = await startWith(store, 'a', [page(1), page(2), page(3)]);
      const set = await store.getPages('a', { generation, pages: [3, 1, 4, 4294967295] });
      expect([...set.keys()]).toEqual([1, 3]);
      expect(set.headTxid).toBe(headTxid);
      expect(set.pageSize).toBe(PAGE_SIZE);
      expectBytes(set.data, Buffer.concat([page(1), page(3)]));
      expect((await store.getPages('a', { generation, pages: [] })).size).toBe(0);
    });

    test('reads a page inside the database that was never written as zeros', async () => {
      const store = await open();
      const { generation } = await store.loadStartup('a');
      await store.commit('a', {
        generation,
        headTxid: 0n,
        sizePages: 5,
        pages: [{ page: 2, data: page(9, 512) }],
      });
      const set = await store.getPages('a', { generation, pages: [1, 2, 5] });
      expectBytes(set.get(1), page(0, 512));
      expectBytes(set.get(2), page(9, 512));
      expectBytes(set.get(5), page(0, 512));
    });

    test('refuses another generation and another head', async () => {
      const store = await open();
      const { generation, headTxid } = await startWith(store, 'a', [page(1)]);
      const set = await store.getPages('a', { generation, headTxid, pages: [1] });
      expect(set.size).toBe(1);
      const stale = await rejection(store.getPages('a', { generation, headTxid: 0n, pages: [1] }));
      expect(stale).toMatchObject({
        code: 'ERR_FENCE_MISMATCH',
        heldHeadTxid: 0n,
        currentHeadTxid: headTxid,
      });
      await store.loadStartup('a');
      const fenced = await rejection(store.getPages('a', { generation, pages: [1] }));
      expect(fenced).toMatchObject({ code: 'ERR_FENCE_MISMATCH', held: 1n, current: 2n });
    });
  });

  describe('commit', () => {
    test('is refused under an earlier generation, with both generations', async () => {
      const store = await open();
      const { generation, headTxid } = await startWith(store, 'a', [page(1)]);
      await store.loadStartup('a');
      const write = { sizePages: 1, pages: [{ page: 1, data: page(2) }] };
      const error = await rejection(store.commit('a', { generation, headTxid, ...write }));
      expect(error).toMatchObject({
        code: 'ERR_FENCE_MISMATCH',
        retryable: false,
        actor: 'a',
        held: 1n,
        current: 2n,
      });
      const { pages } = await store.loadStartup('a');
      expectBytes(pages.get(1), page(1));
    });

    test('is refused on a head that is not the current one, with both heads', async () => {
      const store = await open();
      const { generation, headTxid } = await startWith(store, 'a', [page(1)]);
      const write = { generation, headTxid, sizePages: 1, pages: [{ page: 1, data: page(2) }] };
      const { txid } = await store.commit('a', write);
      expect(txid).toBeGreaterThan(headTxid);
      const error = await rejection(store.commit('a', write));
      expect(error).toMatchObject({
        code: 'ERR_FENCE_MISMATCH',
        held: generation,
        current: generation,
        heldHeadTxid: headTxid,
        currentHeadTxid: txid,
      });
    });

    test('lets one of several on the same head through', async () => {
      const store = await open();
      const { generation, headTxid } = await startWith(store, 'a', [page(0)]);
      const commits = await Promise.allSettled(
        [1, 2, 3].map((byte) =>
          store.commit('a', { generation, headTxid, sizePages: 1, pages: [{ page: 1, data: page(byte) }] }),
        ),
      );
      expect(commits.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const { reason } of commits.filter(({ status }) => status === 'rejected')) {
        expect(reason.code).toBe('ERR_FENCE_MISMATCH');
      }
    });

    test.each([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])(
      'sets a page size of %i on an empty actor, which later commits must match',
      async (size) => {
        const store = await open();
        const held = await startWith(store, 'a', [page(7, size)]);
        const meta = await store.stat('a');
        expect(meta).toMatchObject({ pageSize: size, sizePages: 1 });
        const other = size === 512 ? 1024 : 512;
        const error = await rejection(
          store.commit('a', { ...held, sizePages: 1, pages: [{ page: 1, data: page(7, other) }] }),
        );
        expect(error.code).toBe('ERR_INVALID_ARG');
        expect(error.message).toContain(String(other));
      },
    );

    test('copies its data before it returns', async () => {
      const store = await open();
      const { generation } = await store.loadStartup('a');
      const data = page(1);
      const pages = [{ page: 1, data }];
      const committed = store.commit('a', { generation, headTxid: 0n, sizePages: 1, pages });
      data.fill(2);
      pages.length = 0;
      await committed;
      expectBytes((await store.getPages('a', { generation, pages: [1] })).get(1), page(1));
    });

    test('takes any view of the bytes', async () => {
      const store = await open();
      const { generation } = await store.loadStartup('a');
      const bytes = Uint8Array.from({ length: 3 * 512 }, (_, index) => index % 251);
      const expected = bytes.slice(512, 1024);
      const shared = new Uint8Array(new SharedArrayBuffer(512));
      shared.set(expected);
      const views = [
        bytes.subarray(512, 1024),
        new DataView(bytes.buffer, 512, 512),
        new Uint16Array(bytes.buffer, 512, 256),
        new Float64Array(bytes.buffer, 512, 64),
        Buffer.from(expected),
        shared,
      ];
      await store.commit('a', {
        generation,
        headTxid: 0n,
        sizePages: views.length,
        pages: views.map((data, index) => ({ page: index + 1, data })),
      });
      const set = await store.getPages('a', { generation, pages: [1, 2, 3, 4, 5, 6] });
      expect(set.size).toBe(views.length);
      for (const [, data] of set) {
        expectBytes(data, expected);
      }
    });

    test('may write no page, and may shrink the database', async () => {
      const store = await open();
      const held = await startWith(store, 'a', [page(1), page(2), page(3)]);
      await store.commit('a', { ...held, sizePages: 1, pages: [] });
      expect((await store.stat('a')).sizePages).toBe(1);
      const { pages } = await store.loadStartup('a', { preload: { pages: [1, 2, 3] } });
      expect([...pages.keys()]).toEqual([1]);
    });

    test('takes many pages at once', async () => {
      const store = await open();
      const contents = Array.from({ length: 1_500 }, (_, index) => page(index % 256));
      const { generation } = await startWith(store, 'a', contents);
      const numbers = contents.map((_, index) => index + 1);
      const set = await store.getPages('a', { generation, pages: numbers });
      expect(set.size).toBe(contents.length);
      expectBytes(set.data, Buffer.concat(contents));
    });
  });

  describe('actors', () => {
    test('that do not exist are not found, and have no state', async () => {
      const store = await open();
      expect(await store.stat('nobody')).toBeUndefined();
      const request = { generation: 1n, headTxid: 0n, sizePages: 0, pages: [] };
      const committed = await rejection(store.commit('nobody', request));
      expect(committed).toMatchObject({ code: 'ERR_NOT_FOUND', actor: 'nobody', retryable: false });
      const read = await rejection(store.getPages('nobody', { generation: 1n, pages: [1] }));
      expect(read).toMatchObject({ code: 'ERR_NOT_FOUND', actor: 'nobody' });
    });

    test('are gone once deleted, and their old owners stay fenced', async () => {
      const store = await open();
      const held = await startWith(store, 'a', [page(1)]);
      expect(await store.delete('a')).toBe(true);
      expect(await store.delete('a')).toBe(false);
      expect(await store.stat('a')).toBeUndefined();
      expect(await store.list()).toEqual([]);
      const again = await store.loadStartup('a');
      expect(again.generation).toBeGreaterThan(held.generation);
      expect(again).toMatchObject({ outcome: 'won', meta: { sizePages: 0 } });
      const error = await rejection(
        store.commit('a', { ...held, sizePages: 1, pages: [{ page: 1, data: page(1) }] }),
      );
      expect(error.code).toBe('ERR_FENCE_MISMATCH');
    });

    test('whose ids begin alike do not see each other', async () => {
      const store = await open();
      const ids = ['a', 'a/', 'a/META', 'a\0', '\0', '\0\0', '\u00ff', '\u{10ffff}', 'a'.repeat(256)];
      const held = new Map();
      for (const [index, id] of ids.entries()) {
        held.set(id, await startWith(store, id, [page(index)]));
      }
      for (const [index, id] of ids.entries()) {
        const set = await store.getPages(id, { generation: held.get(id).generation, pages: [1] });
        expectBytes(set.get(1), page(index));
      }
      await store.delete('a');
      expect((await store.list()).map(({ actorId }) => actorId)).toEqual(
        ids.filter((id) => id !== 'a').sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
      expect(await store.stat('a\0')).toMatchObject({ sizePages: 1 });
    });

    test('are listed by prefix, after an id, and up to a limit', async () => {
      const store = await open();
      for (const id of ['b/2', 'a', 'b/1', 'c', 'b/3', 'b']) {
        await store.loadStartup(id);
      }
      const ids = async (options) => (await store.list(options)).map(({ actorId }) => actorId);
      expect(await ids()).toEqual(['a', 'b', 'b/1', 'b/2', 'b/3', 'c']);
      expect(await ids({ prefix: 'b' })).toEqual(['b', 'b/1', 'b/2', 'b/3']);
      expect(await ids({ prefix: 'b/', after: 'b/1' })).toEqual(['b/2', 'b/3']);
      expect(await ids({ after: 'b', limit: 2 })).toEqual(['b/1', 'b/2']);
      expect(await ids({ prefix: 'd' })).toEqual([]);
      expect(await ids({ prefix: 'b', after: 'a' })).toEqual(['b', 'b/1', 'b/2', 'b/3']);
    });

    test('are iterated over across reads of 1,000', async () => {
      const store = await open();
      const expected = Array.from({ length: 2_001 }, (_, index) => `n${String(index).padStart(4, '0')}`);
      await Promise.all(expected.map((id) => store.loadStartup(id)));
      await store.loadStartup('other');
      const collect = async (options) => {
        const seen = [];
        for await (const { actorId } of store.actors(options)) {
          seen.push(actorId);
        }
        return seen;
      };
      expect(await collect({ prefix: 'n' })).toEqual(expected);
      expect(await collect({ prefix: 'n', limit: 1_500 })).toEqual(expected.slice(0, 1_500));
      expect(await collect({ prefix: 'n', limit: 1_000 })).toEqual(expected.slice(0, 1_000));
      expect(await collect({ after: 'n1999' })).toEqual(['n2000', 'other']);
    });
  });
});
