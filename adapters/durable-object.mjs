// batondb/durable-object for ES modules: the very classes of the CommonJS module.

export { DurableObjectStorage, SqlCursor, durableObjectStorage } from './durable-object.js';
