// Makes `import … from 'cloudflare:workers'` find workers.mjs.

import * as module from 'node:module';

const SPECIFIER = 'cloudflare:workers';
const url = new URL('./workers.mjs', import.meta.url).href;

const { registerHooks } = /** @type {any} */ (module);
if (registerHooks) {
  registerHooks({
    resolve: (
      /** @type {string} */ specifier,
      /** @type {unknown} */ context,
      /** @type {Function} */ next,
    ) => (specifier === SPECIFIER ? { url, shortCircuit: true } : next(specifier, context)),
  });
} else {
  // Node 20 runs such hooks on a thread of their own.
  const hooks = `export const resolve = async (specifier, context, next) =>
    specifier === '${SPECIFIER}' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(specifier, context);`;
  module.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
