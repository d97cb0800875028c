// What `npm run bench` writes, from figures that are given.

'use strict';

const { apart, ticks } = require('../../bench/report/geometry.js');
const { markdownTable, page, plots } = require('../../bench/report/page.js');
const { resultOf, verdict, withoutRatios } = require('../../bench/report/results.js');

const commits = (actors, turns, goal) =>
  resultOf(
    {
      bench: 'commits',
      case: `commits, ${actors} actors`,
      unit: '/s',
      better: 'higher',
      params: { actors },
      goal,
    },
    turns,
  );
const RESULTS = [
  commits(
    1,
    [
      { baton: 100, libsql: 400, 'better-sqlite3': 500 },
      { baton: 120, libsql: 300, 'better-sqlite3': 500 },
      { baton: 110, libsql: 440, 'better-sqlite3': 550 },
    ],
    { peer: 'libsql', atLeast: 0.6 },
  ),
  commits(64, [{ baton: 6000, libsql: 1000, 'better-sqlite3': 1200 }], { peer: 'libsql', atLeast: 5 }),
  ...[1, 256].map((sizeMib) =>
    resultOf(
      {
        bench: 'startup',
        case: `start, ${sizeMib} MiB`,
        unit: 'ms',
        better: 'lower',
        params: { sizeMib, preloadedPages: 1 },
      },
      [{ baton: 0.5 }],
    ),
  ),
  resultOf(
    {
      bench: 'sql',
      case: 'cold scan',
      unit: 'ms',
      better: 'lower',
      params: { scanMib: 50 },
      goal: { peer: 'libsql', atMost: 1.5 },
    },
    [{ baton: 30, 'better-sqlite3': 40 }],
  ),
  resultOf({ bench: 'sql', case: 'points', unit: '/s', better: 'higher' }, [
    { libsql: 10, 'better-sqlite3': 20, baton: 30 },
  ]),
];
const RUN = {
  date: '2026-11-24',
  command: 'npm run bench',
  seconds: 100,
  machine: { cpu: 'a <fast> one', cores: 2, memoryBytes: 2 ** 34, kernel: 'linux 6', filesystem: 'ext4' },
  versions: { Node: '20.0.0' },
  notes: ['libsql was left out of one: it is not there'],
  results: RESULTS,
};

test('a ratio is the median of the ratios inside the turns', () => {
  expect(RESULTS[0]).toMatchObject({ baton: 110, peers: { libsql: 400, 'better-sqlite3': 500 }, samples: 3 });
  expect(RESULTS[0].ratio.libsql).toBeCloseTo(0.25); // not 110 / 400
});

test('a goal is kept, missed, or nothing without its peer', () => {
  expect(RESULTS.map(verdict)).toEqual(['missed', 'met', 'none', 'none', 'none', 'none']);
});

test('a goal of Baton alone is judged without ratios, which need not mean anything', () => {
  const late = withoutRatios(
    resultOf({ bench: 'commits', case: 'late', unit: 'ms', better: 'lower', goal: { atMost: 2 } }, [
      { baton: 3, libsql: 0 },
    ]),
  );
  expect(verdict(late)).toBe('missed');
  expect(page({ ...RUN, results: [late] })).toContain(
    '| late | 3.00 ms | 0.00 ms |  | at most 2 ms | **missed** |',
  );
});

test('the page has the figures, what was missed, and where it was measured', () => {
  const text = page(RUN);
  expect(text).toContain('| commits, 1 actors | 110/s | 400/s | 500/s | 0.25 |');
  expect(text).toContain('at least 0.6 of libsql | **missed** |');
  expect(text).toContain('at least 5 of libsql | met |');
  expect(text).toContain('| cold scan | 30.0 ms | 40.0 ms |  | 0.75 |  |');
  expect(text).toContain('2 x a <fast> one, 16 GiB, linux 6, files on ext4');
  expect(text).toContain('> libsql was left out of one');
  for (const file of Object.keys(plots(RUN))) {
    expect(text).toContain(`](${file})`);
  }
  expect(markdownTable([['a|b'], ['1']])).toBe('| a\\|b |\n| --- |\n| 1 |');
});

test('the plots are well-formed, and have a point for each figure', () => {
  const files = plots(RUN);
  expect(Object.keys(files)).toEqual(['startup-latency.svg', 'commits.svg', 'cold-scan.svg']);
  for (const svg of Object.values(files)) {
    const open = [];
    for (const [, end, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
      if (end) expect(open.pop()).toBe(name);
      else if (!self) open.push(name);
    }
    expect(open).toEqual([]);
    expect(svg).toContain('a &lt;fast&gt; one');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  }
  expect(files['commits.svg'].match(/<polyline/g)).toHaveLength(3);
  const [, points] = /data-series="Baton">[\s\S]*?<polyline points="([^"]+)"/.exec(files['commits.svg']);
  const [[x1, y1], [x2, y2]] = points.split(' ').map((pair) => pair.split(',').map(Number));
  expect(x2).toBeGreaterThan(x1);
  expect(y2).toBeLessThan(y1); // more is higher up
  expect(files['cold-scan.svg'].match(/<rect [^>]*data-series/g)).toHaveLength(2);
});

test('without figures for it a plot is left out', () => {
  expect(plots({ ...RUN, results: [] })).toEqual({});
});

test('labels keep out of each other’s way, and ticks are round', () => {
  const moved = apart([100, 101, 102], 18, [0, 300]).sort((a, b) => a - b);
  expect(moved[1] - moved[0]).toBeGreaterThanOrEqual(18);
  expect(moved[2] - moved[1]).toBeGreaterThanOrEqual(18);
  expect(ticks(13_000)).toEqual([0, 5000, 10_000, 15_000]);
  expect(ticks(0)).toEqual([0, 1]);
});
