'use strict';

const { testExamples } = require('./doc-examples.js');
const { temporaryDirectory } = require('../helpers.js');

testExamples('docs/adapters.md', temporaryDirectory(), { packages: ['drizzle-orm', 'kysely', 'typeorm'] });
