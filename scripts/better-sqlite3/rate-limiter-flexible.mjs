// rate-limiter-flexible: two points, and no third.

import { RateLimiterSQLite } from 'rate-limiter-flexible';

/** @param {any} db */
export default async function run(db) {
  /** @type {any} */
  const limiter = await new Promise((resolve, reject) => {
    const options = {
      storeClient: db,
      storeType: 'better-sqlite3',
      tableName: 'limits',
      points: 2,
      duration: 60,
    };
    const made = new RateLimiterSQLite(options, (/** @type {unknown} */ error) =>
      error ? reject(error) : resolve(made),
    );
  });
  await limiter.consume('ada');
  const { remainingPoints } = await limiter.consume('ada');
  const refused = await limiter.consume('ada').catch((/** @type {any} */ error) => error.consumedPoints);
  await limiter.delete('ada');
  return [remainingPoints, refused, await limiter.get('ada')];
}

export const expected = [0, 3, null];
