import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Writer } from '../../../src/core/base/writer.ts';
import {
  birthAt,
  type ConnectionRecord,
  Field,
  otherConnection,
  Protocol,
  putBirth,
  RANGES,
  RECORD_BYTES,
  RecordFlag,
  rangeOf,
  readRecord,
  readRecords,
  recordFault,
  recordHash,
  recordsOf,
  sameConnection,
  sameKey,
  sameServerSide,
  serverSideHash,
  serviceHash,
  writeRecord,
} from '../../../src/core/sync/records/record.ts';
import { toggleDigest } from '../../../src/core/sync/records/record-digest.ts';
import { decodeIpv6Record, encodeIpv6Record, IPV6_RECORD_BYTES } from '../../../src/core/sync/records/record-ipv6.ts';
import { CONNECTION, record, u8, u16, u32 } from './arbitraries.ts';
import { murmur3 } from './murmur3.ts';

const KEY_FIELDS = ['client', 'vip', 'clientPort', 'vipPort', 'protocol'] as const;
const SERVER_SIDE = ['server', 'local', 'serverPort', 'localPort', 'protocol'] as const;
const IN_DIGEST = [...KEY_FIELDS, ...SERVER_SIDE, 'owner', 'epoch'] as const;

/** The fields as little-endian bytes of 32-bit words, which is how MurmurHash3 reads bytes. */
function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, at) => {
    new DataView(bytes.buffer).setUint32(at * 4, value, true);
  });
  return bytes;
}

function digest(bytes: Uint8Array): readonly number[] {
  const into = new Uint32Array(2);
  toggleDigest(into, 0, bytes, 0);
  return [...into];
}

const ports = (a: number, b: number): number => a * 65536 + b;

describe('layout', () => {
  test('a record is 48 bytes and comes back as it went in, wherever it lies', () => {
    fc.assert(
      fc.property(record, fc.nat({ max: 7 }), (value, at) => {
        const bytes = new Uint8Array(at + RECORD_BYTES + 3).fill(0xee);
        writeRecord(bytes, at, value);
        expect(readRecord(bytes, at)).toEqual(value);
        expect([...bytes.subarray(0, at), ...bytes.subarray(at + RECORD_BYTES)].every((byte) => byte === 0xee)).toBe(
          true,
        );
      }),
    );
  });

  test('every field has bytes of its own', () => {
    const plain = recordsOf([CONNECTION]);
    const touched = Object.keys(CONNECTION).flatMap((name) => {
      const changed = recordsOf([{ ...CONNECTION, [name]: ~CONNECTION[name as keyof ConnectionRecord] >>> 0 }]);
      return [...changed.keys()].filter((at) => changed[at] !== plain[at]);
    });
    expect(touched.sort((a, b) => a - b)).toEqual(Array.from({ length: RECORD_BYTES }, (_, at) => at));
  });

  test('a batch is its records one behind the other', () => {
    const second = { ...CONNECTION, clientPort: 40001 };
    const batch = recordsOf([CONNECTION, second]);
    expect(batch.length).toBe(2 * RECORD_BYTES);
    expect(readRecords(batch)).toEqual([CONNECTION, second]);
  });
});

