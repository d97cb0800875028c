// SVG as text: elements, escaping, and the frame that all plots share. A plot brings its own background and
// both of its palettes, so that it is readable wherever it is shown; which one is the viewer's choice.

'use strict';

/** Colours by class. Text has a contrast of 4.5 or more with the background, everything drawn of 3. */
const PALETTES = {
  light: {
    background: '#ffffff',
    text: '#1f2328',
    quiet: '#59636e',
    grid: '#d9dee3',
    series: ['#0550ae', '#bc4c00', '#1a7f37'],
  },
  dark: {
    background: '#0d1117',
    text: '#f0f6fc',
    quiet: '#a3adb8',
    grid: '#30363d',
    series: ['#79c0ff', '#ffa657', '#7ee787'],
  },
};
const FONT_SIZE = 13;
const TITLE_SIZE = 16;

/** @param {string} text */
function escape(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [content] Markup.
 */
function element(name, attributes, content) {
  const pairs = Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new RangeError(`${key} of <${name}> is ${value}`);
    }
    // A tenth of a pixel is finer than anybody sees.
    const text = typeof value === 'number' ? String(Number(value.toFixed(1))) : escape(value);
    return ` ${key}="${text}"`;
  });
  return content === undefined
    ? `<${name}${pairs.join('')}/>`
    : `<${name}${pairs.join('')}>${content}</${name}>`;
}

/**
 * @param {number} x
 * @param {number} y Of the baseline.
 * @param {string} content
 * @param {{ anchor?: 'start' | 'middle' | 'end', kind?: string, size?: number }} [style]
 */
function text(x, y, content, { anchor = 'start', kind = 'text', size = FONT_SIZE } = {}) {
  const attributes = { x, y, 'text-anchor': anchor, 'font-size': size, class: kind };
  return element('text', attributes, escape(content));
}

/**
 * A whole drawing.
 *
 * @param {{ width: number, height: number, title: string, description: string }} about
 * @param {string[]} content
 */
function drawing({ width, height, title, description }, content) {
  const { light, dark } = PALETTES;
  const style = `${rules(light)}\n@media (prefers-color-scheme: dark) {\n${rules(dark)}\n}`;
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-labelledby': 'title description',
    'font-family': 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif',
  };
  const body = [
    element('title', { id: 'title' }, escape(title)),
    element('desc', { id: 'description' }, escape(description)),
    element('style', {}, style),
    element('rect', { width, height, class: 'background' }),
    text(20, 28, title, { size: TITLE_SIZE }),
    ...content,
  ];
  return `${element('svg', attributes, `\n${body.join('\n')}\n`)}\n`;
}

/** @param {typeof PALETTES.light} palette */
function rules({ background, text, quiet, grid, series }) {
  return [
    `.background { fill: ${background}; }`,
    `.text { fill: ${text}; }`,
    `.quiet { fill: ${quiet}; }`,
    `.grid { stroke: ${grid}; stroke-width: 1; }`,
    ...series.flatMap((color, index) => [
      `.mark-${index} { fill: ${color}; }`,
      `.line-${index} { stroke: ${color}; stroke-width: 2; fill: none; }`,
      `.range-${index} { stroke: ${color}; stroke-width: 1.5; }`,
    ]),
  ].join('\n');
}

module.exports = { drawing, element, escape, FONT_SIZE, PALETTES, text, TITLE_SIZE };
