/** fast-check arbitraries for everything that OSPF puts on the wire, and ways to spoil it. */

import fc from 'fast-check';
import { type Ipv4, maskOf } from '../../../src/core/base/ipv4.ts';
import { LsType, MAX_AGE } from '../../../src/core/ospf/codes.ts';
import { fillLsaChecksum } from '../../../src/core/ospf/lsa/checksum.ts';
import { buildLsa, buildOpaqueLsa, type NewLsaHeader } from '../../../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaBody, LsaHeader, LsaKey, RouterLink } from '../../../src/core/ospf/lsa/lsa.ts';
import { packetChecksum } from '../../../src/core/ospf/packet/checksum.ts';
import type { Packet, PacketBody } from '../../../src/core/ospf/packet/packet.ts';
import { joinBytes } from '../../bytes.ts';

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u24 = fc.integer({ min: 0, max: 0xffffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });

export const address: fc.Arbitrary<Ipv4> = fc.integer({ min: 0, max: 0xffffffff });
export const mask: fc.Arbitrary<Ipv4> = fc.integer({ min: 0, max: 32 }).map(maskOf);

/** Every signed 32-bit number but the reserved one. */
const sequence = fc.integer({ min: -0x7fffffff, max: 0x7fffffff });
const age = fc.integer({ min: 0, max: MAX_AGE });

const LS_TYPES = Object.values(LsType);
const lsType = fc.constantFrom(...LS_TYPES);
const opaqueType = fc.constantFrom(LsType.opaqueLink, LsType.opaqueArea, LsType.opaqueAs);

export const lsaKey: fc.Arbitrary<LsaKey> = fc.record({ type: lsType, id: address, advertisingRouter: address });

/** A header as a database description or an acknowledgement carries it. */
export const lsaHeader: fc.Arbitrary<LsaHeader> = fc.record({
  type: u8,
  id: address,
  advertisingRouter: address,
  age,
  options: u8,
  sequence: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  checksum: u16,
  length: u16,
});

const routerLink: fc.Arbitrary<RouterLink> = fc.record({
  type: fc.integer({ min: 1, max: 4 }),
  id: address,
  data: address,
  metric: u16,
});

const routerBody: fc.Arbitrary<LsaBody> = fc.record({
  kind: fc.constant('router' as const),
  flags: u8,
  links: fc.array(routerLink, { maxLength: 8 }),
});

const networkBody: fc.Arbitrary<LsaBody> = fc.record({
  kind: fc.constant('network' as const),
  mask,
  attachedRouters: fc.array(address, { maxLength: 8 }),
});

const summaryBody: fc.Arbitrary<LsaBody> = fc.record({ kind: fc.constant('summary' as const), mask, metric: u24 });

const externalBody: fc.Arbitrary<LsaBody> = fc.record({
  kind: fc.constant('external' as const),
  mask,
  e2: fc.boolean(),
  metric: u24,
  forwardingAddress: address,
  tag: u32,
});

/** A header to build from, and the body that belongs to its type; opaque types have their own arbitrary. */
export const newLsa: fc.Arbitrary<{ header: NewLsaHeader; body: LsaBody }> = fc
  .oneof(
    fc.tuple(fc.constant(LsType.router as number), routerBody),
    fc.tuple(fc.constant(LsType.network as number), networkBody),
    fc.tuple(fc.constantFrom<number>(LsType.summaryNetwork, LsType.summaryAsbr), summaryBody),
    fc.tuple(fc.constantFrom<number>(LsType.asExternal, LsType.nssa), externalBody),
  )
  .chain(([type, body]) => newLsaHeader(fc.constant(type)).map((header) => ({ header, body })));

function newLsaHeader(type: fc.Arbitrary<number>): fc.Arbitrary<NewLsaHeader> {
  return fc.record({ type, id: address, advertisingRouter: address, age, options: u8, sequence });
}

export const opaqueLsa: fc.Arbitrary<Lsa> = fc
  .tuple(newLsaHeader(opaqueType), fc.uint8Array({ maxLength: 64 }))
  .map(([header, content]) => buildOpaqueLsa(header, content));

/** Any well-formed LSA. */
export const lsa: fc.Arbitrary<Lsa> = fc.oneof(
  { weight: 4, arbitrary: newLsa.map(({ header, body }) => buildLsa(header, body)) },
  { weight: 1, arbitrary: opaqueLsa },
);

