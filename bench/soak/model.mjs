// What was acknowledged, and whether the store may show what it shows. Pure, so that it can be tested.
//
// Each actor keeps a chain: every commit adds a link with the next number. An actor that is empty gets a new
// *life*, a random number that its first commit stores; deleting an actor ends its life. Reports come from
// several processes, some late and in any order, so nothing here goes by the order in which they arrive:
//
// - Within a life, a takeover to generation g sees every link that an owner before g was told is stored.
// - Lives follow each other: their generations do not overlap.
// - There are no more lives than deletions were begun, and one.

/** Generations of a life that are remembered; later reports about older ones are not checked. */
const GENERATIONS_KEPT = 8;

/**
 * @typedef {object} Life
 * @property {number} first The lowest generation that was seen in it.
 * @property {number} last The highest.
 * @property {Map<number, number>} stored By generation, the highest link that its owner was told is stored.
 * @property {Map<number, number>} seen By generation, the link that its owner found when it took over.
 */

/** Something acknowledged is gone, or something is there that cannot be. */
export class Violation extends Error {}

export class Model {
  /** @type {Map<string, { deletions: number, lives: Map<number, Life> }>} */
  #actors = new Map();

  /** @param {string} id */
  #actor(id) {
    let actor = this.#actors.get(id);
    if (!actor) {
      actor = { deletions: 0, lives: new Map() };
      this.#actors.set(id, actor);
    }
    return actor;
  }

  /**
   * An actor is about to be deleted.
   *
   * @param {string} id
   */
  deletes(id) {
    this.#actor(id).deletions += 1;
  }

  /**
   * An owner found the chain at this link when it took over.
   *
   * @param {string} id
   * @param {number} generation
   * @param {number} life
   * @param {number} link
   */
  found(id, generation, life, link) {
    const { seen, stored } = this.#life(id, generation, life);
    for (const [earlier, last] of stored) {
      if (earlier < generation && last > link) {
        throw new Violation(
          `${id}: generation ${generation} found link ${link}, and generation ${earlier} was told that ${last} is stored`,
        );
      }
    }
    seen.set(generation, link);
    forget(seen);
  }

  /**
   * An owner was told that a link is stored.
   *
   * @param {string} id
   * @param {number} generation
   * @param {number} life
   * @param {number} link
   */
  told(id, generation, life, link) {
    const { seen, stored } = this.#life(id, generation, life);
    for (const [later, found] of seen) {
      if (later > generation && link > found) {
        throw new Violation(
          `${id}: generation ${generation} was told that link ${link} is stored, and generation ${later} found ${found}`,
        );
      }
    }
    stored.set(generation, Math.max(link, stored.get(generation) ?? 0));
    forget(stored);
  }

  /**
   * @param {string} id
   * @param {number} generation
   * @param {number} number
   * @returns {Life}
   */
  #life(id, generation, number) {
    const { deletions, lives } = this.#actor(id);
    let life = lives.get(number);
    if (!life) {
      if (lives.size > deletions) {
        throw new Violation(
          `${id}: generation ${generation} found nothing or something else, after ${deletions} deletions and ${lives.size} lives`,
        );
      }
      life = { first: generation, last: generation, stored: new Map(), seen: new Map() };
      lives.set(number, life);
    }
    life.first = Math.min(life.first, generation);
    life.last = Math.max(life.last, generation);
    for (const [other, { first, last }] of lives) {
      if (other !== number && first <= life.last && life.first <= last) {
        throw new Violation(
          `${id}: two lives at once, generations ${life.first} to ${life.last} and ${first} to ${last}`,
        );
      }
    }
    return life;
  }
}

/** @param {Map<number, number>} generations */
function forget(generations) {
  while (generations.size > GENERATIONS_KEPT) {
    generations.delete(Math.min(...generations.keys()));
  }
}
