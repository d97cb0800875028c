'use strict';

const { BusyPoll } = require('../../lib/addon/busy-poll.js');
const { onEachBackend } = require('../helpers.js');

/** As in `lib/addon/busy-poll.js`. */
const POLL_MS = 0.3;
const LUCK_MAX = 4;
const SLEEPS = 32;

describe('whether the event loop polls', () => {
  let poll, now;
  beforeEach(() => {
    poll = new BusyPoll();
    now = 1_000;
  });

  /** A call that follows an answer and takes so long. Returns whether it was polled for. */
  function call(ms) {
    poll.answered(now);
    poll.called(now);
    const isPolled = poll.isPolling;
    for (let waited = 0; waited < ms && poll.isPolling; waited += 0.01) {
      now += 0.01;
      poll.goesOn(1, now);
    }
    return isPolled;
  }

  test('for a call right after an answer, and for no other', () => {
    poll.called(now);
    expect(poll.isPolling).toBe(false);
    poll.answered(now);
    poll.called(now + 0.05);
    expect(poll.isPolling).toBe(true);
    poll.answered(now + 0.2);
    expect(poll.isPolling).toBe(false);
    poll.called(now + 1);
    expect(poll.isPolling).toBe(false);
  });

  test('for a while, which begins when the loop first asks', () => {
    poll.answered(now);
    poll.called(now);
    expect(poll.goesOn(1, now + 50)).toBe(true);
    expect(poll.goesOn(1, now + 50 + 0.9 * POLL_MS)).toBe(true);
    expect(poll.goesOn(1, now + 50 + 1.1 * POLL_MS)).toBe(false);
  });

  test('not while other calls are under way, nor when there is none', () => {
    for (const underWay of [0, 2]) {
      poll.answered(now);
      poll.called(now);
      expect(poll.goesOn(underWay, now)).toBe(false);
    }
  });

  test('rarely where it is in vain, and again once it pays', () => {
    const slow = Array.from({ length: 3 * SLEEPS }, () => call(5));
    expect(slow.slice(0, LUCK_MAX)).toEqual(Array(LUCK_MAX).fill(true));
    expect(slow.filter(Boolean).length).toBeLessThanOrEqual(LUCK_MAX + 3);
    const fast = Array.from({ length: 2 * SLEEPS }, () => call(0.1));
    expect(fast.slice(SLEEPS)).toEqual(Array(SLEEPS).fill(true));
  });
});

onEachBackend((open) => {
  let db;
  beforeEach(async () => {
    db = await (await open()).openDatabase('a');
    await db.exec('CREATE TABLE t(x)');
  });
  afterEach(() => jest.useRealTimers());

  async function insertOneByOne(count) {
    for (let x = 0; x < count; x += 1) {
      await db.run('INSERT INTO t VALUES (?)', [x]);
    }
  }

  test('the turns of the loop go on while one call after the other is polled for', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const began = performance.now();
    while (performance.now() - began < 200) {
      await insertOneByOne(1);
    }
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });

  test('answers come where timers and turns are replaced', async () => {
    jest.useFakeTimers();
    await insertOneByOne(50);
    const calls = Array.from({ length: 20 }, () => db.get('SELECT count(*) AS n FROM t'));
    expect(await Promise.all(calls)).toEqual(calls.map(() => ({ n: 50 })));
    expect((await db.all('SELECT x FROM t')).length).toBe(50);
  });

  test('calls that join a lone one are answered with it', async () => {
    await insertOneByOne(20);
    const lone = db.run('INSERT INTO t VALUES (100)');
    const joined = Promise.resolve().then(() =>
      Promise.all([db.get('SELECT 1 AS x'), db.get('SELECT 2 AS x')]),
    );
    expect([(await lone).changes, await joined]).toEqual([1, [{ x: 1 }, { x: 2 }]]);
  });
});
