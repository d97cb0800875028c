// Reads Prometheus' text format, version 0.0.4, and throws at whatever is not exactly of that form: stricter than a
// scraper, which lets some of it pass.

'use strict';

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\\\\\|\\\\n)+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.+)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf)$/;

/** @param {string} text */
function labelsOf(text) {
  /** @type {Record<string, string>} */
  const labels = {};
  let rest = text;
  while (rest !== '') {
    const label = LABEL.exec(rest);
    if (!label || label[1] in labels) {
      throw new Error(`not labels: ${text}`);
    }
    labels[label[1]] = label[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    rest = rest.slice(label[0].length);
    if (rest === '' && label[0].endsWith(',')) {
      throw new Error(`a comma too many: ${text}`);
    }
  }
  return labels;
}

/** @param {string} line */
function sampleOf(line) {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !NUMBER.test(value)) {
    throw new Error(`not a sample: ${line}`);
  }
  return { name, labels: labelsOf(labels), value: value === '+Inf' ? Infinity : Number(value) };
}

/** @param {{ name: string, samples: ReturnType<typeof sampleOf>[] }} family */
function checkHistogram({ name, samples }) {
  const groups = new Map();
  for (const { name: part, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    const group = groups.get(key) ?? { buckets: [] };
    groups.set(key, group);
    if (part === `${name}_bucket`) {
      group.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    } else if (le === undefined) {
      group[part] = value;
    }
  }
  for (const { buckets, [`${name}_sum`]: sum, [`${name}_count`]: count } of groups.values()) {
    const rises = buckets.every(([le, value], index) => {
      const [before, less] = buckets[index - 1] ?? [-Infinity, 0];
      return le > before && value >= less;
    });
    const [last, all] = buckets.at(-1) ?? [];
    if (!rises || last !== Infinity || all !== count || !(sum >= 0)) {
      throw new Error(`not a histogram: ${name} ${JSON.stringify(buckets)} ${sum} ${count}`);
    }
  }
}

/**
 * @param {string} text
 * @returns {Map<string, { name: string, help: string, type: string, samples: ReturnType<typeof sampleOf>[] }>}
 */
function parse(text) {
  if (!text.endsWith('\n')) {
    throw new Error('the last line has no end');
  }
  const families = new Map();
  const seen = new Set();
  let family;
  for (const line of text.slice(0, -1).split('\n')) {
    const help = HELP.exec(line);
    const type = TYPE.exec(line);
    if (help) {
      family = { name: help[1], help: help[2], type: '', samples: [] };
      if (families.has(help[1])) {
        throw new Error(`twice: ${line}`);
      }
      families.set(help[1], family);
    } else if (type) {
      if (family?.name !== type[1] || family.type !== '') {
        throw new Error(`not where its HELP is: ${line}`);
      }
      family.type = type[2];
    } else {
      const sample = sampleOf(line);
      const parts = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!parts.some((part) => sample.name === `${family?.name}${part}`) || family.type === '') {
        throw new Error(`not of the family ${family?.name}: ${line}`);
      }
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) {
        throw new Error(`twice: ${line}`);
      }
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) {
    if (each.type === '' || each.samples.length === 0) {
      throw new Error(`nothing of it is there: ${each.name}`);
    }
    if (each.type === 'histogram') {
      checkHistogram(each);
    }
  }
  return families;
}

module.exports = { parse };
