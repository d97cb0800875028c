// SQL of threads of Node that end before it does.

'use strict';

const { join } = require('node:path');

const { onEachSharedBackend, runNode } = require('../helpers.js');

const fixture = (name) => join(__dirname, '..', 'fixtures', name);

const ACTORS = 4 * 21;

onEachSharedBackend((place) => {
  test.each(['terminate', 'exit'])('ends with its worker: %s', async (how) => {
    const options = place();
    // Where users of one directory must agree on the durability, this opens when all others have closed.
    const other = options.path === undefined ? options : { ...options, durability: 'strict' };
    const places = [options, other].map((each) => JSON.stringify(each));
    const { stdout, stderr } = await runNode(fixture('terminate-endless.js'), ...places, how);
    expect({ stdout, stderr }).toEqual({
      stdout: `quiet\n${ACTORS} actors, rows of 1\n`,
      stderr: '',
    });
  });

  test('has deadlines in each of several workers that follow each other', async () => {
    const { stdout, stderr } = await runNode(fixture('workers-in-turn.js'), JSON.stringify(place()));
    expect({ stdout, stderr }).toEqual({ stdout: 'ERR_CLOSED\n'.repeat(3), stderr: '' });
  });

  test('does not hold up process.exit', async () => {
    const exit = runNode(fixture('exit-endless.js'), JSON.stringify(place()));
    await expect(exit).rejects.toMatchObject({ code: 7, stdout: 'busy\n', stderr: '' });
  });
});