export const packetBody: fc.Arbitrary<PacketBody> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    networkMask: mask,
    helloInterval: u16,
    options: u8,
    priority: u8,
    deadInterval: u32,
    designatedRouter: address,
    backupDesignatedRouter: address,
    neighbors: fc.array(address, { maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant('dbDescription' as const),
    interfaceMtu: u16,
    options: u8,
    flags: u8,
    sequence: u32,
    headers: fc.array(lsaHeader, { maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('lsRequest' as const), requests: fc.array(lsaKey, { maxLength: 8 }) }),
  fc.record({
    kind: fc.constant('lsUpdate' as const),
    lsas: fc.array(lsa, { maxLength: 6 }),
    skipped: fc.constant([]),
  }),
  fc.record({ kind: fc.constant('lsAck' as const), headers: fc.array(lsaHeader, { maxLength: 8 }) }),
);

/** Any well-formed packet. */
export const packet: fc.Arbitrary<Packet> = fc.record({
  header: fc.record({ routerId: address, areaId: address }),
  body: packetBody,
});

/** One way to spoil bytes. Positions are fractions of the length, so that they fit whatever they are applied to. */
export type Mutation =
  | { readonly kind: 'set'; readonly at: number; readonly value: number }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'u16' | 'u32'; readonly at: number; readonly value: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly count: number };

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const BOUNDARY_U16 = [0, 1, 19, 20, 23, 24, 25, 0x7fff, 0x8000, 0xfffe, 0xffff];
const BOUNDARY_U32 = [0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff];

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: place, value: u8 }),
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('u16' as const), at: place, value: fc.constantFrom(...BOUNDARY_U16) }),
  fc.record({ kind: fc.constant('u32' as const), at: place, value: fc.constantFrom(...BOUNDARY_U32) }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('insert' as const), at: place, bytes: fc.uint8Array({ minLength: 1, maxLength: 24 }) }),
  fc.record({ kind: fc.constant('remove' as const), at: place, count: fc.integer({ min: 1, max: 24 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at: place, count: fc.integer({ min: 1, max: 24 }) }),
);

/** A spoilt copy. */
export function mutate(original: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (const change of mutations) bytes = mutateOnce(bytes, change);
  return bytes;
}

function mutateOnce(bytes: Uint8Array<ArrayBuffer>, change: Mutation): Uint8Array<ArrayBuffer> {
  const at = Math.floor(change.at * bytes.length);
  switch (change.kind) {
    case 'set':
      return overwrite(bytes, at, [change.value]);
    case 'flip':
      return overwrite(bytes, at, [(bytes[at] ?? 0) ^ (1 << change.bit)]);
    case 'u16':
      return overwrite(bytes, at & ~1, [change.value >>> 8, change.value]);
    case 'u32':
      return overwrite(bytes, at & ~3, [change.value >>> 24, change.value >>> 16, change.value >>> 8, change.value]);
    case 'cut':
      return bytes.slice(0, at);
    case 'insert':
      return joinBytes(bytes.subarray(0, at), change.bytes, bytes.subarray(at));
    case 'remove':
      return joinBytes(bytes.subarray(0, at), bytes.subarray(at + change.count));
    case 'repeat':
      return joinBytes(bytes.subarray(0, at + change.count), bytes.subarray(at));
  }
}

function overwrite(bytes: Uint8Array<ArrayBuffer>, at: number, values: readonly number[]): Uint8Array<ArrayBuffer> {
  values.forEach((value, n) => {
    bytes[at + n] = value;
  });
  return bytes;
}

/** A copy whose length and checksum are right again, so that a decoder looks at the nonsense behind them. */
export function withRightPacketChecksum(original: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(original);
  if (bytes.length < 24) return bytes;
  bytes[0] = 2;
  bytes[2] = bytes.length >>> 8;
  bytes[3] = bytes.length;
  bytes.fill(0, 12, 16);
  const checksum = packetChecksum(bytes, bytes.length);
  bytes[12] = checksum >>> 8;
  bytes[13] = checksum;
  return bytes;
}

/** A copy of an LSA whose length and checksum are right again. */
export function withRightLsaChecksum(original: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(original);
  if (bytes.length < 20) return bytes;
  bytes[18] = bytes.length >>> 8;
  bytes[19] = bytes.length;
  fillLsaChecksum(bytes);
  return bytes;
}

/**
 * How many cases the hostile-input tests run: 2,000 by default, so that the quick check stays quick; the environment
 * variable SLUICE_FUZZ asks for more.
 */
export const FUZZ_RUNS = Number(process.env['SLUICE_FUZZ'] ?? 2000);

/** The same cases in every run, unless SLUICE_SEED asks for others: a check that is green once stays green. */
fc.configureGlobal({ seed: Number(process.env['SLUICE_SEED'] ?? 1) });
