/** Every golden file of the director's configuration, checked and loaded by real FRRs. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRunningConfig } from '../../../src/core/frr/config.ts';
import { FRR_ROOTS, FrrWorld } from './frr-world.ts';

const GOLDEN = new URL('../../golden/director/', import.meta.url);

describe.each(FRR_ROOTS)('%s', (root) => {
  let world: FrrWorld;

  beforeAll(async () => {
    world = await FrrWorld.begin(root);
  });
  afterAll(() => world?.end());

  // Quagga is not here.
  const frr = readdirSync(GOLDEN).filter((file) => file !== 'quagga.conf');
  const files = frr.filter((file) => root === 'frr-10' || !file.includes('-10'));

  test.each(files)('%s: vtysh finds no fault, and the daemons take every line', async (file) => {
    const text = readFileSync(new URL(file, GOLDEN), 'utf8');
    world.d.configFile(text);
    expect(world.d.check()).toBe('');
    const daemons = [...world.d.daemonNames, 'bfdd'];
    await world.d.kill(daemons);
    await world.d.start(daemons);
    const running = world.d
      .vtysh('show running-config')
      .split('\n')
      .map((line) => line.trim());
    const lost = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => !running.includes(line));
    // What FRR does not repeat: comments, ends of blocks, what is its own default or is said in other words.
    expect(lost.filter((line) => !/^(!.*|exit|)$/.test(line) && !IMPLIED.test(line))).toEqual([]);
    const { foreign, statics } = parseRunningConfig(world.d.vtysh('show running-config'));
    expect(foreign.join('\n')).not.toContain('SLUICE');
    expect(statics.size).toBe(file === 'plain.conf' ? 2 : 0);
  });
});

const IMPLIED =
  /^(log stdout informational|hostname .*|ip ospf network broadcast|ip ospf (hello|dead)-interval \d+|capability opaque|graceful-restart grace-period 120|graceful-restart helper enable|detect-multiplier 3|no zebra nexthop kernel enable)$/;
