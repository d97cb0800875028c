// Which actor of the store a rivetkit actor has: by its name and key, which rivetkit does not tell a provider, and from
// which earlier id its data comes.

'use strict';

const { createHash } = require('node:crypto');

const check = require('../../lib/arguments/check.js');
const { BatonError, isBatonError } = require('../../lib/error.js');

/** @typedef {import('../../index.js').Store} Store */
/** @typedef {import('../rivetkit.js').EngineOptions} EngineOptions */
/** @typedef {import('../rivetkit.js').ProviderContext} ProviderContext */

const ID_BYTES_MAX = 256;
const ENGINE_TIMEOUT_MS = 10_000;
// rivetkit's own.
const ENDPOINT_DEFAULT = 'http://127.0.0.1:6420';
const NAMESPACE_DEFAULT = 'default';

/**
 * A key is written as rivetkit's engine writes it, whose parts are escaped; so is the name, or one of them could pass
 * for a part of the other. What is too long for an id is told by its hash, in a form that no key has.
 *
 * @param {string} name
 * @param {string} key
 */
function idOf(name, key) {
  const escaped = name.replace(/[\\/]/g, '\\$&');
  const id = `${escaped}/${key}`;
  if (Buffer.byteLength(id) <= ID_BYTES_MAX) return id;
  return `\\sha256/${createHash('sha256').update(id).digest('hex')}`;
}

/**
 * @param {EngineOptions} options
 * @returns {{ url: URL, namespace: string, token: string | undefined }}
 */
function engineOf({ endpoint, namespace, token }) {
  const { RIVET_ENDPOINT, RIVET_NAMESPACE, RIVET_TOKEN } = process.env;
  const given = endpoint ?? RIVET_ENDPOINT ?? ENDPOINT_DEFAULT;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw check.invalid('options.endpoint', 'an http or https URL', given);
  }
  // As rivetkit takes it: https://namespace:token@host
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  [url.username, url.password] = ['', ''];
  url.pathname = `${url.pathname.replace(/\/$/, '')}/actors`;
  return {
    url,
    namespace: namespace ?? (user || RIVET_NAMESPACE || NAMESPACE_DEFAULT),
    token: token ?? (password || RIVET_TOKEN || undefined),
  };
}

/**
 * @param {ReturnType<typeof engineOf>} engine
 * @param {string} actorId
 * @returns {Promise<{ name: string, key?: string | null }>}
 */
async function askEngine({ url, namespace, token }, actorId) {
  const query = new URLSearchParams({ actor_ids: actorId, namespace });
  const unavailable = (/** @type {string} */ why, /** @type {unknown} */ cause) =>
    new BatonError(
      'ERR_UNAVAILABLE',
      `rivetkit's engine at ${url.origin} does not tell name and key of actor ${JSON.stringify(actorId)}: ${why}`,
      { actor: actorId, retryable: true, cause },
    );
  /** @type {any} */
  let answer;
  try {
    const response = await fetch(`${url}?${query}`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ENGINE_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`it answers with status ${response.status}`);
    answer = await response.json();
  } catch (error) {
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
  const actor = answer?.actors?.find((/** @type {any} */ each) => each.actor_id === actorId);
  if (typeof actor?.name !== 'string') throw unavailable('it does not know the actor', undefined);
  return actor;
}

/**
 * See rivetkit.d.ts.
 *
 * @param {EngineOptions} [options]
 * @returns {(ctx: ProviderContext) => Promise<string>}
 */
function byNameAndKey(options) {
  const { endpoint, namespace, token } = check.object(options ?? {}, 'options', [
    'endpoint',
    'namespace',
    'token',
  ]);
  for (const [name, value] of Object.entries({ endpoint, namespace, token })) {
    if (value !== undefined) check.nonEmptyString(value, `options.${name}`);
  }
  const given = /** @type {EngineOptions} */ ({ endpoint, namespace, token });
  if (endpoint !== undefined) engineOf(given);
  return async ({ actorId }) => {
    const { name, key } = await askEngine(engineOf(given), actorId);
    // An actor without a key is found by its id alone.
    return typeof key === 'string' ? idOf(name, key) : actorId;
  };
}

/**
 * Brings the data of an earlier id to an actor that has none yet.
 *
 * @param {Store} store
 * @param {string} actorId
 * @param {unknown} earlier an id or several, as the caller's function answers
 */
async function adopt(store, actorId, earlier) {
  const ids = [earlier].flat().filter((id) => id !== undefined && id !== actorId);
  const hasPages = async (/** @type {string} */ id) => ((await store.stat(id))?.sizePages ?? 0) > 0;
  if (ids.length === 0 || (await hasPages(actorId))) return;
  for (const id of ids) {
    if (!(await hasPages(/** @type {string} */ (id)))) continue;
    try {
      await store.rename(/** @type {string} */ (id), actorId);
      return;
    } catch (error) {
      // Another start was faster, and has brought it here.
      if (!isBatonError(error, 'ERR_NOT_FOUND')) throw error;
    }
  }
}

module.exports = { adopt, byNameAndKey };
