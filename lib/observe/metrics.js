// The metrics of a store, as an object for programs and as text for Prometheus. Both are built from the
// addon's list of metrics, which has the name, the meaning and the place of each.

'use strict';

const check = require('../arguments/check.js');
const { BatonError } = require('../error.js');

const PREFIX_DEFAULT = 'baton_';
const PREFIX = /^(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?$/;
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The label of a histogram's bounds. */
const BOUND = 'le';

/** @typedef {import('../../binding.js').NativeMetricFamily} Family */
/** @typedef {import('../../binding.js').NativeMetricSeries} Series */
/** @typedef {readonly (readonly [name: string, value: string])[]} Labels */

/**
 * The numbers are properties, so that they can be printed, compared and sent as JSON; the text format is on
 * the prototype.
 */
class StoreMetrics {
  #families;

  /** @param {readonly Family[]} families */
  constructor(families) {
    this.#families = families;
    for (const { path, value, histogram } of families.flatMap(({ series }) => series)) {
      const names = path.split('.');
      const last = /** @type {string} */ (names.pop());
      /** @type {any} */
      let group = this;
      for (const name of names) {
        group = group[name] ??= {};
      }
      group[last] = histogram ? toHistogram(histogram) : value;
    }
  }

  /** @param {import('../../index.js').PrometheusOptions} [options] */
  toPrometheus(options) {
    const { prefix, labels } = prometheusOptions(options, this.#families);
    return this.#families.map((family) => familyText(family, prefix, labels)).join('');
  }
}

/**
 * @param {import('../../binding.js').NativeHistogram} histogram
 * @returns {import('../../index.js').Histogram}
 */
function toHistogram({ bounds, counts, count, sum }) {
  const buckets = bounds.map((le, index) => ({ le, count: counts[index] }));
  return { count, sum, buckets: [...buckets, { le: Infinity, count }] };
}

/**
 * @param {unknown} value
 * @param {readonly Family[]} families
 * @returns {{ prefix: string, labels: Labels }}
 */
function prometheusOptions(value = {}, families) {
  const { prefix = PREFIX_DEFAULT, labels = {} } = check.object(value, 'options', ['prefix', 'labels']);
  if (!PREFIX.test(check.string(prefix, 'options.prefix'))) {
    throw check.invalid('options.prefix', 'the beginning of a metric name: letters, digits, _ and :', prefix);
  }
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw check.invalid('options.labels', 'an object', labels);
  }
  const taken = new Set([BOUND, ...families.map(({ label }) => label)]);
  const checked = Object.entries(labels).map(([name, text]) => {
    if (!LABEL.test(name)) {
      throw new BatonError(
        'ERR_INVALID_ARG',
        `The "options.labels" property has the name ${check.show(name)}; names of labels have letters, digits and _, ` +
          'begin with no digit and not with __',
      );
    }
    if (taken.has(name)) {
      throw new BatonError(
        'ERR_INVALID_ARG',
        `The "options.labels" property has the name ${check.show(name)}, which a metric of the store has already`,
      );
    }
    return /** @type {const} */ ([name, check.string(text, `options.labels.${name}`)]);
  });
  return { prefix, labels: checked };
}

/**
 * @param {Family} family
 * @param {string} prefix
 * @param {Labels} labels
 */
function familyText({ name, help, kind, label, series }, prefix, labels) {
  const full = `${prefix}${name}`;
  const head = `# HELP ${full} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${full} ${kind}\n`;
  return series.reduce((text, one) => {
    /** @type {Labels} */
    const own = label === undefined ? labels : [...labels, [label, one.label ?? '']];
    return text + seriesText(full, one, own);
  }, head);
}

/**
 * @param {string} name
 * @param {Series} series
 * @param {Labels} labels
 */
function seriesText(name, { value, histogram }, labels) {
  if (!histogram) {
    return sample(name, labels, value ?? 0);
  }
  const { buckets, count, sum } = toHistogram(histogram);
  const counts = buckets.map((bucket) =>
    sample(`${name}_bucket`, [...labels, [BOUND, numberText(bucket.le)]], bucket.count),
  );
  return [...counts, sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count)].join('');
}

/**
 * @param {string} name
 * @param {Labels} labels
 * @param {number} value
 */
function sample(name, labels, value) {
  const pairs = labels.map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

/** @param {number} value */
function numberText(value) {
  return value === Infinity ? '+Inf' : String(value);
}

module.exports = { StoreMetrics };
