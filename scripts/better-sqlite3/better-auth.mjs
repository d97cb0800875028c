// better-auth, which finds out by itself what kind of database it is given: tables, a new user, a session.

import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';

/** @param {any} db */
export default async function run(db) {
  const options = {
    database: db,
    secret: 'a secret of no less than thirty-two characters',
    baseURL: 'http://localhost:3000',
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
  };
  await (await getMigrations(options)).runMigrations();
  const auth = betterAuth(options);
  const body = { email: 'ada@example.com', password: 'a long password', name: 'ada' };
  const { user } = await auth.api.signUpEmail({ body });
  const { headers } = await auth.api.signInEmail({ body, returnHeaders: true });
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
  const session = await auth.api.getSession({ headers: new Headers({ cookie }) });
  const again = await auth.api.signUpEmail({ body }).catch((/** @type {any} */ error) => error.status);
  return [user.name, session?.user.email, again, db.prepare('SELECT count(*) FROM user').pluck().get()];
}

export const expected = ['ada', 'ada@example.com', 'UNPROCESSABLE_ENTITY', 1];
