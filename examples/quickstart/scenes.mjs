// The scenes of the quickstart, in the order in which they are played.

import { join } from 'node:path';

import { isBatonError } from 'batondb';

import { Complaint } from './complaint.mjs';
import { sha256 } from './file.mjs';
import { raceUntilMet, soon } from './race.mjs';
import { count, facts, many, section, table, text } from './report.mjs';
import { makeTable, tryTwoLines } from './sql.mjs';
import { inspect, sqliteVersion } from './sqlite.mjs';

/** @typedef {import('batondb').Store} Store */
/** @typedef {import('batondb').Startup} Startup */
/** @typedef {import('./processes.mjs').Participant} Participant */
/** @typedef {import('./race.mjs').Runner} Runner */
/** @typedef {{ file: string, actorId: string, description: string }} Source */
/** @typedef {Awaited<ReturnType<typeof transfer>>} Original */

const TABLES_SHOWN_MAX = 12;

/**
 * @param {unknown} truth
 * @param {string} otherwise
 * @returns {asserts truth}
 */
function expect(truth, otherwise) {
  if (!truth) {
    throw new Error(`this should not happen: ${otherwise}`);
  }
}

/** A value that PRAGMA user_version did not have: 32 bits with a sign. @param {number} now @param {number} more */
function later(now, more) {
  return (now + more) | 0;
}

/**
 * Imports the file, and exports it again.
 *
 * @param {Store} store
 * @param {string} directory
 * @param {Source} source
 */
export async function transfer(store, directory, { file, actorId, description }) {
  section('A SQLite file becomes an actor');
  const before = performance.now();
  const meta = await store.importFrom(actorId, file).catch((error) => {
    // The file is missing, is something else, or is in use: the message names it and says which.
    const theirs = isBatonError(error, 'ERR_INVALID_ARG');
    throw theirs ? new Complaint(error.message) : error;
  });
  const ms = performance.now() - before;
  facts({
    file: description,
    actor: actorId,
    pages: `${count(meta.sizePages)} of ${count(meta.pageSize)} bytes`,
    generation: meta.generation,
    took: `${ms.toFixed(1)} ms`,
  });

  section('Untouched, it comes out byte for byte');
  const copy = join(directory, 'untouched.sqlite');
  await store.exportTo(actorId, copy);
  const hash = await sha256(file);
  const copyHash = await sha256(copy);
  facts({ 'sha256 in': hash, 'sha256 out': copyHash });
  expect(hash === copyHash, 'the export differs from the file');
  return { ...inspectOriginal(file, copy), hash };
}

/**
 * What SQLite finds in the file. It is asked about the copy, which has the same bytes: SQLite may write to a
 * file that it opens, or beside it.
 *
 * @param {string} file
 * @param {string} copy
 */
