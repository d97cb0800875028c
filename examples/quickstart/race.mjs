// Races between processes, until one is seen.

import { nowMs } from './starters.mjs';

/** @typedef {import('./processes.mjs').Participant} Participant */
/** @typedef {import('./starters.mjs').Answer & { participant: import("./processes.mjs").Participant, starter: number }} Runner */

const RACES_MAX = 20;
/** Long enough for the order to reach every process before the moment comes. */
const NOTICE_MS = 40;

/** A moment that everyone can still be told of. */
export function soon() {
  return nowMs() + NOTICE_MS;
}

/**
 * Whether a starter lost to one of another process.
 *
 * @param {Runner[]} runners
 */
function metAcross(runners) {
  return runners.some(
    (loser) =>
      loser.outcome === 'lost' &&
      runners.some(
        (winner) =>
          winner.outcome === 'won' &&
          winner.generation === loser.generation &&
          winner.participant !== loser.participant,
      ),
  );
}

/**
 * Releases all starters at one moment. Processes that miss each other by some milliseconds do not race: the
 * later ones take over from the earlier ones as they should. So this repeats until some met, up to a bound.
 *
 * @param {{ participant: Participant, count: number }[]} teams
 */
export async function raceUntilMet(teams) {
  for (let races = 1; ; races += 1) {
    const atMs = soon();
    const answers = await Promise.all(
      teams.map(({ participant, count }) => participant.race({ count, atMs })),
    );
    const runners = teams.flatMap(({ participant }, team) =>
      answers[team].map((answer) => ({ ...answer, participant })),
    );
    const numbered = runners.map((runner, index) => ({ ...runner, starter: index + 1 }));
    const met = metAcross(numbered);
    if (met || races === RACES_MAX) {
      return { runners: numbered, races, met };
    }
  }
}
