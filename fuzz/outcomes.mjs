// What a call with hostile arguments may end in.

import { isBatonError } from '../index.js';
import { Marker } from './hostile.mjs';

const CODES = new Set([
  'ERR_FENCE_MISMATCH',
  'ERR_CONCURRENT_TAKEOVER',
  'ERR_MIGRATION_INCOMPLETE',
  'ERR_NOT_FOUND',
  'ERR_INVALID_ARG',
  'ERR_OUT_OF_RANGE',
  'ERR_TOO_LARGE',
  'ERR_QUOTA_EXCEEDED',
  'ERR_COMMIT_UNKNOWN',
  'ERR_UNAVAILABLE',
  'ERR_CORRUPT',
  'ERR_CLOSED',
  'ERR_ABORTED',
  'ERR_OVERLOADED',
  'ERR_DEADLOCK',
  'ERR_BUSY',
]);

/** Whether a call may end in this. */
export function isAllowed(error) {
  if (error instanceof Marker) {
    return true;
  }
  if (isBatonError(error)) {
    return CODES.has(error.code) || (/^SQLITE_[A-Z]+$/.test(error.code) && typeof error.rawCode === 'number');
  }
  // What JavaScript itself says of a revoked proxy, of a proxy that breaks the rules of its target, and of a class that
  // is to run as a transaction.
  return (
    error instanceof TypeError &&
    /revoked|proxy|^Class constructor|'(ownKeys|get|has|getOwnPropertyDescriptor)' on/.test(error.message)
  );
}
