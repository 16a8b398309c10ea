/** What dist/ was built from, so that nothing is built twice. Runs on the host's Node (18 or newer). */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SINGLE_INPUTS = ['bin/build.js', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
export const STAMP = '.built-from';

/** SHA-256 over names and contents: times of files say nothing after a `git checkout`. Some hundred files take milliseconds. */
export function fingerprint(root) {
  const hash = createHash('sha256');
  for (const file of [...SINGLE_INPUTS, ...filesBelow(root, 'src')].sort()) {
    hash.update(`${file}\0`).update(
      createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest(),
    );
  }
  return hash.digest('hex');
}

export function isBuilt(root) {
  const stamp = join(root, 'dist', STAMP);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root);
}

function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}
