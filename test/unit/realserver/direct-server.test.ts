import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { directServerCommands } from '../../../src/core/realserver/direct-server.ts';

const vips = [ipv4('203.0.113.10'), ipv4('203.0.113.11')];

test('the VIPs on lo, kept out of ARP; strict reverse paths loosened where the directors send', () => {
  expect(directServerCommands({ interface: 'eth1.20', vips }).map((argv) => argv.join(' '))).toEqual([
    'sysctl -q -w net/ipv4/conf/all/arp_ignore=1',
    'sysctl -q -w net/ipv4/conf/all/arp_announce=2',
    'sysctl -q -w net/ipv4/conf/eth1.20/rp_filter=2',
    'ip address replace 203.0.113.10/32 dev lo',
    'ip address replace 203.0.113.11/32 dev lo',
  ]);
});

test('a name that would be something else to sysctl is refused', () => {
  expect(() => directServerCommands({ interface: 'all/x', vips })).toThrow(RangeError);
});
