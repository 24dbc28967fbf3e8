/** What the devices for FRR's stub links must do, in memory and in the kernel. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VipDevices } from '../../../src/drivers/routing/vip-devices.ts';
import { FakeVipDevices } from '../../../src/drivers/routing/vip-devices-fake.ts';
import { Peer } from '../dataplane/netns.ts';
import { Namespace } from '../ospf-socket/namespace.ts';

interface World {
  readonly devices: VipDevices;
  /** Somebody else takes it down, or away. */
  down(name: string): void;
  remove(name: string): void;
  /** Somebody else makes an interface of another kind. */
  occupy(name: string): void;
}

function contract(world: () => World): void {
  test('they are made once, kept up, and others of ours go', async () => {
    const { devices, down, remove } = world();
    expect(await devices.settle(['sluice-vips'])).toEqual(['sluice-vips: made']);
    expect(await devices.settle(['sluice-vips'])).toEqual([]);
    down('sluice-vips');
    expect(await devices.settle(['sluice-vips'])).toEqual(['sluice-vips: up']);
    expect(await devices.settle(['sluice-vips'])).toEqual([]);
    expect(await devices.settle(['sluice-vips1', 'sluice-vips2'])).toEqual([
      'sluice-vips: removed',
      'sluice-vips1: made',
      'sluice-vips2: made',
    ]);
    remove('sluice-vips1');
    expect(await devices.settle(['sluice-vips2'])).toEqual([]);
    expect(await devices.settle([])).toEqual(['sluice-vips2: removed']);
  });

  test('what is not ours stays: by its name, or by its kind', async () => {
    const { devices, occupy } = world();
    occupy('sluice-vips1');
    occupy('sluice-vipsx');
    expect(await devices.settle([])).toEqual([]);
    await expect(devices.settle(['sluice-vips1'])).rejects.toThrow(/device-make.*EEXIST/);
  });
}

describe('vip devices: fake', () => {
  contract(() => {
    const devices = new FakeVipDevices();
    return {
      devices,
      down: (name) => void devices.links.set(name, { isVeth: true, up: false }),
      remove: (name) => void devices.links.delete(name),
      occupy: (name) => void devices.links.set(name, { isVeth: false, up: true }),
    };
  });
});

describe('vip devices: kernel', () => {
  let namespace: Namespace;
  let peer: Peer;
  beforeEach(() => {
    namespace = new Namespace('vd');
    peer = new Peer(namespace.name, '../routing/vip-devices-main', []);
  });
  afterEach(async () => {
    await peer.kill();
    namespace.remove();
  });

  contract(() => ({
    devices: { settle: (names) => peer.call('settle', { names }) },
    down: (name) => namespace.ip(`link set ${name} down`),
    remove: (name) => namespace.ip(`link del ${name}`),
    occupy: (name) => namespace.ip(`link add ${name} type ifb`),
  }));
});
