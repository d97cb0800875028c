// Makes `import … from 'cloudflare:workers'` find workers.mjs.

import * as module from 'node:module';

const url = new URL('./workers.mjs', import.meta.url).href;
const resolve = `(specifier, context, next) =>
  specifier === 'cloudflare:workers' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(specifier, context)`;

module.register(`data:text/javascript,export const resolve = ${encodeURIComponent(resolve)}`);
