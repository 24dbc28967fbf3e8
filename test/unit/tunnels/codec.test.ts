import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { decodeNeighbour, encodeArpQuestion, encodeNeighbour } from '../../../src/core/netlink/neighbour.ts';
import { decodeVxlan, encodeVxlan } from '../../../src/core/netlink/vxlan.ts';

const mac = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 });
const address = fc.integer({ min: 0, max: 0xffffffff });

test('a device reads back as it was asked for, up, learning nothing', () => {
  const device = fc.record({
    name: fc.stringMatching(/^[a-z]{1,15}$/),
    mac,
    mtu: fc.integer({ min: 576, max: 65_485 }),
    id: fc.integer({ min: 1, max: 0xffffff }),
    port: fc.integer({ min: 1, max: 65_535 }),
    local: address,
  });
  fc.assert(
    fc.property(device, (one) => {
      expect(decodeVxlan(encodeVxlan(one))).toEqual({ ...one, ifindex: 0, enabled: true, learning: false });
    }),
  );
});

test('a neighbour reads back as it was asked for', () => {
  const kind = fc.constantFrom('arp' as const, 'forwarding' as const);
  fc.assert(
    fc.property(fc.record({ kind, address, mac }), (one) => {
      expect(decodeNeighbour(encodeNeighbour(5, one))).toEqual({ ...one, ifindex: 5, permanent: true });
    }),
  );
});

test('the bytes, as `ip neigh add 169.254.217.2 lladdr 02:73:0a:04:00:02 dev 5 nud permanent` sends them', () => {
  const neighbour = { kind: 'arp', address: ipv4('169.254.217.2'), mac: [2, 0x73, 10, 4, 0, 2] } as const;
  expect(Buffer.from(encodeNeighbour(5, neighbour)).toString('hex')).toBe(
    '020000000500000080000000' + '08000100a9fed902' + '0a00020002730a0400020000',
  );
});

test('a question for a MAC, as `ip neigh add 10.2.0.102 dev 5 nud none use` sends it', () => {
  const bytes = encodeArpQuestion(5, ipv4('10.2.0.102'));
  expect(Buffer.from(bytes).toString('hex')).toBe('020000000500000000000100' + '080001000a020066');
});

test('any bytes are a message, none of ours, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const decode of [decodeVxlan, decodeNeighbour]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
  );
});
