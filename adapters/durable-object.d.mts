// The types of batondb/durable-object for ES modules: those of durable-object.d.ts.

export * from './durable-object.js';