describe('hashes', () => {
  test('what they are held against is MurmurHash3: values of its author’s own program', () => {
    expect(murmur3(new Uint8Array(), 1)).toBe(0x514e28b7);
    expect(murmur3(words(0xffffffff), 0)).toBe(0x76293b50);
    expect(murmur3(words(0x87654321), 0)).toBe(0xf55b516b);
    expect(murmur3(words(0x87654321), 0x5082edee)).toBe(0x2362f9de);
  });

  test('of the key: MurmurHash3 over its four words', () => {
    fc.assert(
      fc.property(record, (value) => {
        const { client, vip, clientPort, vipPort, protocol } = value;
        const expected = murmur3(words(client, vip, ports(clientPort, vipPort), protocol), 0);
        expect(recordHash(recordsOf([value]), 0)).toBe(expected);
      }),
    );
  });

  test('of the server’s side: the same over server, local, ports and protocol', () => {
    fc.assert(
      fc.property(record, (value) => {
        const { server, local, serverPort, localPort, protocol } = value;
        const expected = murmur3(words(server, local, ports(serverPort, localPort), protocol), 0);
        expect(serverSideHash(recordsOf([value]), 0)).toBe(expected);
      }),
    );
  });

  test('for digests: two of MurmurHash3 over nine words', () => {
    fc.assert(
      fc.property(record, (value) => {
        const outside = [value.client, value.vip, ports(value.clientPort, value.vipPort), value.protocol];
        const inside = [value.server, value.local, ports(value.serverPort, value.localPort)];
        const bytes = words(...outside, ...inside, value.owner, value.epoch);
        const expected = [murmur3(bytes, 1), murmur3(bytes, 2, 0x239b961b, 0xab0e9789)];
        expect(digest(recordsOf([value]))).toEqual(expected);
      }),
    );
  });

  test('a digest says nothing of state, flags, timeout, op, service or window scales', () => {
    const other = { op: 3, state: 4, flags: 0, timeout: 1, service: 2, windowScale: 0x77 };
    expect(digest(recordsOf([{ ...CONNECTION, ...other }]))).toEqual(digest(recordsOf([CONNECTION])));
    for (const name of IN_DIGEST) {
      const changed = recordsOf([{ ...CONNECTION, [name]: CONNECTION[name] ^ 1 }]);
      expect([name, digest(changed)]).not.toEqual([name, digest(recordsOf([CONNECTION]))]);
    }
  });

  test('what is put into a digest twice is out of it', () => {
    const into = new Uint32Array(4);
    const bytes = recordsOf([CONNECTION]);
    toggleDigest(into, 2, bytes, 0);
    expect([...into]).toEqual([0, 0, ...digest(bytes)]);
    toggleDigest(into, 2, bytes, 0);
    expect([...into]).toEqual([0, 0, 0, 0]);
  });

  test('consecutive ports spread over all ranges', () => {
    const counts = new Uint32Array(RANGES);
    const bytes = recordsOf([CONNECTION]);
    for (let port = 0; port < 25_600; port++) {
      bytes[Field.clientPort] = port >>> 8;
      bytes[Field.clientPort + 1] = port;
      counts[rangeOf(recordHash(bytes, 0))]! += 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(150);
  });
});

describe('comparing', () => {
  const differ = (names: readonly (keyof ConnectionRecord)[]): string[] =>
    (Object.keys(CONNECTION) as (keyof ConnectionRecord)[]).filter((name) => !names.includes(name));

  test('the key is client, VIP, ports and protocol', () => {
    const plain = recordsOf([CONNECTION]);
    const unlike = (name: string) => recordsOf([{ ...CONNECTION, [name]: CONNECTION[name as 'client'] ^ 1 }]);
    for (const name of KEY_FIELDS) expect([name, sameKey(unlike(name), 0, plain, 0)]).toEqual([name, false]);
    for (const name of differ(KEY_FIELDS)) expect([name, sameKey(unlike(name), 0, plain, 0)]).toEqual([name, true]);
  });

  test('the server’s side is server, local, their ports and protocol', () => {
    const plain = recordsOf([CONNECTION]);
    const unlike = (name: string) => recordsOf([{ ...CONNECTION, [name]: CONNECTION[name as 'client'] ^ 1 }]);
    for (const name of SERVER_SIDE) expect([name, sameServerSide(unlike(name), 0, plain, 0)]).toEqual([name, false]);
    for (const name of differ(SERVER_SIDE)) {
      expect([name, sameServerSide(unlike(name), 0, plain, 0)]).toEqual([name, true]);
    }
  });
});

describe('what a peer may say', () => {
  const fault = (change: Partial<ConnectionRecord>) => recordFault(recordsOf([{ ...CONNECTION, ...change }]), 0);

  test('any record of a connection', () => {
    fc.assert(
      fc.property(record, (value) => {
        expect(recordFault(recordsOf([value]), 0)).toBeUndefined();
      }),
    );
  });

  test('a persistence entry: protocol 255 without ports', () => {
    const entry = { protocol: Protocol.persistence, vip: serviceHash('web'), clientPort: 0, vipPort: 0 };
    expect(fault(entry)).toBeUndefined();
    expect(fault({ ...entry, clientPort: 1 })).toBe('a persistence entry with ports');
  });

  test('nothing else', () => {
    expect(fault({ op: 0 })).toBe('op 0');
    expect(fault({ op: 5 })).toBe('op 5');
    expect(fault({ flags: RecordFlag.claimed })).toBe('flags 8');
    expect(fault({ flags: RecordFlag.demote })).toBe('flags 16');
    expect(fault({ owner: 0 })).toBe('no owner');
    expect(fault({ protocol: 1 })).toBe('protocol 1');
  });

  test('the last three bytes are the birth, and any will do', () => {
    const bytes = recordsOf([CONNECTION]).fill(1, Field.birth);
    expect(recordFault(bytes, 0)).toBeUndefined();
    expect(readRecord(bytes, 0)).toEqual({ ...CONNECTION, birth: 0x01_0101 });
    putBirth(bytes, 0, 0xab_cdef);
    expect([birthAt(bytes, 0), readRecord(bytes, 0)]).toEqual([0xab_cdef, { ...CONNECTION, birth: 0xab_cdef }]);
  });

  test.each([
    [7, 7, true, false],
    [7, 8, false, true],
    [7, 0, false, false],
    [0, 0, false, false],
  ])('births %i and %i: certainly one connection %s, certainly two %s', (birth, other, one, two) => {
    const a = recordsOf([{ ...CONNECTION, birth }]);
    const b = recordsOf([{ ...CONNECTION, birth: other, owner: 9, epoch: 9 }]);
    expect([sameConnection(a, 0, b, 0), otherConnection(a, 0, b, 0)]).toEqual([one, two]);
    const elsewhere = recordsOf([{ ...CONNECTION, birth: other, serverPort: 1 }]);
    expect([sameConnection(a, 0, elsewhere, 0), otherConnection(a, 0, elsewhere, 0)]).toEqual([false, true]);
  });
});

describe('IPv6', () => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const addresses = { client: address, vip: address, server: address, local: address };
  const small = { protocol: u8, op: u8, state: u8, flags: u8, windowScale: u8, birth: fc.nat({ max: 0xff_ffff }) };
  const numbers = { clientPort: u16, vipPort: u16, serverPort: u16, localPort: u16, service: u32, owner: u32 };

  test('a record is 96 bytes and comes back as it went in', () => {
    fc.assert(
      fc.property(fc.record({ ...addresses, ...small, ...numbers, epoch: u32, timeout: u32 }), (value) => {
        const w = new Writer();
        encodeIpv6Record(w, value);
        expect(w.length).toBe(IPV6_RECORD_BYTES);
        expect(decodeIpv6Record(w.view())).toEqual(value);
        expect(() => decodeIpv6Record(w.view().subarray(1))).toThrow('short');
      }),
    );
  });
});
