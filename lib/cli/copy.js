// batondb copy: copies actors from one store to another, one at a time or a few in parallel.

'use strict';

const { createHash } = require('node:crypto');

const { BatonError, isBatonError } = require('../error.js');
const { resolved } = require('./address.js');
const { CopyState } = require('./copy-state.js');
const { compare } = require('./compare.js');
const { plain, plural, size } = require('./output.js');
const { option: progressOption } = require('./progress.js');
const { UsageError, whole } = require('./usage.js');

const SIDE_BY_SIDE_DEFAULT = '4';

/** @type {import('./usage.js').Command} */
const command = {
  name: 'copy',
  summary: 'copy actors from one store to another',
  args: ['<from>', '<to>', '[actor]'],
  help: `Copies one actor, those of --prefix, or all. Each is read from one committed head, without taking it over there,
and becomes visible in the target at once, or not at all. Stop the owners first: what is committed behind the copy of its
actor is not copied until the next run. A store in a directory keeps the head while it is copied; on a cluster an actor
that commits without a pause cannot be copied.

What was copied is noted in the file --state. The same command again goes on where an earlier one was cut off, leaves
out what is there, and copies what has changed since. An actor that is in the target already and was not brought there
by this copy, or was used there since, is left alone and told, with exit code 1, unless --replace is given.

In the target generations and commits count from the beginning. The target is made if it is not there. A store is not
copied onto itself, by whatever names it is given.`,
  options: {
    prefix: { type: 'string', value: 'TEXT', help: 'only actors whose ids begin with TEXT' },
    state: { type: 'string', value: 'FILE', help: 'where to note what was copied (batondb-copy-HASH.jsonl)' },
    replace: { type: 'boolean', help: 'replace actors of the target that are not from this copy' },
    verify: {
      type: 'boolean',
      help: 'read every page back from the target, and compare it with what was copied',
    },
    parallel: { type: 'string', value: 'N', help: `copy N actors side by side (${SIDE_BY_SIDE_DEFAULT})` },
    json: { type: 'boolean', help: 'the outcome as an object' },
    progress: progressOption,
  },
  examples: [
    'batondb copy ./data foundationdb:myapp/actors',
    'batondb copy ./data foundationdb:myapp/actors --verify --state move.jsonl',
    'batondb copy foundationdb:myapp/actors ./backup room-1',
  ],
  changes: true,
  stores: 2,
  async run(call) {
    const {
      values,
      args: [from, to, actorId],
      open,
      progress,
      out,
      note,
      signal,
    } = call;
    if (actorId !== undefined && values.prefix !== undefined) {
      throw new UsageError('give an actor or --prefix, not both');
    }
    const addresses = { from: resolved(from), to: resolved(to) };
    const same = new UsageError('both addresses are of the same store');
    if (addresses.from === addresses.to) throw same;
    const parallel = whole(values.parallel ?? SIDE_BY_SIDE_DEFAULT, 'parallel', 1, 64) ?? 1;
    const source = await openSource(open, addresses.from);
    const target = await open(addresses.to, { create: true });
    if (source.isSameAs(target)) throw same;
    const file = values.state ?? `batondb-copy-${hash(`${addresses.from}\n${addresses.to}`)}.jsonl`;
    const state = new CopyState(file, addresses);
    const job = new Job({ source, target, state, values, signal, note, progress });
    try {
      await job.run(chosen(source, actorId, values.prefix), parallel);
    } finally {
      state.close();
    }
    progress.clear();
    const { copied, unchanged, failed, bytes } = job;
    if (values.json) {
      await out.json({ copied, unchanged, bytes, failed, state: file });
    } else {
      const verified = values.verify ? ', compared' : '';
      await out.line(
        `copied ${plural(copied, 'actor')} (${size(bytes)}${verified}), ${unchanged} there already, ${failed.length} failed; noted in ${plain(file)}`,
      );
    }
    return failed.length > 0 ? 1 : 0;
  },
};

/**
 * Opens the store to copy from. If it is not writable, read-only is enough. If it is, it may be the same
 * store as the target, which is detected once both are open.
 *
 * @param {import('./main.js').Call['open']} open
 * @param {string} address
 */
async function openSource(open, address) {
  try {
    return await open(address);
  } catch (error) {
    const { retryable } = /** @type {import('../../index.js').BatonError} */ (error);
    const isUnusable = isBatonError(error, 'ERR_UNAVAILABLE') && !retryable;
    if (!isUnusable) throw error;
    return await open(address, { readOnly: true });
  }
}

/** @param {string} text */
function hash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/**
 * @param {InstanceType<typeof import('../store/store.js').Store>} source
 * @param {string | undefined} actorId
 * @param {string | undefined} prefix
 */
async function* chosen(source, actorId, prefix) {
  if (actorId === undefined) {
    yield* source.actors({ prefix });
  } else if (await source.stat(actorId)) {
    yield { actorId };
  } else {
    throw new BatonError('ERR_NOT_FOUND', `actor ${JSON.stringify(actorId)} does not exist`);
  }
}

/**
 * @typedef {object} Underway
 * @property {number} bytes that were copied
 * @property {number} steps bytes that were copied or compared
 * @property {number} all of the steps
 */

