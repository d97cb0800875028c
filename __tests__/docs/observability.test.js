'use strict';

const { temporaryDirectory } = require('../helpers.js');
const { testExamples } = require('./doc-examples.js');

testExamples('docs/observability.md', temporaryDirectory());
