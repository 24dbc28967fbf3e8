import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import {
  decodeFamily,
  encodeAnswer,
  encodeFamily,
  encodeFamilyRequest,
  encodeGeneric,
  GENL_HEADER_BYTES,
  type WriteAttributes,
} from '../../../src/core/netlink/generic.ts';
import { decodeDaemon, encodeDaemon, type IpvsDaemon } from '../../../src/core/netlink/ipvs/daemon.ts';
import {
  type CountedDestination,
  decodeDestination,
  encodeCountedDestination,
  encodeDestinationKey,
} from '../../../src/core/netlink/ipvs/destination.ts';
import type { InetAddress } from '../../../src/core/netlink/ipvs/inet-address.ts';
import {
  type CountedService,
  decodeService,
  encodeCountedService,
  encodeService,
  type IpvsServiceKey,
  serviceKeyText,
} from '../../../src/core/netlink/ipvs/service.ts';
import { decodeInfo, decodeTimeouts, encodeInfo, encodeTimeouts } from '../../../src/core/netlink/ipvs/settings.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const attributesOf = (write: WriteAttributes) => encodeAnswer(write).subarray(GENL_HEADER_BYTES);

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.maxSafeNat();
const ipv6: fc.Arbitrary<string> = fc
  .array(u16, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));
const address: fc.Arbitrary<InetAddress> = fc.oneof(u32, ipv6);
const word = fc.string({ unit: fc.constantFrom(...'abcdefghij0_'), minLength: 1, maxLength: 15 });

const statistics = fc.record({ connections: u64, packetsIn: u64, packetsOut: u64, bytesIn: u64, bytesOut: u64 });
const key: fc.Arbitrary<IpvsServiceKey> = fc.oneof(
  fc.record({ protocol: fc.constantFrom(6, 17, 132), address, port: u16 }),
  fc.record({ fwmark: fc.integer({ min: 1, max: 0xffffffff }), family: fc.constantFrom('ipv4', 'ipv6') }),
);
const service: fc.Arbitrary<CountedService> = fc.record({
  key,
  scheduler: word,
  // The kernel's own flag is never told.
  flags: u32.map((flags) => (flags & ~2) >>> 0),
  timeout: u32,
  maskBits: fc.integer({ min: 0, max: 32 }),
  engine: fc.oneof(fc.constant(''), word),
  statistics,
});
const destination: fc.Arbitrary<CountedDestination> = fc.record({
  address,
  port: u16,
  method: fc.integer({ min: 0, max: 4 }),
  weight: u32,
  upper: u32,
  lower: u32,
  tunnel: fc.record({ type: fc.integer({ min: 0, max: 2 }), port: u16, flags: u16 }),
  active: u32,
  inactive: u32,
  persistent: u32,
  statistics,
});
const daemon: fc.Arbitrary<IpvsDaemon> = fc.record({
  state: fc.constantFrom('master', 'backup'),
  device: word,
  syncId: fc.integer({ min: 0, max: 255 }),
  maxLength: u16,
  group: u32,
  port: u16,
  ttl: fc.integer({ min: 1, max: 255 }),
});
const timeouts = fc.record({ tcp: u32, tcpFin: u32, udp: u32 });
const info = fc.record({
  version: fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }))
    .map((parts) => parts.join('.')),
  connectionTable: u32,
});

type Encode<T> = (w: NetlinkWriter, value: T) => void;

function readsBack<T>(values: fc.Arbitrary<T>, encode: Encode<T>, decode: (bytes: Uint8Array) => T) {
  fc.assert(
    fc.property(values, (one) => {
      expect(decode(encodeAnswer((w) => encode(w, one)))).toEqual(one);
    }),
  );
}

test('what is written reads back the same', () => {
  readsBack(service, encodeCountedService, decodeService);
  readsBack(destination, encodeCountedDestination, decodeDestination);
  readsBack(daemon, encodeDaemon, decodeDaemon);
  readsBack(timeouts, encodeTimeouts, decodeTimeouts);
  readsBack(info, encodeInfo, decodeInfo);
  expect(decodeFamily(encodeFamily(0x1c))).toBe(0x1c);
});

const DECODERS = [decodeService, decodeDestination, decodeDaemon, decodeTimeouts, decodeInfo, decodeFamily];

function value(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    decode(bytes);
  } catch (error) {
    return error;
  }
  return undefined;
}

const writeOf =
  <T>(encode: Encode<T>) =>
  (one: T): WriteAttributes =>
  (w) =>
    encode(w, one);

test('any bytes are a value or a DecodeError', () => {
  const seeds = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // A whole message with some bytes of it changed, or its end cut off.
    fc
      .tuple(
        fc.oneof(service.map(writeOf(encodeCountedService)), destination.map(writeOf(encodeCountedDestination))),
        u16,
        u16,
        u16,
      )
      .map(([write, at, put, cut]) => {
        const changed = encodeAnswer(write);
        changed[at % changed.length] = put & 0xff;
        return cut % 3 === 0 ? changed.subarray(0, cut % changed.length) : changed;
      }),
  );
  fc.assert(
    fc.property(seeds, (bytes) => {
      for (const decode of DECODERS) {
        const thrown = value(decode, bytes);
        if (thrown !== undefined) expect(thrown).toBeInstanceOf(DecodeError);
      }
    }),
  );
});

// Lengths, types and numbers in the machine's order; addresses, ports and masks in the network's.
test('bytes: a service, a destination of it, and the request for the number of the family', () => {
  const web: IpvsServiceKey = { protocol: 6, address: ipv4('203.0.113.10'), port: 80 };
  const plain = { key: web, scheduler: 'mh', flags: 0x18, timeout: 0, maskBits: 32, engine: '' };
  expect(hex(attributesOf((w) => encodeService(w, plain)))).toBe(
    [
      '54000100',
      '0600010002000000',
      '0600020006000000',
      '14000300cb00710a000000000000000000000000',
      '0600040000500000',
      '070006006d680000',
      '0c00070018000000ffffffff',
      '0800080000000000',
      '08000900ffffffff',
    ].join(''),
  );
  const destination = { address: ipv4('10.2.0.21'), port: 0 };
  expect(hex(attributesOf((w) => encodeDestinationKey(w, { fwmark: 7, family: 'ipv4' }, destination)))).toBe(
    [
      '14000100',
      '0600010002000000',
      '0800050007000000',
      '28000200',
      '140001000a020015000000000000000000000000',
      '0600020000000000',
      '06000b0002000000',
    ].join(''),
  );
  const request = { command: 3, flags: 4, attributes: (w: NetlinkWriter) => encodeFamilyRequest(w, 'IPVS') };
  expect(hex(encodeGeneric(16, 2, [request], 9))).toBe(
    '2000000010000500090000000000000003020000090002004950565300000000',
  );
});

test('names of services', () => {
  const at = (protocol: number, address: InetAddress) => serviceKeyText({ protocol, address, port: 80 });
  expect([
    at(6, ipv4('203.0.113.10')),
    at(17, '2001:db8:0:0:0:0:0:1'),
    at(132, 0),
    at(50, 0),
    serviceKeyText({ fwmark: 7, family: 'ipv4' }),
    serviceKeyText({ fwmark: 7, family: 'ipv6' }),
  ]).toEqual([
    'tcp 203.0.113.10:80',
    'udp [2001:db8:0:0:0:0:0:1]:80',
    'sctp 0.0.0.0:80',
    '50 0.0.0.0:80',
    'fwmark 7',
    'fwmark 7 ipv6',
  ]);
});
