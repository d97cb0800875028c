// Pages of one committed head: one buffer, and the page numbers in ascending order.

'use strict';

class PageSet {
  /** @param {import('../../binding.js').NativePageSet} set */
  constructor({ headTxid, pageSize, pages, data }) {
    this.headTxid = headTxid;
    this.pageSize = pageSize;
    this.pages = pages;
    this.data = data;
  }

  get size() {
    return this.pages.length;
  }

  /** @param {number} page */
  has(page) {
    return this.#indexOf(page) !== -1;
  }

  /** @param {number} page */
  get(page) {
    const index = this.#indexOf(page);
    return index === -1 ? undefined : this.#at(index);
  }

  keys() {
    return this.pages.values();
  }

  /** @returns {Generator<[number, Uint8Array], void, undefined>} */
  *[Symbol.iterator]() {
    for (let index = 0; index < this.pages.length; index += 1) {
      yield [this.pages[index], this.#at(index)];
    }
  }

  /** @param {number} index */
  #at(index) {
    return this.data.subarray(index * this.pageSize, (index + 1) * this.pageSize);
  }

  /**
   * By binary search: most sets are small or are read front to back, so an index would cost more than it
   * saves.
   *
   * @param {number} page
   */
  #indexOf(page) {
    let low = 0;
    let high = this.pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pages[middle] < page) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return this.pages[low] === page ? low : -1;
  }
}

module.exports = { PageSet };
