import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Stop, step } from './report.mjs';
import { root } from './run.mjs';

/** Builds the lab's root folders where they are missing. The work is done by lab/roots, which `tsc -b` has compiled. */
export async function buildRoots() {
  const [{ ensureRoots, missingRoots }, { ROOTS }] = await Promise.all(['build', 'specs'].map(compiled));
  const missing = await missingRoots(Object.keys(ROOTS));
  if (missing.length === 0) return;
  await step(`root folders of the lab, from Debian packages: ${missing.join(', ')}`, async (progress) => {
    await ensureRoots(missing, progress).catch((cause) => {
      throw cause.name === 'LabError' ? new Stop(cause.message) : cause;
    });
  });
}

function compiled(name) {
  return import(pathToFileURL(join(root, `dist/lab/roots/${name}.js`)).href);
}
