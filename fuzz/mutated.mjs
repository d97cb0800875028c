// Arguments that are right, with one place in them replaced.

import { KEYS } from './values.mjs';

/** The value with one place in it replaced, somewhere down to `depth`. */
export function mutated(value, hostile, draw, depth = 3) {
  const isList = Array.isArray(value);
  const isPlain =
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (depth === 0 || (!isList && !isPlain) || draw.oneIn(3)) {
    return hostile.value();
  }
  const copy = isList ? [...value] : { ...value };
  const keys = Object.keys(copy);
  if (isList && (keys.length === 0 || draw.oneIn(5))) {
    copy.push(hostile.value());
  } else if (!isList && (keys.length === 0 || draw.oneIn(5))) {
    Object.defineProperty(copy, draw.of(KEYS), {
      value: hostile.value(),
      enumerable: true,
      configurable: true,
    });
  } else {
    const key = draw.of(keys);
    if (isList && draw.oneIn(5)) {
      delete copy[key];
    } else {
      copy[key] = mutated(copy[key], hostile, draw, depth - 1);
    }
  }
  return copy;
}
