// The runner of the documentation's examples, and the pages that have examples.

'use strict';

const { commands, examples, pattern } = require('./doc-examples.js');

const PAGE = `
# Title

<!-- before
const one = 'one';
-->

\`\`\`js
console.log(one);
\`\`\`

\`\`\`text
one
\`\`\`

<!-- not run: it needs a cluster -->

\`\`\`js
process.exit(1);
\`\`\`

\`\`\`sql
SELECT 1;
\`\`\`

\`\`\`console
$ echo one \\
    two
one two
$ false
exit code 1
\`\`\`

<!-- a race: both may win -->

\`\`\`js
console.log('raced');
\`\`\`
`;

test('the blocks that are run are found, with what is expected of them', () => {
  expect(examples(PAGE)).toEqual([
    {
      line: 8,
      language: 'js',
      body: 'console.log(one);\n',
      before: "const one = 'one';\n",
      races: false,
      expected: 'one\n',
    },
    { line: 26, language: 'console', body: expect.stringContaining('$ false'), before: '', races: false },
    { line: 36, language: 'js', body: "console.log('raced');\n", before: '', races: true },
  ]);
});

test('a block of console is cut into commands', () => {
  expect(commands(examples(PAGE)[1].body)).toEqual([
    { command: 'echo one      two', expected: 'one two', code: 0 },
    { command: 'false', expected: '', code: 1 },
  ]);
});

test('… stands for characters within a line, alone for lines, and for nothing else', () => {
  expect('took 3 ms (fast)\n').toMatch(pattern('took … ms (fast)'));
  expect('took 3 s (fast)\n').not.toMatch(pattern('took … ms (fast)'));
  expect('a\nb\nc\nd\n').toMatch(pattern('a\n…\nd\n'));
  expect('a\nd\n').toMatch(pattern('a\n…\nd\n'));
  expect('a\nb\nc\n').not.toMatch(pattern('a\n…\nd\n'));
});
