import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { decodePacket, encodePacket, packetLength } from '../../../../src/core/ospf/packet/codec.ts';
import type { LsUpdate, Packet } from '../../../../src/core/ospf/packet/packet.ts';
import * as vectors from '../../../vectors/ospf/handmade.ts';
import { FUZZ_RUNS, lsa, mutate, mutation, packet, withRightPacketChecksum } from '../arbitraries.ts';

const { fromHex, toHex } = vectors;

/** The reason of the DecodeError that decoding gives, or the kind of packet that came out. */
function outcome(bytes: Uint8Array): string {
  try {
    return decodePacket(bytes).body.kind;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

function altered(vector: string, at: number, ...values: number[]): Uint8Array {
  const bytes = fromHex(vector);
  bytes.set(values, at);
  return withRightPacketChecksum(bytes);
}

function decodedUpdate(bytes: Uint8Array): LsUpdate {
  const { body } = decodePacket(bytes);
  if (body.kind !== 'lsUpdate') throw new Error(`expected an update, got ${body.kind}`);
  return body;
}

describe('known bytes', () => {
  test('the Hello of a DR that hears nobody', () => {
    expect(decodePacket(fromHex(vectors.drHello))).toEqual({
      header: { routerId: ipv4('192.168.170.8'), areaId: 1 },
      body: {
        kind: 'hello',
        networkMask: ipv4('255.255.255.0'),
        helloInterval: 10,
        options: 2,
        priority: 1,
        deadInterval: 40,
        designatedRouter: ipv4('192.168.170.8'),
        backupDesignatedRouter: 0,
        neighbors: [],
      },
    } satisfies Packet);
  });

  test('a Hello that hears two neighbors', () => {
    expect(decodePacket(fromHex(vectors.lanHello)).body).toMatchObject({
      priority: 0,
      backupDesignatedRouter: ipv4('10.2.0.2'),
      neighbors: [ipv4('10.255.0.101'), ipv4('10.255.0.102')],
    });
  });

  test('database descriptions', () => {
    expect(decodePacket(fromHex(vectors.firstDbDescription)).body).toMatchObject({ options: 0x52, flags: 7 });
    const { body } = decodePacket(fromHex(vectors.dbDescription));
    expect(body).toMatchObject({ interfaceMtu: 1500, options: 0x42, flags: 3, sequence: 0x4a3b2c1e });
    if (body.kind !== 'dbDescription') throw new Error('unreachable');
    expect(body.headers.map(({ type, length }) => [type, length])).toEqual([
      [1, 76],
      [2, 36],
    ]);
  });

  test('a request', () => {
    expect(decodePacket(fromHex(vectors.lsRequest)).body).toEqual({
      kind: 'lsRequest',
      requests: [
        { type: 1, id: ipv4('10.255.0.101'), advertisingRouter: ipv4('10.255.0.101') },
        { type: 5, id: 0, advertisingRouter: ipv4('10.255.0.101') },
      ],
    });
  });

  test('an update of three LSAs', () => {
    const { lsas, skipped } = decodedUpdate(fromHex(vectors.lsUpdate));
    expect(skipped).toEqual([]);
    expect(lsas.map(({ bytes }) => toHex(bytes))).toEqual(
      [vectors.routerLsa, vectors.networkLsa, vectors.externalLsa].map((vector) => toHex(fromHex(vector))),
    );
  });

  test('a packet of odd length is summed up as if a zero followed', () => {
    const { lsas, skipped } = decodedUpdate(fromHex(vectors.oddLsUpdate));
    expect(skipped).toEqual([]);
    expect(toHex(lsas[0]!.bytes.subarray(20))).toBe('6f64642121');
  });

  test('an acknowledgement of two', () => {
    expect(decodePacket(fromHex(vectors.lsAck)).body).toMatchObject({
      headers: [{ checksum: 0x6a71 }, { checksum: 0x9db5 }],
    });
  });

  test('encoding gives the same bytes, length and checksum included', () => {
    const { drHello, lanHello, firstDbDescription, dbDescription, lsRequest, lsAck } = vectors;
    const updates = [vectors.lsUpdate, vectors.oddLsUpdate];
    for (const vector of [drHello, lanHello, firstDbDescription, dbDescription, lsRequest, ...updates, lsAck]) {
      const bytes = fromHex(vector);
      expect(toHex(encodePacket(decodePacket(bytes)))).toBe(toHex(bytes));
    }
  });
});

describe('round trip', () => {
  test('what is encoded decodes to the same packet', () => {
    fc.assert(
      fc.property(packet, (original) => {
        expect(decodePacket(encodePacket(original))).toEqual(original);
      }),
    );
  });

  test('the length is known before encoding', () => {
    fc.assert(
      fc.property(packet, (original) => {
        expect(encodePacket(original)).toHaveLength(packetLength(original.body));
      }),
    );
  });

  test('bytes behind the packet (LLS blocks, digests) are ignored', () => {
    fc.assert(
      fc.property(packet, fc.uint8Array({ minLength: 1, maxLength: 40 }), (original, tail) => {
        expect(decodePacket(Uint8Array.of(...encodePacket(original), ...tail))).toEqual(original);
      }),
    );
  });
});

describe('refusals of the header', () => {
  const hello = () => fromHex(vectors.lanHello);

  test('too short for a header, a length that lies', () => {
    expect(outcome(new Uint8Array(0))).toBe('short');
    expect(outcome(hello().subarray(0, 23))).toBe('short');
    expect(outcome(hello().subarray(0, 51))).toBe('length');
    const bytes = hello();
    bytes.set([0, 23], 2);
    expect(outcome(bytes)).toBe('length');
  });

  test('another version, before the checksum is looked at', () => {
    const bytes = hello();
    bytes[0] = 3;
    expect(outcome(bytes)).toBe('version');
  });

  test('authentication of any type, before the checksum is looked at', () => {
    for (const type of [1, 2, 3]) {
      const bytes = hello();
      bytes[15] = type;
      expect(outcome(bytes)).toBe('authType');
    }
  });

  test('any single bit that is wrong, except in the authentication field', () => {
    for (let bit = 32; bit < 52 * 8; bit++) {
      const bytes = hello();
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      const at = bit >>> 3;
      const expected = at >= 16 && at < 24 ? 'hello' : at === 14 || at === 15 ? 'authType' : 'checksum';
      expect(outcome(bytes)).toBe(expected);
    }
  });

  test('an unknown packet type', () => {
    for (const type of [0, 6, 255]) expect(outcome(altered(vectors.lanHello, 1, type))).toBe('type');
  });
});

describe('refusals of the body', () => {
  test('cut off in the fixed part, or within an element', () => {
    const cases: readonly (readonly [string, number, number])[] = [
      [vectors.lanHello, 43, 46],
      [vectors.dbDescription, 31, 40],
      [vectors.lsUpdate, 27, 27],
    ];
    for (const [vector, fixed, within] of cases) {
      expect(outcome(withRightPacketChecksum(fromHex(vector).subarray(0, fixed)))).toBe('short');
      const cut = outcome(withRightPacketChecksum(fromHex(vector).subarray(0, within)));
      expect(['short', 'trailing']).toContain(cut);
    }
    expect(outcome(withRightPacketChecksum(fromHex(vectors.lsRequest).subarray(0, 40)))).toBe('trailing');
    expect(outcome(withRightPacketChecksum(fromHex(vectors.lsAck).subarray(0, 63)))).toBe('trailing');
  });
});

describe('an update with something wrong inside', () => {
  const FIRST = 28;
  const SECOND = FIRST + 76;

  test('an LSA that does not decode is left out by its length, the others stay', () => {
    const { lsas, skipped } = decodedUpdate(altered(vectors.lsUpdate, SECOND + 30, 0x55));
    expect(lsas.map(({ header }) => header.type)).toEqual([1, 5]);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.key).toEqual({ type: 2, id: ipv4('10.2.0.1'), advertisingRouter: ipv4('10.255.0.101') });
    expect(skipped[0]!.reason).toMatch(/^checksum/);
  });

  test('an unknown LS type costs only that LSA', () => {
    const { lsas, skipped } = decodedUpdate(altered(vectors.lsUpdate, SECOND + 3, 6));
    expect(lsas).toHaveLength(2);
    expect(skipped[0]!.key!.type).toBe(6);
  });

  test('a length that leaves the packet, or is less than a header, ends the reading there', () => {
    for (const length of [0, 19, 37 + 36, 0xffff]) {
      const { lsas, skipped } = decodedUpdate(altered(vectors.lsUpdate, SECOND + 18, length >>> 8, length));
      expect(lsas.map(({ header }) => header.type)).toEqual([1]);
      expect(skipped).toHaveLength(1);
      expect(skipped[0]!.reason).toMatch(/^length/);
    }
  });

  test('a count beyond what is there keeps what is there', () => {
    for (const count of [4, 0xff]) {
      const { lsas, skipped } = decodedUpdate(altered(vectors.lsUpdate, 24, count, count, count, count));
      expect(lsas).toHaveLength(3);
      expect(skipped).toEqual([{ key: undefined, reason: expect.stringMatching(/^short/) }]);
    }
  });

  test('a count below what is there leaves the rest unread', () => {
    const { lsas, skipped } = decodedUpdate(altered(vectors.lsUpdate, 27, 1));
    expect(lsas).toHaveLength(1);
    expect(skipped).toEqual([{ key: undefined, reason: expect.stringMatching(/^trailing/) }]);
  });
});

describe('hostile bytes', () => {
  test('any bytes give a packet or a DecodeError', () => {
    const anything = fc.uint8Array({ maxLength: 256 });
    fc.assert(
      fc.property(anything, (bytes) => void outcome(bytes)),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('a spoilt packet gives a packet or a DecodeError, with and without the checksum set right', () => {
    const seen = new Map<string, number>();
    const spoilt = fc.tuple(packet, fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean());
    fc.assert(
      fc.property(spoilt, ([original, mutations, setRight]) => {
        const bytes = mutate(encodePacket(original), mutations);
        const result = outcome(setRight ? withRightPacketChecksum(bytes) : bytes);
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }),
      { numRuns: FUZZ_RUNS },
    );
    const kinds = ['hello', 'dbDescription', 'lsRequest', 'lsUpdate', 'lsAck'];
    const reasons = ['short', 'length', 'version', 'checksum', 'type', 'trailing'];
    for (const reached of [...kinds, ...reasons]) expect(seen.get(reached), reached).toBeGreaterThan(0);
  });

  test('nonsense behind a right header gives a packet or a DecodeError', () => {
    const body = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(body, ([type, bytes]) => {
        const whole = new Uint8Array(24 + bytes.length);
        whole[1] = type;
        whole.set(bytes, 24);
        outcome(withRightPacketChecksum(whole));
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('an update accounts for every LSA it was said to have', () => {
    const update = fc.tuple(fc.array(lsa, { minLength: 1, maxLength: 5 }), mutation);
    fc.assert(
      fc.property(update, ([lsas, change]) => {
        const bytes = encodePacket({
          header: { routerId: 1, areaId: 0 },
          body: { kind: 'lsUpdate', lsas, skipped: [] },
        });
        const head = bytes.subarray(0, 28);
        const spoilt = mutate(bytes.subarray(28), [change]);
        const read = decodedUpdate(withRightPacketChecksum(Uint8Array.of(...head, ...spoilt)));
        const lost = lsas.length - read.lsas.length;
        if (lost > 0) expect(read.skipped.length).toBeGreaterThan(0);
      }),
      { numRuns: Math.min(FUZZ_RUNS, 2000) },
    );
  });
});
