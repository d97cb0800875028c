// Describes problems in words.

'use strict';

const { plain } = require('./output.js');

/** @param {import('../../index.js').Problem} problem */
function problemLine({ severity, actorId, kind, page, txid, detail }) {
  const place = [
    actorId === undefined ? undefined : `actor ${plain(JSON.stringify(actorId))}`,
    kind,
    page === undefined ? undefined : `page ${page}`,
    txid === undefined ? undefined : `txid ${txid}`,
  ];
  return `${severity}: ${place.filter((each) => each !== undefined).join(', ')}: ${plain(detail)}`;
}

module.exports = { problemLine };
