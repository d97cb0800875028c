// Values that no caller means: of every kind, nested, with getters and proxies that throw or answer differently each
// time, with buffers that are detached, resized or shared. All of it follows from a seed.

import { BIGINTS, KEYS, NUMBERS, STRINGS, VIEWS } from './values.mjs';

/** What hostile code throws. A call may pass it on, as it may any error of its caller's own code. */
export class Marker extends Error {
  name = 'Marker';
}

export class Hostile {
  #draw;
  #meddle;

  /**
   * @param {Draw} draw
   * @param {() => void} meddle Called by hostile code in the middle of a call: it may call the library again.
   */
  constructor(draw, meddle) {
    this.#draw = draw;
    this.#meddle = meddle;
  }

  value(depth = 3) {
    const draw = this.#draw;
    const kind = draw.below(depth > 0 ? 22 : 10);
    if (kind < 2) return draw.of(NUMBERS);
    if (kind < 4) return draw.of(STRINGS);
    switch (kind) {
      case 4:
        return draw.of(BIGINTS);
      case 5:
        return draw.of([undefined, null, true, false]);
      case 6:
        return draw.of([Symbol('hostile'), Symbol.iterator, Symbol.for('x')]);
      case 7:
        return this.view(draw.of([0, 1, 7, 8, 511, 512, 4096, 65536, 65537, 100_000]));
      case 8:
        return draw.of(NUMBERS) * draw.below(100);
      case 9:
        return this.buffer(draw.of([0, 8, 512, 4096]));
      case 10:
      case 11:
        return this.#array(depth);
      case 12:
        return this.#proxy(this.value(depth - 1));
      case 13:
        return this.#function(depth);
      case 14:
        return this.#exotic(depth);
      default:
        return this.#object(depth);
    }
  }

  /** An ArrayBuffer of some kind, usable or not. */
  buffer(bytes) {
    const draw = this.#draw;
    switch (draw.below(6)) {
      case 0:
        return new SharedArrayBuffer(bytes);
      case 1: {
        const buffer = new ArrayBuffer(bytes);
        structuredClone(buffer, { transfer: [buffer] });
        return buffer;
      }
      case 2:
        return new ArrayBuffer(bytes, { maxByteLength: 2 * bytes + 8 });
      case 3: {
        const buffer = new ArrayBuffer(bytes + 8, { maxByteLength: bytes + 8 });
        buffer.resize(bytes);
        return buffer;
      }
      default:
        return new ArrayBuffer(bytes);
    }
  }

  /** A view of `bytes` bytes, more or less. */
  view(bytes) {
    const draw = this.#draw;
    const View = draw.of(VIEWS);
    const buffer = this.buffer(bytes);
    let view;
    try {
      view = View === Buffer ? Buffer.from(buffer) : new View(buffer);
    } catch {
      return buffer;
    }
    if (buffer.resizable && draw.oneIn(2)) {
      // A view that is out of bounds, or follows its buffer's length.
      buffer.resize(draw.of([0, bytes >> 1, bytes]));
    } else if (draw.oneIn(6)) {
      damage(view, draw);
    }
    return view;
  }

