// batondb for ES modules: the very classes of the CommonJS module, so that both flavours in one program
// share them.

export {
  BatonError,
  Database,
  PageSet,
  Statement,
  Store,
  Transaction,
  isBatonError,
  setLogger,
} from './index.js';
