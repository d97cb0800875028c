// The types of what the objects here use of 'cloudflare:workers'.

declare module 'cloudflare:workers' {
  import type { DurableObjectStorage } from 'batondb/durable-object';

  export interface DurableObjectState {
    readonly id: { readonly name: string; toString(): string };
    readonly storage: DurableObjectStorage;
    blockConcurrencyWhile<T>(closure: () => Promise<T>): Promise<T>;
    waitUntil(promise: Promise<unknown>): void;
  }

  export class DurableObject {
    constructor(ctx: DurableObjectState, env: unknown);
    protected ctx: DurableObjectState;
    protected env: unknown;
  }
}
