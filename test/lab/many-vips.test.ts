/** 500 VIPs on one director: a router-LSA beyond one packet, or 500 LSAs; all routers take them, and one change is one LSA. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeCell } from '../../lab/interop/cell-files.ts';
import type { RouterKind } from '../../lab/interop/cells.ts';
import { DIRECTOR_ADDRESS } from '../../lab/interop/router-files.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

const COUNT = 500;
/** BIRD keeps 5 s between two instances of an LSA of its own, and works in ticks of a second. */
const WITHIN = 30_000;

const VIPS = Array.from({ length: COUNT }, (_, n) => `198.18.${n >> 8}.${n & 255}`);

describe.each<[RouterKind, 'stub' | 'external']>([
  ['frr-8', 'stub'],
  ['frr-8', 'external'],
  ['frr-10', 'stub'],
  ['bird-2.0', 'stub'],
  ['bird-2.0', 'external'],
  ['bird-2.17', 'stub'],
  ['bird-3', 'stub'],
])('%s, as %s', (router, lsa) => {
  let folder: string;
  let lab: Lab;
  let file: string;
  const announce = async (vips: readonly string[]) => {
    const text = await readFile(file, 'utf8');
    const services = `services:
  web: { vip: [${vips.join(', ')}], ports: 80, servers: { s1: 10.3.0.21 }, health: none, announce: { metric: 10, lsa: ${lsa} } }
`;
    await writeFile(file, `${text.slice(0, text.indexOf('services:'))}${services}`);
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sl-many-vips-'));
    const topology = await writeCell({ router, role: 'p2p', auth: 'none', area: 'normal' }, folder);
    lab = await up(topology, { directors: [] });
    file = lab.configFile('d1');
    await announce(VIPS);
    await lab.startDirector('d1');
  });
  afterAll(async () => {
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  });

  const routed = async () => {
    const { stdout } = await lab.node('r1').exec(['ip', 'route', 'show', 'root', '198.18.0.0/15']);
    return stdout.split('\n').filter((line) => line.includes(`via ${DIRECTOR_ADDRESS}`)).length;
  };
  /** Key and sequence number of each LSA of ours in force. */
  const own = async () => {
    const rows = (await lab.api('d1').get('/v1/lsdb')).filter((row) => row.own && row.age < 3600);
    return rows.map(({ type, id, sequence }) => `${type} ${id} ${sequence}`);
  };

  test('the router has them all in its kernel', async () => {
    await until(`${COUNT} routes`, WITHIN, async () => (await routed()) === COUNT);
    const rows = (await lab.api('d1').get('/v1/lsdb')).filter((row) => row.own);
    if (lsa === 'stub') expect(rows).toMatchObject([{ type: 1, length: 24 + 12 * (COUNT + 2) }]);
    else expect(rows).toHaveLength(COUNT + 1);
  });

  test('one VIP less is one LSA, and one route less', async () => {
    // Out of the way of the floor.
    await until('5 s of age', WITHIN, async () => (await lab.api('d1').get('/v1/lsdb')).every(({ age }) => age >= 5));
    const before = await own();
    await announce(VIPS.slice(1));
    await lab.api('d1').post('/v1/reload');
    await until(`${COUNT - 1} routes`, WITHIN, async () => (await routed()) === COUNT - 1);
    const after = await own();
    expect(before.filter((line) => !after.includes(line))).toHaveLength(1);
    expect(after.filter((line) => !before.includes(line))).toHaveLength(lsa === 'stub' ? 1 : 0);
  });
});
