/** The entry of `npm test` and its kin, where something is missing. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../lab/project.ts';

function setup(args: readonly string[], pretence: string) {
  const preload = `data:text/javascript,${encodeURIComponent(pretence)}`;
  const main = join(projectRoot, 'lab/setup/main.mjs');
  return spawnSync(process.execPath, ['--import', preload, main, ...args], { cwd: projectRoot, encoding: 'utf8' });
}

test.each(['test', 'demo', 'lab', 'bench'])('%s without root says so and ends with 2', (command) => {
  const { status, stderr } = setup([command], 'process.getuid = () => 1000');
  expect(status).toBe(2);
  expect(stderr).toMatch(new RegExp(`npm run ${command} needs:\n {2}- root: `));
});

test('everything that is missing is listed at once', () => {
  const old = "Object.defineProperty(process.versions, 'node', { value: '18.19.0' }); process.getuid = () => 1000";
  const { status, stderr } = setup(['demo'], old);
  expect(status).toBe(2);
  expect(stderr).toContain('Node.js 20.19 or later (this is 18.19.0)');
  expect(stderr).toContain('root: ');
});

test('a soak that does not exist is refused with those that do', () => {
  const { status, stderr } = setup(['soak', 'nonsense'], '');
  expect(status).toBe(2);
  expect(stderr).toMatch(/usage: npm run soak -- NAME/);
});