function inspectOriginal(file, copy) {
  let found;
  try {
    found = inspect(copy);
  } catch (error) {
    throw new Complaint(`SQLite cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (found.integrity !== 'ok') {
    throw new Complaint(`${file} is damaged, says SQLite: ${found.integrity}`);
  }
  return found;
}

/**
 * @param {Store} store
 * @param {string} actorId
 */
export async function firstOwner(store, actorId) {
  const startup = await store.loadStartup(actorId);
  expect(startup.outcome === 'won', 'the first owner lost, and there was nobody else');
  return startup;
}

/**
 * @param {Participant[]} participants
 * @param {Startup} former
 */
export async function race(participants, former) {
  section('It has an owner, and 8 starters in 3 processes race for it');
  text(`The owner holds generation ${former.generation}. All 8 start at the same moment:`);
  text();
  const teams = participants.map((participant, index) => ({ participant, count: index === 0 ? 4 : 2 }));
  const { runners, races, met } = await raceUntilMet(teams);
  table(
    ['process', 'starter', 'answer', 'generation', 'preloaded', 'took'],
    runners.map((runner) => [
      runner.participant.name,
      runner.starter,
      runner.outcome,
      runner.generation,
      runner.pages === 0 ? 'nothing' : many(runner.pages, 'page'),
      `${count(runner.micros)} µs`,
    ]),
    ([, , outcome]) => outcome === 'won',
  );
  text();
  const winners = runners.filter(({ outcome }) => outcome === 'won');
  const losers = runners.filter(({ outcome }) => outcome === 'lost');
  expect(winners.length > 0, 'nobody won');
  expect(
    new Set(winners.map(({ generation }) => generation)).size === winners.length,
    'two starters won the same generation',
  );
  expect(losers.filter(({ pages }) => pages > 0).length === 0, 'a loser got pages');
  const winner = winners.reduce((last, one) => (one.generation > last.generation ? one : last));
  tellRace(winners, losers, races, met);
  return winner;
}

/**
 * @param {Runner[]} winners
 * @param {Runner[]} losers
 * @param {number} races
 * @param {boolean} met
 */
function tellRace(winners, losers, races, met) {
  if (winners.length === 1) {
    text(`One won. The other ${losers.length} know it, and leave the actor alone.`);
  } else {
    text(`${winners.length} won, each a generation of its own: some began when another was through already.`);
    text('The highest generation is the owner; the others are former owners by now.');
  }
  if (!met) {
    text(`In ${many(races, 'race')} no starter lost to one of another process. Is the machine very busy?`);
  } else if (races > 1) {
    text(`This is race ${races}: in those before, no starter lost to one of another process.`);
  }
}

/**
 * The winner commits, and the former owner tries to.
 *
 * @param {Participant} here
 * @param {Startup} former
 * @param {Runner} winner
 * @param {number} userVersion
 */
export async function fence(here, former, winner, userVersion) {
  section('The winner commits; the former owner is refused');
  const { generation, headTxid, sizePages, participant } = winner;
  const wanted = later(userVersion, 1);
  const commit = await participant.setUserVersion({ generation, headTxid, sizePages, userVersion: wanted });
  expect('txid' in commit, 'the winner was refused');
  const late = await here.setUserVersion({
    generation: former.generation,
    headTxid: former.meta.headTxid,
    sizePages: former.meta.sizePages,
    // As it was when it started: a former owner cannot read either.
    page: former.pages.get(1),
    userVersion: later(userVersion, 2),
  });
  expect('refused' in late, 'the former owner was not refused');
  const { code, held, current, retryable } = late.refused;
  facts({
    'the winner': `committed txid ${commit.txid}: PRAGMA user_version ${userVersion} to ${wanted}, one page`,
    'the former owner': code,
    '  held': `generation ${held}`,
    '  current': `generation ${current}`,
    '  retryable': retryable ? 'yes' : 'no, its time is over',
  });
  expect(code === 'ERR_FENCE_MISMATCH' && held === former.generation, 'it was refused for another reason');
  return { generation, headTxid: commit.txid, sizePages };
}

/**
 * Two processes take themselves for the owner, as it happens when a platform takes one for dead that is only
 * slow and hands its state to another.
 *
 * @param {Participant[]} participants
 * @param {{ generation: bigint, headTxid: bigint, sizePages: number }} held
 * @param {number} userVersion
 */
export async function oneLineage(participants, held, userVersion) {
  section('Two processes hold one generation and commit on the same head');
  const atMs = soon();
  const twins = await Promise.all(
    participants.map(async (participant, index) => {
      const wanted = later(userVersion, 3 + index);
      const answer = await participant.setUserVersion({ ...held, userVersion: wanted, atMs });
      return { participant, wanted, answer };
    }),
  );
  table(
    ['process', 'extends', 'user_version', 'answer', 'head now'],
    twins.map(({ participant, wanted, answer }) => [
      participant.name,
      `txid ${held.headTxid}`,
      wanted,
      'txid' in answer ? 'committed' : answer.refused.code,
      `txid ${'txid' in answer ? answer.txid : answer.refused.currentHeadTxid}`,
    ]),
    ([, , , answer]) => answer === 'committed',
  );
  const committed = twins.filter(({ answer }) => 'txid' in answer);
  expect(committed.length === 1, `${committed.length} of them committed`);
  text();
  text('Exactly one succeeded: the database has one history.');
  return committed[0].wanted;
}

/**
 * Exports the actor and lets SQLite compare it with the original.
 *
 * @param {Store} store
 * @param {string} directory
 * @param {Source} source
 * @param {Original} original
 * @param {number} userVersion
 */
export async function check(store, directory, source, original, userVersion) {
  section(`An independent SQLite (${sqliteVersion()}) checks the export`);
  const file = join(directory, 'changed.sqlite');
  await store.exportTo(source.actorId, file);
  const result = inspect(file);
  facts({
    integrity_check: result.integrity,
    user_version: `${result.userVersion} (it was ${original.userVersion})`,
  });
  expect(result.integrity === 'ok', 'the export is damaged');
  expect(result.userVersion === userVersion, `user_version should be ${userVersion}, as committed`);
  const names = [...new Set([...original.rows.keys(), ...result.rows.keys()])];
  if (names.length > 0) {
    const [rowsIn, rowsOut] = [original.rows, result.rows];
    const shown = names.slice(0, TABLES_SHOWN_MAX);
    text();
    table(
      ['table', 'rows in', 'rows out'],
      shown.map((name) => [name, count(rowsIn.get(name) ?? 0), count(rowsOut.get(name) ?? 0)]),
    );
    if (names.length > shown.length) {
      text(`and ${many(names.length - shown.length, 'more table')}, all equal`);
    }
  }
  const differing = names.filter((name) => original.rows.get(name) !== result.rows.get(name));
  expect(differing.length === 0, `the numbers of rows differ: ${differing.join(', ')}`);
  expect((await sha256(source.file)) === original.hash, `${source.file} is not what it was`);
}

/**
 * An actor with a table, moved from this process to another one.
 *
 * @param {Store} store
 * @param {Participant} other
 */
export async function moveWithSql(store, other) {
  section('The same in SQL: an actor with a table moves to another process');
  const actorId = 'chat-1';
  /** @type {unknown[]} */
  const told = [];
  const database = await store.openDatabase(actorId, { onFenced: (error) => told.push(error) });
  await makeTable(database);
  await database.run('INSERT INTO line(author, text) VALUES (?, ?)', ['this process', 'hello']);
  const { generation, found } = await other.writeLine({
    actorId,
    author: `the ${other.name}`,
    text: 'mine now',
  });
  expect(found.length === 1, `the ${other.name} process found ${found.length} lines`);
  const refused = await tryTwoLines(database, 'this process');
  expect(refused, 'a database that was fenced has committed');
  expect(told.length === 1, `onFenced was called ${many(told.length, 'time')}`);
  table(
    ['process', 'generation', 'found', 'wrote'],
    [
      ['this one', database.startup.generation, 'an empty database', 'a table, 1 line'],
      [other.name, generation, many(found.length, 'line'), '1 line'],
      ['this one', database.startup.generation, '', refused.code],
    ],
    ([, , , wrote]) => wrote === '1 line',
  );
  await database.close();

  const again = await store.openDatabase(actorId);
  const lines = await again.all('SELECT author, text FROM line ORDER BY id');
  await again.close();
  text();
  text('What is there, in order:');
  for (const { author, text: words } of lines) {
    text(`   ${author}: ${words}`);
  }
  expect(lines.length === 2, `${lines.length} lines instead of 2`);
  text();
  text('Nothing of the refused transaction; the actor was told that it is over.');
}
