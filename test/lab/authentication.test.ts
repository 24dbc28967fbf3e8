/** Authentication beside FRR and BIRD: every algorithm that the router has, and keys that change under an adjacency. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { writeCell } from '../../lab/interop/cell-files.ts';
import { playCell } from '../../lab/interop/cell-run.ts';
import { type Auth, type Cell, cellName, type RouterKind } from '../../lab/interop/cells.ts';
import { KEY } from '../../lab/interop/router-files.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const ALGORITHMS: readonly (readonly [RouterKind, readonly Auth[]])[] = [
  ['frr-8', ['simple', 'md5']],
  ['bird-2.0', ['simple', 'md5', 'hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512']],
  ['frr-10', ['hmac-sha-256']],
];

const CELLS = ALGORITHMS.flatMap(([router, auths]) =>
  auths.map((auth): Cell => ({ router, role: 'p2p', auth, area: 'normal' })),
);

// Several at a time: most of a cell's time is the router's own waiting.
test.concurrent.each(CELLS.map((cell) => [cellName(cell), cell] as const))('%s', async (_, cell) => {
  expect((await playCell(cell)).fault).toBeUndefined();
});

/** Longer than the dead interval (4 s): what is wrong with a key shows within it. */
const SETTLED = 5000;

describe('beside FRR 8.4, which knows no migration', () => {
  let folder = '';
  let lab: Lab;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-auth-'));
    const cell: Cell = { router: 'frr-8', role: 'p2p', auth: 'none', area: 'normal' };
    lab = await up(await writeCell(cell, folder), { directors: ['d1'] });
    await full(10_000);
  });
  afterAll(async () => {
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  });

  const full = (within: number) =>
    until('the adjacency to be Full', within, async () => {
      const rows = await lab.api('d1').get('/v1/neighbors');
      return rows.length === 1 && rows[0]?.state === 'full';
    });

  /** The adjacency stays as it is for longer than a dead interval. */
  async function nothingIsLost(): Promise<void> {
    const before = await lost();
    const end = performance.now() + SETTLED;
    await until('a dead interval and more to pass', SETTLED + 1000, () => performance.now() >= end);
    expect(await lost()).toEqual(before);
  }

  async function lost(): Promise<unknown[]> {
    const events = await lab.api('d1').get('/v1/events?since=0');
    return events.filter(({ event, values }) => event === 'neighbor-changed' && values['from'] === 'full');
  }

  async function configure(auth: Readonly<Record<string, unknown>>): Promise<void> {
    const path = lab.configFile('d1');
    const cluster = parse(await readFile(path, 'utf8'));
    cluster.routing.instances.outside.interfaces.up0.auth = { ...auth, keys: { file: join(folder, 'ospf.keys') } };
    await writeFile(path, stringify(cluster));
    await reload();
  }

  async function reload(): Promise<void> {
    expect(await lab.api('d1').post('/v1/reload')).toMatchObject({ applied: true });
  }

  async function router(...commands: readonly string[]): Promise<void> {
    const all = ['configure terminal', 'interface eth1', ...commands].flatMap((command) => ['-c', command]);
    expect(await lab.node('r1').exec(['vtysh', ...all])).toMatchObject({ code: 0 });
  }

  const keyInUse = async () => (await lab.api('d1').get('/v1/interfaces'))[0]?.authentication;

  test('from none to MD5', async () => {
    await configure({ algorithm: 'md5', migrate: true });
    await nothingIsLost();
    await router(`ip ospf message-digest-key ${KEY.keyId} md5 ${KEY.key}`, 'ip ospf authentication message-digest');
    await nothingIsLost();
    await configure({ algorithm: 'md5' });
    await nothingIsLost();
    expect(await keyInUse()).toEqual({ algorithm: 'md5', keyId: 7, accepts: [7], standing: 'valid', migrate: false });
  });
});
