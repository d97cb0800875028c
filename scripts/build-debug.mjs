// Builds the debug addon of the tests into target/addon, out of everybody's way. The loader and the types are
// not generated: they are committed, and the same for every build.

import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = 'target/addon';
const generated = ['binding.js', 'binding.d.ts'];

// They are generated there first: with an output path elsewhere, the loader would look for its addon there,
// too.
const command = `napi build --platform --output-dir ${directory} --js ${generated[0]} --dts ${generated[1]}`;
const { status } = spawnSync(command, { cwd: root, stdio: 'inherit', shell: true });
if (status !== 0) {
  process.exit(status ?? 1);
}
for (const name of generated) {
  copyFileSync(`${root}/${directory}/${name}`, `${root}/${name}`);
}
