// batondb for ES modules: the very classes of the CommonJS module, so that both flavours in one program
// share them.

export {
  BatonError,
  Database,
  PageSet,
  Session,
  Statement,
  Store,
  Transaction,
  constants,
  isBatonError,
  setLogger,
} from './index.js';
