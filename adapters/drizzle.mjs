// batondb/drizzle for ES modules.

import * as orm from 'drizzle-orm';
import * as core from 'drizzle-orm/sqlite-core';

import { makeDrizzle } from './drizzle/database.js';

export const { BatonDrizzleDatabase, drizzle, migrate } = makeDrizzle({ ...orm, ...core });
