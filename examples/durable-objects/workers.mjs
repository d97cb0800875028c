// What stands for the module 'cloudflare:workers' outside of Cloudflare.

export class DurableObject {
  /**
   * @param {import('cloudflare:workers').DurableObjectState} ctx
   * @param {unknown} env
   */
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}
