// batondb/kysely for ES modules.

import * as kysely from 'kysely';

import { makeDialect } from './kysely/dialect.js';

export const BatonDialect = makeDialect(kysely);