  #array(depth) {
    const draw = this.#draw;
    const list = Array.from({ length: draw.below(5) }, () => this.value(depth - 1));
    switch (draw.below(8)) {
      case 0:
        list.length += 3;
        return list;
      case 1:
        // All holes.
        return new Array(draw.of([1, 100, 2 ** 32 - 1]));
      case 2:
        this.#trap(list, '0', depth);
        return list;
      case 3:
        list.length = 3;
        Object.defineProperty(list, Symbol.iterator, { value: this.value(depth - 1) });
        return list;
      default:
        return list;
    }
  }

  #object(depth) {
    const draw = this.#draw;
    const object = draw.oneIn(6) ? Object.create(draw.of([null, {}, [], Date.prototype])) : {};
    for (let count = draw.below(5); count > 0; count -= 1) {
      const key = draw.oneIn(12) ? draw.of([Symbol('key'), Symbol.toPrimitive]) : draw.of(KEYS);
      if (draw.oneIn(3)) {
        this.#trap(object, key, depth);
      } else {
        Object.defineProperty(object, key, {
          value: this.value(depth - 1),
          configurable: true,
          enumerable: true,
          writable: true,
        });
      }
    }
    return object;
  }

  /** Makes a property a getter that does something. */
  #trap(object, key, depth) {
    const answers = [this.value(depth - 1), this.value(depth - 1)];
    const getter = this.#behavior(answers);
    try {
      Object.defineProperty(object, key, { get: getter, configurable: true, enumerable: true });
    } catch {
      // A property that stays as it is.
    }
  }

  /** Code that runs in the middle of a call. */
  #behavior(answers) {
    const draw = this.#draw.fork();
    const meddle = this.#meddle;
    const kind = draw.below(5);
    let calls = 0;
    return () => {
      calls += 1;
      switch (kind) {
        case 0:
          throw new Marker('thrown by a getter');
        case 1:
          // Another answer each time.
          return answers[calls % answers.length];
        case 2:
          for (const answer of answers) {
            damage(answer, draw);
          }
          return answers[0];
        case 3:
          meddle();
          return answers[0];
        default:
          if (calls > 2) {
            throw new Marker('thrown later');
          }
          return answers[0];
      }
    };
  }

  #proxy(value) {
    const draw = this.#draw;
    const target = (typeof value === 'object' && value !== null) || typeof value === 'function' ? value : [];
    if (draw.oneIn(6)) {
      const { proxy, revoke } = Proxy.revocable(target, {});
      revoke();
      return proxy;
    }
    const act = this.#behavior([target, undefined]);
    const pass = draw.fork();
    const handler = {};
    for (const trap of ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf']) {
      if (draw.oneIn(2)) {
        handler[trap] = (...args) => {
          if (pass.oneIn(3)) {
            act();
          }
          return Reflect[trap](...args);
        };
      }
    }
    return new Proxy(target, handler);
  }

  #function(depth) {
    const draw = this.#draw;
    const answer = this.value(depth - 1);
    const made = draw.of([
      () => answer,
      async () => answer,
      () => {
        throw new Marker('thrown by a function');
      },
      async () => {
        throw new Marker('rejected by a function');
      },
      function* () {
        yield answer;
      },
      class Made {},
    ]);
    if (draw.oneIn(4)) {
      Object.defineProperty(made, 'name', { value: this.value(0), configurable: true });
    }
    return made;
  }

  #exotic(depth) {
    const draw = this.#draw;
    const aborted = AbortSignal.abort(this.value(0));
    const aborting = new AbortController();
    return draw.of([
      () => new Date(draw.of(NUMBERS)),
      () => new Map([[1, this.value(depth - 1)]]),
      () => new Set([1]),
      () => new Proxy([], {}),
      () => /x/g,
      () => new Error('not ours'),
      () => Promise.resolve(1),
      () => Object(1n),
      () => Object('text'),
      () => new (class Odd extends Array {})(3),
      () => new (class Wide extends Uint8Array {})(512),
      () => aborted,
      () => aborting.signal,
      () => {
        queueMicrotask(() => aborting.abort());
        return aborting.signal;
      },
      () => ({ aborted: false, addEventListener() {}, removeEventListener() {} }),
      () => ({ aborted: false, addEventListener: () => undefined }),
      () => new WeakRef({}),
      () => globalThis,
      () => ({ constructor: { name: this.value(0) } }),
    ])();
  }
}

/** Detaches or resizes what lies behind a value, if anything does. */
function damage(value, draw) {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (buffer instanceof ArrayBuffer && !buffer.detached) {
    if (buffer.resizable) {
      buffer.resize(draw.below(buffer.maxByteLength + 1));
    } else {
      structuredClone(buffer, { transfer: [buffer] });
    }
  }
}
