/** What every tunnel control must do, whoever holds the device. There is none in the beginning. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Tunnels } from '../../../src/core/tunnels/tunnels.ts';
import type { TunnelControl } from '../../../src/drivers/tunnels/port.ts';

export type Tampering = 'delete-device' | 'down' | 'mtu' | 'next-hop' | 'far-end' | 'learning' | 'address';

export interface TunnelWorld {
  readonly control: TunnelControl;
  /** Somebody else changes what is there; the second peer's next hop or far end. */
  tamper(what: Tampering): void;
  /** Somebody else takes the name. */
  occupy(): void;
}

export const WANTED: Tunnels = {
  id: 7,
  port: 4789,
  mtu: 1450,
  local: ipv4('10.4.0.1'),
  peers: [ipv4('10.4.0.2'), ipv4('10.4.0.3')],
};

const NEXT_HOP_1 = 'sluice-vxlan: next hop 169.254.217.2 is 02:73:0a:04:00:02';
const NEXT_HOP_2 = 'sluice-vxlan: next hop 169.254.217.3 is 02:73:0a:04:00:03';
const FAR_END_2 = 'sluice-vxlan: 02:73:0a:04:00:03 is at 10.4.0.3';

const MADE = [
  'sluice-vxlan: made, VXLAN 7 port 4789 from 10.4.0.1 MTU 1450',
  'sluice-vxlan: address 169.254.217.1/24',
  'sluice-vxlan: 02:73:0a:04:00:02 is at 10.4.0.2',
  NEXT_HOP_1,
  FAR_END_2,
  NEXT_HOP_2,
];

export function tunnelContract(world: () => TunnelWorld): void {
  test('the device is made once, with a next hop for each peer', async () => {
    const { control } = world();
    expect(await control.settle(WANTED)).toEqual(MADE);
    expect(await control.settle(WANTED)).toEqual([]);
  });

  test('a peer comes, another goes; nothing else is touched', async () => {
    const { control } = world();
    await control.settle(WANTED);
    expect(await control.settle({ ...WANTED, peers: [ipv4('10.4.0.2'), ipv4('10.4.0.9')] })).toEqual([
      `${FAR_END_2} removed`,
      `${NEXT_HOP_2} removed`,
      'sluice-vxlan: 02:73:0a:04:00:09 is at 10.4.0.9',
      'sluice-vxlan: next hop 169.254.217.3 is 02:73:0a:04:00:09',
    ]);
  });

  test('another MTU is set; another identifier, port or end needs another device', async () => {
    const { control } = world();
    await control.settle(WANTED);
    expect(await control.settle({ ...WANTED, mtu: 1400 })).toEqual(['sluice-vxlan: up, MTU 1400']);
    for (const change of [{ id: 8 }, { port: 8472 }, { local: ipv4('10.4.0.5') }]) {
      expect((await control.settle({ ...WANTED, ...change })).slice(0, 1)).toEqual(['sluice-vxlan: removed']);
    }
  });

  test.each<[Tampering, readonly string[]]>([
    ['delete-device', MADE],
    ['learning', ['sluice-vxlan: removed', ...MADE]],
    ['mtu', ['sluice-vxlan: up, MTU 1450']],
    // With its last address a link forgets all that it knew by address.
    ['address', ['sluice-vxlan: address 169.254.217.1/24', NEXT_HOP_1, NEXT_HOP_2]],
    ['next-hop', [NEXT_HOP_2]],
    ['far-end', [FAR_END_2]],
  ])('what somebody else has changed is put right: %s', async (what, repaired) => {
    const { control, tamper } = world();
    await control.settle(WANTED);
    tamper(what);
    expect(await control.settle(WANTED)).toEqual(repaired);
    expect(await control.settle(WANTED)).toEqual([]);
  });

  test('a device that was taken down is up again, with all that was lost by it', async () => {
    const { control, tamper } = world();
    await control.settle(WANTED);
    tamper('down');
    expect((await control.settle(WANTED)).slice(0, 1)).toEqual(['sluice-vxlan: up, MTU 1450']);
    expect(await control.settle(WANTED)).toEqual([]);
  });

  test('removed once', async () => {
    const { control } = world();
    await control.settle(WANTED);
    expect(await control.remove()).toEqual(['sluice-vxlan: removed']);
    expect(await control.remove()).toEqual([]);
  });

  test('a device of another kind with our name is left alone, and named', async () => {
    const { control, occupy } = world();
    occupy();
    await expect(control.settle(WANTED)).rejects.toThrow(/tunnel-add-device.*sluice-vxlan.*EEXIST/);
    expect(await control.remove()).toEqual([]);
  });
}
