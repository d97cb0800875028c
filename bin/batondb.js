#!/usr/bin/env node
// npx batondb: the command line. What each command does is in lib/cli.

'use strict';

require('../lib/cli/main.js').main(process.argv.slice(2));
