import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { Reader } from '../../../../src/core/base/reader.ts';
import { INITIAL_SEQUENCE, LsType, MAX_SEQUENCE } from '../../../../src/core/ospf/codes.ts';
import { buildLsa, copyLsa, decodeLsa, decodeLsaHeader, withAge } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import * as vectors from '../../../vectors/ospf/handmade.ts';
import { FUZZ_RUNS, lsa, mutate, mutation, newLsa, opaqueLsa, withRightLsaChecksum } from '../arbitraries.ts';

const { fromHex, toHex } = vectors;

/** The reason of the DecodeError that decoding gives, or 'decoded'. */
function outcome(bytes: Uint8Array): string {
  try {
    decodeLsa(bytes);
    return 'decoded';
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

/** The LSA of a vector with bytes replaced, length and checksum right. */
function altered(vector: string, at: number, ...values: number[]): Uint8Array {
  const bytes = fromHex(vector);
  bytes.set(values, at);
  return withRightLsaChecksum(bytes);
}

describe('known bytes', () => {
  test('a router-LSA with every kind of link; TOS metrics are passed over', () => {
    const { header, body } = decodeLsa(fromHex(vectors.routerLsa));
    expect(header).toEqual({
      type: LsType.router,
      id: ipv4('10.255.0.1'),
      advertisingRouter: ipv4('10.255.0.1'),
      age: 1,
      options: 0x22,
      sequence: INITIAL_SEQUENCE + 2,
      checksum: 0x6a71,
      length: 76,
    });
    expect(body).toEqual({
      kind: 'router',
      flags: 2,
      links: [
        { type: 1, id: ipv4('10.255.0.101'), data: ipv4('10.1.0.1'), metric: 0xffff },
        { type: 3, id: ipv4('10.1.0.0'), data: ipv4('255.255.255.0'), metric: 10 },
        { type: 3, id: ipv4('203.0.113.10'), data: ipv4('255.255.255.255'), metric: 10 },
        { type: 2, id: ipv4('10.2.0.1'), data: ipv4('10.2.0.11'), metric: 0xffff },
      ],
    });
  });

  test('a network-LSA', () => {
    expect(decodeLsa(fromHex(vectors.networkLsa)).body).toEqual({
      kind: 'network',
      mask: ipv4('255.255.255.0'),
      attachedRouters: [ipv4('10.255.0.101'), ipv4('10.255.0.1'), ipv4('10.255.0.2')],
    });
  });

  test('summary-LSAs of both types', () => {
    const { header, body } = decodeLsa(fromHex(vectors.summaryLsa));
    expect(header.age).toBe(3600);
    expect(body).toEqual({ kind: 'summary', mask: ipv4('255.255.0.0'), metric: 20 });
    expect(decodeLsa(fromHex(vectors.asbrSummaryLsa)).body).toEqual({ kind: 'summary', mask: 0, metric: 1 });
  });

  test('external LSAs of types 5 and 7', () => {
    const five = decodeLsa(fromHex(vectors.externalLsa));
    expect(five.header.sequence).toBe(MAX_SEQUENCE);
    expect(five.body).toEqual({ kind: 'external', mask: 0, e2: true, metric: 10, forwardingAddress: 0, tag: 42 });
    expect(decodeLsa(fromHex(vectors.nssaLsa)).body).toEqual({
      kind: 'external',
      mask: ipv4('255.255.0.0'),
      e2: false,
      metric: 20,
      forwardingAddress: ipv4('10.1.0.1'),
      tag: 0,
    });
  });

  test('an opaque LSA keeps its content in its bytes', () => {
    const { header, body, bytes } = decodeLsa(fromHex(vectors.opaqueLsa));
    expect(body).toEqual({ kind: 'opaque' });
    expect(header.type).toBe(LsType.opaqueArea);
    expect(toHex(bytes.subarray(20))).toBe('0001000448000000');
  });

  test('building gives the same bytes, checksum included', () => {
    for (const vector of [vectors.networkLsa, vectors.summaryLsa, vectors.externalLsa, vectors.nssaLsa]) {
      const { header, body } = decodeLsa(fromHex(vector));
      const built = buildLsa(header, body);
      expect(toHex(built.bytes)).toBe(toHex(fromHex(vector)));
      expect(built.header).toEqual(header);
    }
  });
});

describe('round trip', () => {
  test('what is built decodes to what it was built from', () => {
    fc.assert(
      fc.property(newLsa, ({ header, body }) => {
        const built = buildLsa(header, body);
        expect(decodeLsa(built.bytes)).toEqual(built);
        expect(built.body).toEqual(body);
        expect(built.header).toMatchObject(header);
      }),
    );
  });

  test('opaque LSAs too', () => {
    fc.assert(
      fc.property(opaqueLsa, (built) => {
        expect(decodeLsa(built.bytes)).toEqual(built);
      }),
    );
  });

  test('another age leaves the checksum right and the original alone', () => {
    fc.assert(
      fc.property(lsa, fc.integer({ min: 0, max: 3600 }), (original, age) => {
        const before = toHex(original.bytes);
        const older = decodeLsa(withAge(original, age));
        expect(older.header).toEqual({ ...original.header, age });
        expect(toHex(original.bytes)).toBe(before);
      }),
    );
  });
});

describe('memory', () => {
  test('a decoded LSA is a view of what was given, a copy is not', () => {
    const bytes = fromHex(vectors.networkLsa);
    const view = decodeLsa(bytes);
    const copy = copyLsa(view);
    bytes.fill(0);
    expect(view.bytes[3]).toBe(0);
    expect(toHex(copy.bytes)).toBe(toHex(fromHex(vectors.networkLsa)));
  });

  test('a copy of what a socket handed out as a Buffer is a copy, too', () => {
    const datagram = Buffer.from(fromHex(vectors.networkLsa));
    const copy = copyLsa(decodeLsa(datagram));
    const older = withAge(decodeLsa(datagram), 7);
    datagram.fill(0);
    expect(toHex(copy.bytes)).toBe(toHex(fromHex(vectors.networkLsa)));
    expect(toHex(older.subarray(2))).toBe(toHex(copy.bytes.subarray(2)));
  });

  test('building leaves no room behind the LSA that would keep memory alive', () => {
    const built: Lsa = buildLsa(
      decodeLsa(fromHex(vectors.routerLsa)).header,
      decodeLsa(fromHex(vectors.routerLsa)).body,
    );
    expect(built.bytes.buffer.byteLength).toBe(built.bytes.length);
  });
});

describe('refusals', () => {
  test('a length that lies', () => {
    const bytes = fromHex(vectors.networkLsa);
    expect(outcome(bytes.subarray(0, 19))).toBe('short');
    expect(outcome(bytes.subarray(0, 35))).toBe('length');
    expect(outcome(Uint8Array.of(...bytes, 0))).toBe('trailing');
    expect(outcome(Uint8Array.of(...fromHex(vectors.opaqueLsa), 0))).toBe('trailing');
    bytes.set([0, 19], 18);
    expect(outcome(bytes)).toBe('length');
  });

  test('a checksum that is wrong or not there', () => {
    const bytes = fromHex(vectors.networkLsa);
    expect(outcome(Uint8Array.from(bytes).fill(0, 16, 18))).toBe('checksum');
    bytes[30]! ^= 1;
    expect(outcome(bytes)).toBe('checksum');
  });

  test('an unknown LS type', () => {
    for (const type of [0, 6, 8, 12, 255]) expect(outcome(altered(vectors.opaqueLsa, 3, type))).toBe('type');
  });

  test('the reserved sequence number 0x80000000', () => {
    expect(outcome(altered(vectors.networkLsa, 12, 0x80, 0, 0, 0))).toBe('value');
  });

  test('a mask with holes, except where it means nothing', () => {
    expect(outcome(altered(vectors.networkLsa, 20, 255, 0, 255, 0))).toBe('value');
    expect(outcome(altered(vectors.summaryLsa, 20, 0, 255, 255, 255))).toBe('value');
    expect(outcome(altered(vectors.externalLsa, 20, 255, 255, 255, 1))).toBe('value');
    expect(outcome(altered(vectors.asbrSummaryLsa, 20, 0, 255, 255, 255))).toBe('decoded');
  });

  test('more links than there is room for, and fewer', () => {
    expect(outcome(altered(vectors.routerLsa, 22, 0xff, 0xff))).toBe('length');
    expect(outcome(altered(vectors.routerLsa, 22, 0, 5))).toBe('length');
    expect(outcome(altered(vectors.routerLsa, 22, 0, 3))).toBe('trailing');
  });

  test('TOS metrics that leave the LSA', () => {
    expect(outcome(altered(vectors.routerLsa, 24 + 3 * 12 + 9, 255))).toBe('short');
  });

  test('content that is cut off or goes on', () => {
    for (const vector of [vectors.networkLsa, vectors.summaryLsa, vectors.externalLsa]) {
      const bytes = fromHex(vector);
      expect(outcome(withRightLsaChecksum(bytes.subarray(0, 23)))).toBe('short');
      expect(outcome(withRightLsaChecksum(Uint8Array.of(...bytes, 0, 0)))).toBe('trailing');
    }
  });
});

describe('leniency that RFC and practice ask for', () => {
  test('an age beyond MaxAge, DoNotAge included, is MaxAge', () => {
    for (const [high, low] of [[0x0e, 0x11] as const, [0x80, 0x01] as const, [0xff, 0xff] as const]) {
      const bytes = fromHex(vectors.networkLsa);
      bytes.set([high, low]);
      expect(decodeLsa(bytes).header.age).toBe(3600);
    }
  });

  test('LSInfinity, unknown link types and unknown router flags decode', () => {
    expect(decodeLsa(altered(vectors.summaryLsa, 25, 255, 255, 255)).body).toMatchObject({ metric: 0xffffff });
    expect(decodeLsa(altered(vectors.routerLsa, 20, 0xff)).body).toMatchObject({ flags: 0xff });
    expect(outcome(altered(vectors.routerLsa, 24 + 8, 9))).toBe('decoded');
  });

  test('TOS metrics of summary and external LSAs are passed over', () => {
    expect(outcome(withRightLsaChecksum(Uint8Array.of(...fromHex(vectors.summaryLsa), 2, 0, 0, 1)))).toBe('decoded');
    const tos = new Uint8Array(12);
    expect(outcome(withRightLsaChecksum(Uint8Array.of(...fromHex(vectors.externalLsa), ...tos)))).toBe('decoded');
  });

  test('a header is read as it is, whatever it says', () => {
    const header = decodeLsaHeader(new Reader(new Uint8Array(20)));
    expect(header).toEqual({
      type: 0,
      id: 0,
      advertisingRouter: 0,
      age: 0,
      options: 0,
      sequence: 0,
      checksum: 0,
      length: 0,
    });
  });
});

describe('hostile bytes', () => {
  test('any bytes give an LSA or a DecodeError', () => {
    const anything = fc.uint8Array({ maxLength: 128 });
    fc.assert(
      fc.property(anything, (bytes) => void outcome(bytes)),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('a spoilt LSA whose length and checksum are right gives an LSA or a DecodeError', () => {
    const spoilt = fc.tuple(lsa, fc.array(mutation, { minLength: 1, maxLength: 4 }));
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(spoilt, ([original, mutations]) => {
        const result = outcome(withRightLsaChecksum(mutate(original.bytes, mutations)));
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }),
      { numRuns: FUZZ_RUNS },
    );
    // The test is worth something only if it reaches what lies behind the checksum.
    for (const reached of ['decoded', 'type', 'value', 'length', 'trailing'])
      expect(seen.get(reached)).toBeGreaterThan(0);
    expect(seen.get('checksum')).toBeUndefined();
  });
});
