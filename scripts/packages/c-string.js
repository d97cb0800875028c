'use strict';

/** The text up to the next zero byte. @param {Buffer} data @param {number} offset */
function cString(data, offset) {
  return data.toString('latin1', offset, data.indexOf(0, offset));
}

module.exports = { cString };
