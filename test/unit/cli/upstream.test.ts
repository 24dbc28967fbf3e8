import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/main.ts';
import { CASES } from '../upstream/cases.ts';
import { NO_HOST } from './server-hosts.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-upstream-'));
  for (const { name, cluster } of CASES) writeFileSync(join(folder, `${name}.yml`), cluster);
  writeFileSync(join(folder, 'ospf.keys'), '3 s3cret\n', { mode: 0o600 });
  writeFileSync(join(folder, 'bad.yml'), 'cluster: x\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

async function run(name: string, ...args: readonly string[]) {
  let [out, complaints] = ['', ''];
  const code = await runCli(['upstream', '--config', join(folder, `${name}.yml`), ...args], '1.2.3', {
    out: (text) => {
      out += text;
    },
    complain: (line) => {
      complaints += `${line}\n`;
    },
    terminal: false,
    signal: new AbortController().signal,
    templates: new URL('../../../frr-templates/', import.meta.url),
    runAgent: () => Promise.reject(new Error('not asked for')),
    examineHost: () => Promise.reject(new Error('not asked for')),
    serverHost: () => NO_HOST,
  });
  return { code, out, complaints };
}

test('the configuration of several routers, one behind the other', async () => {
  const { code, out } = await run(
    'p2p',
    '--vendor',
    'frr',
    '--router',
    'r1/10.255.1.1/eth2',
    '--router',
    'r2/10.255.1.2/eth3',
  );
  expect(code).toBe(0);
  expect(out.match(/^hostname .*$/gm)).toEqual(['hostname r1', 'hostname r2']);
});

test('a router that is not described has words where its own values go', async () => {
  const { out } = await run('p2p', '--vendor', 'frr');
  expect(out).toMatch(/^hostname ROUTER$/m);
  expect(out).toMatch(/^interface INTERFACE-TO-UP0$/m);
});

test('secrets only for who asks for them', async () => {
  const args = ['--vendor', 'frr', '--router', 'r1/10.255.1.1/eth2'];
  expect((await run('lan-md5-bfd', ...args)).out).toContain('message-digest-key 3 md5 SECRET-OF-KEY-3\n');
  expect((await run('lan-md5-bfd', ...args, '--keys')).out).toContain('message-digest-key 3 md5 s3cret\n');
});

test('settings and reasons as JSON', async () => {
  const { out } = await run('p2p', '--vendor', 'nxos', '--json', '--bfd', '50ms:3');
  const { routers } = JSON.parse(out);
  expect(routers[0].settings).toContainEqual({
    setting: 'INTERFACE-TO-UP0 bfd',
    value: '50 ms x 3',
    reason: expect.stringContaining('noticed'),
  });
});

test('what does not fit is said, with exit code 2', async () => {
  const vendor = ['--vendor', 'frr'];
  expect(await run('p2p', ...vendor, '--router', 'r1')).toMatchObject({ code: 2, out: '' });
  const unknown = await run('p2p', ...vendor, '--router', 'r1/10.255.1.1/eth2=up7');
  expect(unknown.complaints).toContain('instance outside has no interface "up7"; there are: up0');
  expect(unknown.code).toBe(2);
  expect((await run('p2p', ...vendor, '--router', 'r1/10.255.0.1')).complaints).toContain(
    'the router id of director d1',
  );
  expect((await run('p2p', ...vendor, '--instance', 'x')).complaints).toContain(
    'no routing instance "x"; there are: outside',
  );
  expect((await run('bad', ...vendor)).complaints).toMatch(/bad\.yml:1:1: /);
  expect((await run('p2p')).code).toBe(2);
  expect((await run('p2p', ...vendor, '--bfd', '50')).complaints).toContain('50ms:3');
});

test('a check has exit code 1 with findings, 0 without, 2 for what is no configuration', async () => {
  const { out } = await run('p2p', '--vendor', 'frr', '--router', 'r1/10.255.1.1/eth2');
  const file = join(folder, 'r1.conf');
  writeFileSync(file, out);
  expect(await run('p2p', '--check', file)).toMatchObject({
    code: 0,
    out: expect.stringContaining('nothing is missing'),
  });
  writeFileSync(file, out.replace('no zebra', '! no zebra'));
  const bad = await run('p2p', '--check', file);
  expect(bad.code).toBe(1);
  expect(bad.out).toContain('  + no zebra nexthop kernel enable');
  expect(JSON.parse((await run('p2p', '--check', file, '--json')).out).findings).toHaveLength(1);
  writeFileSync(file, '% Permission denied\n');
  expect((await run('p2p', '--check', file)).code).toBe(2);
});
