'use strict';

const { join } = require('node:path');

const { ROOT, runNode } = require('../helpers.js');

const run = (name) => runNode(join(ROOT, 'examples', 'history', `${name}.mjs`)).then(({ stdout }) => stdout);

test("an agent's mistake is undone, and the agent that made it is fenced", async () => {
  const stdout = await run('undo-a-mistake');
  expect(stdout).toContain('0 tasks after: DELETE FROM task\n');
  expect(stdout).toContain('set back, generation 2');
  expect(stdout).toContain('in the mistake: []');
  expect(stdout).toContain('the old agent: ERR_FENCE_MISMATCH');
  expect(stdout).toMatch(/\{ text: 'book the flight', done: 1 \},\s+\{ text: 'write the report', done: 0 \}/);
});

test('a migration is tried on forks, and what fails there is left alone', async () => {
  const stdout = await run('try-a-migration');
  expect(stdout).toContain('tenant/ada: migrated\ntenant/bob: migrated\n');
  expect(stdout).toContain('tenant/eve: left as it was (SQLITE_CONSTRAINT)');
  expect(stdout).toContain('3 actors, and no trial among them');
});
