import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { ROUTER_FILES, renderRouterFile } from '../../../lab/topologies/routers.ts';

// They are bound as finished files; `node dist/lab/topologies/routers.js` writes them anew.
test.each(ROUTER_FILES)('$file is what sluice upstream gives', async (router) => {
  const file = join(projectRoot, 'lab/topologies', router.file);
  expect(readFileSync(file, 'utf8')).toBe(await renderRouterFile(router));
});
