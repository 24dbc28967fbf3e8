import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { checksumState, onesSum } from '../../../src/core/packet/checksum.ts';
import { offloadHeader } from '../../../src/core/packet/offload.ts';
import { parsePacket } from '../../../src/core/packet/packet.ts';
import { buildPacket, pseudoSum } from './build.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const reasonOf = (bytes: Uint8Array) => {
  try {
    parsePacket(bytes);
    return 'parsed';
  } catch (error) {
    return error instanceof DecodeError ? error.reason : error;
  }
};
const changed = (bytes: Uint8Array, at: number, value: number) => {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
};

describe('packets', () => {
  test('a TCP segment says whose it is, and where its payload begins behind options', () => {
    const given = buildPacket({ options: 12, payload: new Uint8Array(5), flags: 0x18 });
    expect(parsePacket(given)).toEqual({
      bytes: given,
      protocol: 6,
      source: ipv4('10.1.0.2'),
      destination: ipv4('10.9.9.1'),
      sport: 40000,
      dport: 80,
      flags: 0x18,
      transport: 20,
      payload: 52,
    });
  });

  test('a datagram has no flags', () => {
    expect(parsePacket(buildPacket({ protocol: 17 }))).toMatchObject({ protocol: 17, flags: 0, payload: 28 });
  });

  test('what is behind the end of the packet is left out', () => {
    const given = buildPacket();
    const padded = new Uint8Array(60);
    padded.set(given);
    expect(parsePacket(padded).bytes).toEqual(given);
  });

  test.each([
    ['cut short', buildPacket({ payload: new Uint8Array(9) }).subarray(0, 45), 'short'],
    ['shorter than a header', new Uint8Array(19), 'short'],
    ['of another version', changed(buildPacket(), 0, 0x65), 'version'],
    ['with an IP header of 16 bytes', changed(buildPacket(), 0, 0x44), 'length'],
    ['with an IP header beyond its end', changed(changed(buildPacket(), 0, 0x4f), 3, 40), 'length'],
    ['a first fragment', changed(buildPacket(), 6, 0x20), 'value'],
    ['a later fragment', changed(buildPacket(), 7, 1), 'value'],
    ['of another protocol', changed(buildPacket(), 9, 1), 'type'],
    ['with a TCP header of 16 bytes', changed(buildPacket(), 32, 0x40), 'length'],
    ['with a TCP header beyond its end', changed(buildPacket(), 32, 0x60), 'length'],
    ['a datagram of another length than the packet', changed(buildPacket({ protocol: 17 }), 25, 9), 'length'],
  ])('a packet %s is refused', (_name, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(reason);
  });

  test('any bytes are a packet or a DecodeError', () => {
    const like = fc.tuple(fc.constant(buildPacket({ options: 4 })), fc.array(fc.tuple(fc.nat(43), fc.nat(255))));
    const mutated = like.map(([bytes, edits]) => edits.reduce((all, [at, value]) => changed(all, at, value), bytes));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mutated), (bytes) => {
        expect(reasonOf(bytes)).toBeTypeOf('string');
      }),
    );
  });
});

describe('checksums', () => {
  test('the example of RFC 1071', () => {
    expect(onesSum(bytesOf('0001f203f4f5f6f7'), 0, 8)).toBe(0xddf2);
  });

  test('an IP header that somebody else has made sums up to all ones', () => {
    const header = bytesOf('4500003c1c4640004006b1e6ac100a63ac100a0c');
    expect(onesSum(header, 0, header.length)).toBe(0xffff);
  });

  test.each([6, 17] as const)('of protocol %i: right, begun, wrong', (protocol) => {
    const payload = Uint8Array.from({ length: 33 }, (_, i) => i * 7);
    const state = (checksum?: number) =>
      checksumState(parsePacket(buildPacket({ protocol, payload, ...(checksum === undefined ? {} : { checksum }) })));
    expect(state()).toBe('complete');
    expect(state(pseudoSum({ protocol }, protocol === 6 ? 53 : 41))).toBe('partial');
    expect(state(0x1234)).toBe('wrong');
  });

  test('a datagram may have none, a segment may not', () => {
    expect(checksumState(parsePacket(buildPacket({ protocol: 17, checksum: 0 })))).toBe('absent');
    expect(checksumState(parsePacket(buildPacket({ checksum: 0 })))).toBe('wrong');
  });

  test('a byte that was changed on the way is noticed', () => {
    const packet = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((payload) => buildPacket({ payload }));
    const change = packet.chain((bytes) =>
      fc.tuple(fc.constant(bytes), fc.integer({ min: 40, max: bytes.length - 1 })),
    );
    fc.assert(
      fc.property(change, fc.integer({ min: 1, max: 254 }), ([bytes, at], difference) => {
        // One packet in 65,536 is right and looks begun.
        fc.pre(checksumState(parsePacket(bytes)) === 'complete');
        expect(checksumState(parsePacket(changed(bytes, at, (bytes[at]! + difference) & 0xff)))).toBe('wrong');
      }),
    );
  });
});

describe('what is left to the kernel', () => {
  const header = (bytes: Uint8Array, mtu = 1500, littleEndian = true) => {
    const packet = parsePacket(bytes);
    return hex(offloadHeader(packet, checksumState(packet) as 'complete', mtu, littleEndian));
  };

  test('nothing of a packet that is complete', () => {
    expect(header(buildPacket({ payload: new Uint8Array(1460) }))).toBe('02000000000000000000');
  });

  test('the rest of a checksum that is begun', () => {
    expect(header(buildPacket({ checksum: pseudoSum({}, 20) }))).toBe('01000000000014001000');
    const datagram = buildPacket({ protocol: 17, checksum: pseudoSum({ protocol: 17 }, 8) });
    expect(header(datagram)).toBe('01000000000014000600');
  });

  test('the cutting of a long segment, by all of its headers; its checksum is begun', () => {
    const bytes = buildPacket({ options: 12, payload: new Uint8Array(9000) });
    expect(header(bytes)).toBe('01013400a80514001000');
    expect(checksumState(parsePacket(bytes))).toBe('partial');
    expect(header(bytes, 1500, false)).toBe('0101003405a800140010');
  });

  test('a long datagram is not cut: the kernel makes fragments of it', () => {
    expect(header(buildPacket({ protocol: 17, payload: new Uint8Array(9000) }))).toBe('02000000000000000000');
  });
});
