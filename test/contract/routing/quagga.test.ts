/** The speaker `frr` over what shows nothing as JSON, as Quagga: announcing needs `unverified: true`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { FrrSpeaker } from '../../../src/drivers/routing/frr.ts';
import { FrrDaemon } from '../../../src/drivers/routing/frr-daemon.ts';
import { FakeVipDevices } from '../../../src/drivers/routing/vip-devices-fake.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { Vtysh } from '../../../src/io/vtysh.ts';
import { instanceConfig, interfaceConfig } from '../../sim/network.ts';
import { until, vip } from './frr-world.ts';

const MAIN = join(projectRoot, 'dist/test/contract/routing/quagga-vtysh-main.js');

let folder: string;
let daemon: FrrDaemon;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sl-quagga-'));
  writeFileSync(join(folder, 'state'), '[]');
  writeFileSync(join(folder, 'vtysh'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} ${folder}/state "$@"\n`, {
    mode: 0o755,
  });
});

afterEach(() => {
  daemon.handOver();
  rmSync(folder, { recursive: true, force: true });
});

const configured = (): string[] => JSON.parse(readFileSync(join(folder, 'state'), 'utf8')).flat();

function speak(unverified: boolean) {
  const where = { vtysh: join(folder, 'vtysh'), vtyDir: undefined, deadline: 5000 };
  const settings = { ...where, announce: 'external', unverified, write: 'memory' } as const;
  const vtysh = new Vtysh({ program: settings.vtysh, deadline: settings.deadline });
  daemon = new FrrDaemon({ vtysh, settings, devices: new FakeVipDevices(), clock: systemClock, timeOfDay: Date.now });
  const config = instanceConfig('10.255.0.1', [interfaceConfig('eth1')]);
  const speaker = new FrrSpeaker({
    ...{ instance: 'outside', config, daemon, process: undefined, clock: systemClock, keepInherited: 0, settings },
  });
  const faults: string[] = [];
  speaker.onEvent((event) => {
    if (event.kind === 'fault') faults.push(event.message);
  });
  return { speaker, faults };
}

test('unverified: what was configured counts as announced; a drain, a withdrawal and an end are configured too', async () => {
  const { speaker, faults } = speak(true);
  speaker.set([vip('203.0.113.10', 10), vip('203.0.113.11', 10)]);
  await speaker.start();
  await until('both', () => speaker.announced().length === 2);
  expect(configured()).toContain('ip route 203.0.113.10/32 Null0 tag 1392508929');
  expect(speaker.neighbors()).toEqual([]);
  expect(speaker.interfaces()[0]?.troubles).toEqual(['nothing is read back (routing.frr.unverified)']);
  speaker.set([vip('203.0.113.10', 60_010)]);
  const shown = () => speaker.announced().map(({ metric }) => metric);
  await until('the drain and the withdrawal', () => shown().join() === '60010');
  await speaker.stop();
  expect([speaker.announced(), configured().at(-1)]).toEqual([[], 'no route-map SLUICE-outside']);
  expect(faults).toEqual([]);
});

test('unverified: what somebody takes away is found in the configuration, and mended', async () => {
  const { speaker, faults } = speak(true);
  speaker.set([vip('203.0.113.10', 10)]);
  await speaker.start();
  await until('it', () => speaker.announced().length === 1);
  const calls = JSON.parse(readFileSync(join(folder, 'state'), 'utf8')) as string[][];
  const gone = [...calls, ['no ip route 203.0.113.10/32 Null0 tag 1392508929']];
  writeFileSync(join(folder, 'state'), JSON.stringify(gone));
  await until('the repair', () => faults.some((text) => text.includes('is mended by: ip route 203.0.113.10/32')));
  await until('it again', () => speaker.announced().length === 1);
});

test('otherwise nothing is announced, and it is said why', async () => {
  const { speaker, faults } = speak(false);
  speaker.set([vip('203.0.113.10', 10)]);
  await speaker.start();
  await until('the fault', () => faults.length > 0);
  expect(faults[0]).toMatch(/^ospfd cannot be read or configured: vtysh.*% Unknown command\./);
  expect([speaker.announced(), configured()]).toEqual([[], []]);
});
