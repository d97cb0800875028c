// The plots: lines over a logarithmic axis, and bars. Whiskers go from the first to the third quartile.

'use strict';

const { apart, linear, logarithmic, textWidth, ticks } = require('./geometry.js');
const { drawing, element, FONT_SIZE, PALETTES, text } = require('./svg.js');

const WIDTH = 720;
const HEIGHT = 380;
const TOP = 72;
const BOTTOM = 56;
const LEFT = 72;
/** Between two labels' baselines. */
const LINE_HEIGHT = 18;
const BAR_HEIGHT = 34;
const BAR_GAP = 22;
/** Besides its colour each line has a marker of its own, for whoever does not see the colours. */
const MARKERS = [circle, square, diamond];

/**
 * @typedef {{ x: number, y: number, low: number, high: number }} Point
 * @typedef {{ name: string, points: Point[] }} Series
 * @typedef {{ title: string, subtitle: string, xLabel: string, series: Series[], yText?: (y: number) => string }} Lines
 * @typedef {{ name: string, value: number, low: number, high: number, series: number }} Bar
 * @typedef {{ title: string, subtitle: string, bars: Bar[], text: (value: number) => string }} Bars
 */

/**
 * @param {Lines} plot
 * @returns {string}
 */
function lines({ title, subtitle, xLabel, series, yText = number }) {
  refuseTooMany(series.length);
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) {
    throw new Error(`${title}: there is nothing to draw`);
  }
  const values = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const marks = ticks(Math.max(...points.map(({ high, y }) => Math.max(high, y))));
  const labelWidth = Math.max(...series.map(({ name }) => textWidth(name, FONT_SIZE)));
  const right = WIDTH - labelWidth - 30;
  const bottom = HEIGHT - BOTTOM;
  const x = logarithmic([values[0], values[values.length - 1]], [LEFT + 24, right - 16]);
  const y = linear([0, marks[marks.length - 1]], [bottom, TOP]);
  const ends = series.map((one) => y(one.points[one.points.length - 1].y));
  const labels = apart(ends, LINE_HEIGHT, [TOP, bottom]);
  return drawing({ width: WIDTH, height: HEIGHT, title, description: spoken(series, xLabel, yText) }, [
    text(20, 50, subtitle, { kind: 'quiet' }),
    ...marks.flatMap((mark) => [
      element('line', { x1: LEFT, y1: y(mark), x2: right, y2: y(mark), class: 'grid' }),
      text(LEFT - 8, y(mark) + FONT_SIZE / 3, yText(mark), { anchor: 'end', kind: 'quiet' }),
    ]),
    ...values.map((value) => text(x(value), bottom + 20, number(value), { anchor: 'middle', kind: 'quiet' })),
    text((LEFT + right) / 2, HEIGHT - 14, xLabel, { anchor: 'middle', kind: 'quiet' }),
    ...series.map((one, index) => curve(one, index, x, y)),
    ...series.map(({ name }, index) =>
      text(right + 10, labels[index] + FONT_SIZE / 3, name, { kind: `mark-${index}` }),
    ),
  ]);
}

/**
 * @param {Series} series
 * @param {number} index
 * @param {(value: number) => number} x
 * @param {(value: number) => number} y
 */
function curve({ name, points }, index, x, y) {
  const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
  return element(
    'g',
    { 'data-series': name },
    [
      ...points.map((point) => whisker([x(point.x), y(point.low)], [x(point.x), y(point.high)], index)),
      element('polyline', { points: path, class: `line-${index}` }),
      ...points.map((point) => MARKERS[index](x(point.x), y(point.y), `mark-${index}`)),
    ].join('\n'),
  );
}

/**
 * @param {Bars} plot
 * @returns {string}
 */
function bars({ title, subtitle, bars: list, text: textOf }) {
  refuseTooMany(1 + Math.max(...list.map(({ series }) => series)));
  const left = 32 + Math.max(...list.map(({ name }) => textWidth(name, FONT_SIZE)));
  const width = Math.max(...list.map(({ value }) => textWidth(textOf(value), FONT_SIZE)));
  const longest = Math.max(...list.map(({ value, high }) => Math.max(value, high)));
  const x = linear([0, longest], [left, WIDTH - width - 30]);
  const height = TOP + list.length * (BAR_HEIGHT + BAR_GAP);
  const description = list.map(({ name, value }) => `${name}: ${textOf(value)}`).join('; ');
  return drawing({ width: WIDTH, height, title, description }, [
    text(20, 50, subtitle, { kind: 'quiet' }),
    ...list.flatMap(({ name, value, low, high, series }, index) => {
      const top = TOP + index * (BAR_HEIGHT + BAR_GAP);
      const middle = top + BAR_HEIGHT / 2;
      const bar = { x: left, y: top, width: x(value) - left, height: BAR_HEIGHT, class: `mark-${series}` };
      // Below the bar, where it is seen against the background.
      const below = top + BAR_HEIGHT + 5;
      return [
        text(left - 12, middle + FONT_SIZE / 3, name, { anchor: 'end' }),
        element('rect', { ...bar, 'data-series': name }),
        whisker([x(low), below], [x(high), below], series),
        text(Math.max(x(value), x(high)) + 8, middle + FONT_SIZE / 3, textOf(value)),
      ];
    }),
  ]);
}

/**
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @param {number} index
 */
function whisker([x1, y1], [x2, y2], index) {
  return element('line', { x1, y1, x2, y2, class: `range-${index}` });
}

/** @param {number} cx @param {number} cy @param {string} kind */
function circle(cx, cy, kind) {
  return element('circle', { cx, cy, r: 4.5, class: kind });
}

/** @param {number} x @param {number} y @param {string} kind */
function square(x, y, kind) {
  return element('rect', { x: x - 4, y: y - 4, width: 8, height: 8, class: kind });
}

/** @param {number} x @param {number} y @param {string} kind */
function diamond(x, y, kind) {
  const corners = [
    [x, y - 6],
    [x + 6, y],
    [x, y + 6],
    [x - 6, y],
  ];
  const points = corners.map((corner) => corner.map((side) => side.toFixed(1)).join(',')).join(' ');
  return element('polygon', { points, class: kind });
}

/**
 * What a screen reader says.
 *
 * @param {Series[]} series
 * @param {string} xLabel
 * @param {(y: number) => string} yText
 */
function spoken(series, xLabel, yText) {
  const each = series.map(
    ({ name, points }) => `${name}: ${points.map(({ x, y }) => `${yText(y)} at ${number(x)}`).join(', ')}`,
  );
  return `By ${xLabel}. ${each.join('; ')}`;
}

/** @param {number} count */
function refuseTooMany(count) {
  if (count > PALETTES.light.series.length) {
    throw new RangeError(`there are colours for ${PALETTES.light.series.length} series, not for ${count}`);
  }
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

module.exports = { bars, lines, TOP };
