'use strict';

const { testExamples } = require('./doc-examples.js');
const { temporaryDirectory } = require('../helpers.js');

testExamples('docs/observability.md', temporaryDirectory());