class Job {
  copied = 0;
  unchanged = 0;
  bytes = 0;
  /** @type {{ actorId: string, code: string, message: string }[]} */
  failed = [];
  /** Bytes of the actors being copied, and the progress of each. @type {Map<string, Underway>} */
  #underWay = new Map();
  #settings;

  /**
   * @param {Pick<import('./main.js').Call, 'values' | 'signal' | 'note' | 'progress'> & {
   *   source: InstanceType<typeof import('../store/store.js').Store>,
   *   target: InstanceType<typeof import('../store/store.js').Store>,
   *   state: InstanceType<typeof CopyState>,
   * }} settings
   */
  constructor(settings) {
    this.#settings = settings;
  }

  /**
   * @param {AsyncGenerator<{ actorId: string }>} actors
   * @param {number} parallel
   */
  async run(actors, parallel) {
    const { signal } = this.#settings;
    const worker = async () => {
      for await (const { actorId } of { [Symbol.asyncIterator]: () => ({ next: () => actors.next() }) }) {
        signal.throwIfAborted();
        await this.#actor(actorId);
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: parallel }, worker));
    const thrown = ended.find((each) => each.status === 'rejected');
    if (thrown) throw thrown.reason;
  }

  /** @param {string} actorId */
  async #actor(actorId) {
    const { note, signal } = this.#settings;
    try {
      await this.#copy(actorId);
    } catch (thrown) {
      const error = /** @type {import('../../index.js').BatonError} */ (thrown);
      if (signal.aborted || !isBatonError(error)) throw error;
      // It was deleted since it was listed.
      if (error.code === 'ERR_NOT_FOUND' && !(await this.#settings.source.stat(actorId))) return;
      // An unavailable store is unavailable for all actors.
      if (error.code === 'ERR_CLOSED' || error.code === 'ERR_QUOTA_EXCEEDED') throw error;
      if (error.code === 'ERR_UNAVAILABLE') {
        await Promise.all([this.#settings.source.ping(), this.#settings.target.ping()]);
      }
      this.failed.push({ actorId, code: error.code, message: error.message });
      const actor = `actor ${JSON.stringify(actorId)}`;
      const told = error.message.startsWith(actor) ? error.message : `${actor}: ${error.message}`;
      note(`batondb: ${plain(told)} (${error.code})`);
    } finally {
      this.#underWay.delete(actorId);
      this.#show();
    }
  }

  /** @param {string} actorId */
  async #copy(actorId) {
    const { source, target, state, values, signal } = this.#settings;
    const [from, to] = await Promise.all([source.stat(actorId), target.stat(actorId)]);
    if (!from) return;
    const known = state.get(actorId);
    const sameSource = known?.source === String(from.headTxid) && known.made === from.createdAt.getTime();
    if (to && known?.target !== undefined && sameSource) {
      const heads = { source: from.headTxid, target: to.headTxid };
      const compared = values.verify && known.target === String(to.headTxid);
      if (!compared || (await compare({ source, target, actorId, signal }, heads))) {
        this.unchanged += 1;
        return;
      }
      // Its owner has committed during the comparison, so it is copied, as it would have been a moment later.
    }
    const ours = to !== undefined && known?.generation === String(to.generation);
    if (to && to.sizePages > 0 && !ours && !values.replace) {
      const why = known
        ? 'was used in the target since it was copied'
        : 'is in the target and not from this copy';
      throw new BatonError('ERR_INVALID_ARG', `it ${why}; pass --replace to replace it`);
    }
    let begun = false;
    const result = await source.copyTo(actorId, target, {
      replace: ours || values.replace === true,
      signal,
      verify: values.verify === true,
      onProgress: ({ target: { generation }, pagesDone, pagesVerified, pages, source: { pageSize } }) => {
        // Before anything is written: from here on, the content of the target belongs to this copy.
        if (!begun) state.put({ actorId, generation: String(generation) });
        begun = true;
        this.#underWay.set(actorId, {
          bytes: pagesDone * pageSize,
          steps: (pagesDone + pagesVerified) * pageSize,
          all: pages * pageSize * (values.verify ? 2 : 1),
        });
        this.#show();
      },
    });
    state.put({
      actorId,
      generation: String(result.target.generation),
      source: String(result.source.headTxid),
      made: result.source.createdAt.getTime(),
      target: String(result.target.headTxid),
    });
    this.copied += 1;
    this.bytes += result.source.sizePages * result.source.pageSize;
  }

  #show() {
    const under = [...this.#underWay.values()];
    const done = this.bytes + under.reduce((sum, each) => sum + each.bytes, 0);
    const failed = this.failed.length > 0 ? `, ${this.failed.length} failed` : '';
    const all = under.reduce((sum, each) => sum + each.all, 0);
    const part = all > 0 ? under.reduce((sum, each) => sum + each.steps, 0) / all : undefined;
    const { progress } = this.#settings;
    progress.show(
      `${plural(this.copied, 'actor')} copied, ${this.unchanged} there already${failed}, ${size(done)}`,
      part,
    );
  }
}

module.exports = command;
