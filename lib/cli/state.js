// A state of the past on the command line: a point, a time, or the name of a pin.

'use strict';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/**
 * @param {string} text
 * @returns {string | Date}
 */
function state(text) {
  return TIME.test(text) ? new Date(text) : text;
}

/** The option that says which state is read. */
const option = /** @type {const} */ ({
  type: 'string',
  help: 'a state of the past: a point, a time such as 2026-11-29T12:00:00Z, or the name of a pin',
});

module.exports = { option, state };
