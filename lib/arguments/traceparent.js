// The W3C trace context that a caller passes.

'use strict';

const check = require('./check.js');

const IDS = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
/** Future versions may append more to the fields of version 00; ff is not a version. */
const TRACEPARENT = new RegExp(`^(?:00-${IDS}|(?!00|ff)[0-9a-f]{2}-${IDS}(?:-.*)?)$`);

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string | undefined}
 */
function traceparent(value, name) {
  if (value === undefined) {
    return undefined;
  }
  const text = check.string(value, name);
  if (!TRACEPARENT.test(text)) {
    throw check.invalid(name, 'a W3C traceparent, version-traceid-parentid-flags in lowercase hex', value);
  }
  return text;
}

module.exports = { traceparent };
