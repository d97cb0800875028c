// An agent makes a mistake, and its actor is set back to the moment before: node examples/history/undo-a-mistake.mjs
//
// The agent notes the point before each step. When a check finds that a step has done harm, the actor is restored in
// place, one small transaction whatever the size of its database, and started again. The restore can be undone, too.

import { Store, isBatonError } from 'batondb';

const store = await Store.open({
  memory: true, // or { path: './data' }
  history: { keepAll: '1h', then: [{ every: '10m', for: '7d' }] },
});

const steps = [
  "INSERT INTO task(text, done) VALUES ('book the flight', 0), ('write the report', 0)",
  "UPDATE task SET done = 1 WHERE text = 'book the flight'",
  'DELETE FROM task', // what a model may do when it is asked to tidy up
];

let agent = await store.openDatabase('agent-7');
await agent.exec(
  'CREATE TABLE task(id INTEGER PRIMARY KEY, text TEXT NOT NULL, done INTEGER NOT NULL) STRICT',
);

for (const step of steps) {
  const before = await agent.point();
  await agent.exec(step);
  const [{ tasks }] = await agent.all('SELECT count(*) AS tasks FROM task');
  console.log(`${tasks} tasks after: ${step.slice(0, 30)}`);
  if (Number(tasks) > 0) continue;

  const { undo, generation } = await store.restore('agent-7', { to: before });
  console.log(`set back, generation ${generation}; what was done stays readable`);
  const mistake = await store.openDatabase('agent-7', { readOnly: true, at: undo });
  console.log('in the mistake:', await mistake.all('SELECT text FROM task'));
  await mistake.close();

  // The agent that made the mistake is fenced, wherever it runs.
  await agent
    .exec("INSERT INTO task(text, done) VALUES ('too late', 0)")
    .catch((error) => console.log('the old agent:', isBatonError(error) && error.code));
  agent = await store.openDatabase('agent-7');
}

console.log(await agent.all('SELECT text, done FROM task ORDER BY id'));
await store.close();
