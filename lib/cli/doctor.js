// batondb doctor: checks the installation and a store.

'use strict';

const { BatonError } = require('../error.js');
const { count, plain, plural, size } = require('./output.js');
const { problemLine } = require('./problems.js');
const { option: progressOption } = require('./progress.js');
const { UsageError } = require('./usage.js');

/** @type {import('./usage.js').Command} */
const command = {
  name: 'doctor',
  summary: 'check every row and every database for damage',
  args: ['<store>', '[actor]'],
  help: `Reads every row and checks its version, checksum and size, that all rows of an actor go together, and, unless
--shallow, that SQLite's integrity_check finds nothing in each database. Of a whole store in a directory it also checks
the checkpoint and the journal. Actors may be in use meanwhile: nothing is taken over, locked or changed. One that commits without a pause may be told to be busy, which is no damage.

The exit code is 0 if there is no error, else 1; warnings alone do not count unless --strict. An actor that does not
exist is an error. Nothing is repaired: what to do about damage is said in docs/cli.md.`,
  options: {
    prefix: { type: 'string', value: 'TEXT', help: 'only actors whose ids begin with TEXT' },
    shallow: { type: 'boolean', help: 'rows alone, without integrity_check' },
    strict: { type: 'boolean', help: 'warnings and busy actors count as well' },
    json: { type: 'boolean', help: 'the report as an object' },
    progress: progressOption,
  },
  examples: [
    'batondb doctor ./data',
    'batondb doctor ./data room-1',
    'batondb doctor ./data --json > report.json',
  ],
  reports: true,
  async run({ values, args: [, actorId], out, open, progress, signal }) {
    if (actorId !== undefined && values.prefix !== undefined) {
      throw new UsageError('give an actor or --prefix, not both');
    }
    const store = await open(undefined, { readOnly: true });
    const report = await store.verify({
      actorId,
      prefix: values.prefix,
      deep: !values.shallow,
      signal,
      onProgress: ({ actors, bytes, problems }) =>
        progress.show(`${plural(actors, 'actor')}, ${size(bytes)} read, ${plural(problems, 'problem')}`),
    });
    progress.clear();
    // Readers that keep old states, or a process that keeps the write turn: the stored data is fine, but the
    // file grows or nobody can write.
    const { messages } = await store.status();
    const warned = report.problems.length > 0 || report.busy.length > 0 || messages.length > 0;
    const code = report.ok && !(values.strict && warned) ? 0 : 1;
    // A missing actor is not damaged, but it is not what the user asked for either.
    const missing = actorId !== undefined && report.ok && !(await store.stat(actorId));
    if (values.json) {
      await out.json({ ...report, ok: report.ok && !missing, messages });
      if (missing) throw notThere(actorId);
      return code;
    }
    for (const problem of report.problems) await out.line(problemLine(problem));
    if (report.problemsOmitted > 0) await out.line(`and ${count(report.problemsOmitted)} more problems`);
    for (const busy of report.busy) {
      await out.line(
        `busy: actor ${plain(JSON.stringify(busy))} commits all the time; ask for it alone later`,
      );
    }
    for (const message of messages) await out.line(`warning: ${plain(message)}`);
    if (missing) throw notThere(actorId);
    if (report.history.actors > 0) await out.line(history(report.history));
    await out.line(summary(report));
    return code;
  },
};

/** @param {string} actorId */
function notThere(actorId) {
  return new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(actorId)} does not exist`);
}

/** @param {import('../../index.js').VerifyReport['history']} history */
function history({ actors, points, pins, rows, bytes }) {
  const kept = `${plural(points, 'state')} and ${plural(pins, 'pin')}`;
  return `history: ${kept} of ${plural(actors, 'actor')}, ${plural(rows, 'row')} beyond the current states, ${size(bytes)}`;
}

/** @param {import('../../index.js').VerifyReport} report */
function summary({ actors, databases, rows, bytes, problems, problemsOmitted }) {
  const errors = problems.filter(({ severity }) => severity === 'error').length + problemsOmitted;
  const warnings = problems.length + problemsOmitted - errors;
  const found =
    errors + warnings === 0 ? 'no problem' : `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`;
  const read = `${plural(actors, 'actor')}, ${plural(databases, 'database')}, ${plural(rows, 'row')}, ${size(bytes)}`;
  return `${found} in ${read}`;
}

module.exports = command;
