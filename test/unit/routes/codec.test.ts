import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { formatIpv4, ipv4, prefixOf } from '../../../src/core/base/ipv4.ts';
import { decodeAddress, decodeLink } from '../../../src/core/netlink/link.ts';
import { decodeRoute, encodeRoute, encodeRouteDelete, type RouteMessage } from '../../../src/core/netlink/route.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const anyHop = fc.record({
  ifindex: fc.integer({ min: 1, max: 100_000 }),
  gateway: fc.option(u32, { nil: undefined }),
});
const anyRoute: fc.Arbitrary<RouteMessage> = fc.record({
  table: u32,
  protocol: fc.integer({ min: 0, max: 255 }),
  scope: fc.integer({ min: 0, max: 255 }),
  type: fc.integer({ min: 0, max: 11 }),
  prefix: fc.tuple(u32, fc.integer({ min: 0, max: 32 })).map(([address, length]) => prefixOf(address, length)),
  metric: u32,
  nextHops: fc.array(anyHop, { maxLength: 8 }),
});

/** Runs a decoder on bytes; anything but a value or a DecodeError fails the test. */
function survives(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

test('a route message comes back as it was written', () => {
  fc.assert(
    fc.property(anyRoute, (route) => {
      expect(decodeRoute(encodeRoute(route))).toEqual(route);
    }),
  );
});

test('a delete request asks for any scope and is otherwise the same', () => {
  fc.assert(
    fc.property(anyRoute, (route) => {
      expect(decodeRoute(encodeRouteDelete(route))).toEqual({ ...route, scope: 255 });
    }),
  );
});

test('any bytes are a message, none of ours, or a DecodeError', () => {
  const cases = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(anyRoute, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 5 }), fc.nat(100))
      .map(([route, changes, cut]) => {
        const bytes = encodeRoute(route);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes.subarray(0, Math.max(0, bytes.length - cut));
      }),
  );
  fc.assert(
    fc.property(cases, (bytes) => {
      for (const decode of [decodeRoute, decodeLink, decodeAddress]) survives(decode, bytes);
    }),
    { numRuns: 2000 },
  );
});

/** Parts of dumps from Linux 6.18 on a little-endian machine (the link's cut off after its MTU). */
const LINK_UP =
  '000001000a0000004310010000000000080003007570300008000d00e803000005001000060000000500110000000000' +
  '050043000000000008000400dc050000';
const ADDRESS =
  '021880000a000000080001000a010001080002000a0100010800030075703000080008008000000014000600ffffffff' +
  'ffffffffc4340300c4340300';
const MULTIPATH =
  '02100000fed900010000000008000f00fe000000080001000a090000080006001400000024000900100000000a000000' +
  '080005000a010002100000000b000000080005000a010102';
const LINK_UP_IFINDEX = 10;

const describeLittleEndian = describe.skipIf(new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1);
const hex = (text: string) =>
  Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g)!, (pair) => Number.parseInt(pair, 16));

describeLittleEndian('bytes from a kernel', () => {
  test('a link that is up with a carrier', () => {
    const bytes = hex(LINK_UP);
    expect(decodeLink(bytes)).toEqual({ ifindex: LINK_UP_IFINDEX, name: 'up0', up: true, enabled: true, mtu: 1500 });
  });

  test('what a bridge says about its ports is not a link', () => {
    const bytes = hex(LINK_UP);
    bytes[0] = 7;
    expect(decodeLink(bytes)).toBeUndefined();
  });

  test('an address', () => {
    const decoded = decodeAddress(hex(ADDRESS))!;
    expect({ ...decoded, address: formatIpv4(decoded.address) }).toEqual({
      ifindex: LINK_UP_IFINDEX,
      address: '10.1.0.1',
      prefixLength: 24,
      secondary: false,
    });
  });

  test('an ECMP route', () => {
    expect(decodeRoute(hex(MULTIPATH))).toEqual({
      table: 254,
      protocol: 217,
      scope: 0,
      type: 1,
      prefix: prefixOf(ipv4('10.9.0.0'), 16),
      metric: 20,
      nextHops: [
        { ifindex: LINK_UP_IFINDEX, gateway: ipv4('10.1.0.2') },
        { ifindex: LINK_UP_IFINDEX + 1, gateway: ipv4('10.1.1.2') },
      ],
    });
  });
});
