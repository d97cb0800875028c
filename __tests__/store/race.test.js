'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');

const { Store, isBatonError } = require('../..');
const { onEachSharedBackend, page } = require('../helpers.js');

const ROUNDS = 100;

const children = [];
// A failed test must not leave processes behind, which would keep Jest from ending.
afterAll(() => children.forEach((child) => child.kill()));

/** The next message of a child process. */
async function hear(child) {
  const [message] = await once(child, 'message');
  return message;
}

/** Commits without a pause under whatever generation is current. */
function commitWithoutPause(store, actorId) {
  let [generation, headTxid, stopped] = [0n, 0n, false];
  const commits = (async () => {
    let count = 0;
    while (!stopped) {
      try {
        const pages = [{ page: 1, data: page(1) }];
        ({ txid: headTxid } = await store.commit(actorId, { generation, headTxid, sizePages: 1, pages }));
        count += 1;
      } catch (error) {
        if (!isBatonError(error, 'ERR_FENCE_MISMATCH')) throw error;
        [generation, headTxid] = [error.current, error.currentHeadTxid];
      }
    }
    return count;
  })();
  return () => {
    stopped = true;
    return commits;
  };
}

onEachSharedBackend((place) => {
  test('8 starters in 4 processes against a committing owner: one winner a generation, no rejection', async () => {
    const options = place();
    const store = await Store.open(options);
    await store.loadStartup('a');
    const script = join(__dirname, '..', 'fixtures', 'racing-process.js');
    const starters = Array.from({ length: 4 }, () => fork(script, [JSON.stringify(options)]));
    children.push(...starters);
    await Promise.all(starters.map(hear));
    const stop = commitWithoutPause(store, 'a');

    const answers = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const heard = Promise.all(starters.map(hear));
      starters.forEach((child) => child.send('a'));
      answers.push(...(await heard).flat());
    }
    const commits = await stop();
    const of = (outcome) => answers.filter((answer) => answer.outcome === outcome);
    const winners = of('won').map((answer) => answer.generation);
    const losers = of('lost');
    expect(winners.length + losers.length).toBe(ROUNDS * 8);
    expect(new Set(winners).size).toBe(winners.length);
    expect(losers.length).toBeGreaterThan(0);
    expect(losers.every(({ generation, preloaded }) => winners.includes(generation) && preloaded === 0)).toBe(
      true,
    );
    expect(commits).toBeGreaterThan(0);

    // Nothing but the channel to the parent keeps them alive.
    const exits = starters.map((child) => once(child, 'exit'));
    starters.forEach((child) => child.disconnect());
    const codes = await Promise.all(exits);
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0]);
    await store.close();
  });

  test('of a winner and those who lost to it exactly one commits on the same head', async () => {
    const store = await Store.open(place());
    for (let round = 0; round < 20; round += 1) {
      const actorId = `round ${round}`;
      const starts = await Promise.all(Array.from({ length: 8 }, () => store.loadStartup(actorId)));
      const generation = starts.map((start) => start.generation).reduce((a, b) => (a > b ? a : b));
      const holders = starts.filter((start) => start.generation === generation);
      const commits = await Promise.allSettled(
        holders.map(() =>
          store.commit(actorId, {
            generation,
            headTxid: 0n,
            sizePages: 1,
            pages: [{ page: 1, data: page(round) }],
          }),
        ),
      );
      expect(commits.filter((commit) => commit.status === 'fulfilled')).toHaveLength(1);
      for (const { reason } of commits.filter((commit) => commit.status === 'rejected')) {
        expect(reason).toMatchObject({
          code: 'ERR_FENCE_MISMATCH',
          held: generation,
          current: generation,
          heldHeadTxid: 0n,
          currentHeadTxid: 1n,
        });
      }
    }
    await store.close();
  });
});
