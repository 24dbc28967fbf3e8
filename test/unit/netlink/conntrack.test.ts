import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { decodeConnection, encodeConnectionFilter } from '../../../src/core/netlink/conntrack.ts';
import { DESTROYED, ESTABLISHED, NEW } from './ctnetlink-vectors.ts';

describe('a connection as the kernel tells of it', () => {
  test('both tuples, mark, status, id and the state of TCP', () => {
    const [client, vip, lip] = ['127.0.0.1', '127.0.0.9', '127.0.0.7'].map(ipv4) as [number, number, number];
    expect(decodeConnection(NEW)).toEqual({
      original: { protocol: 6, source: client, destination: vip, sport: 40_001, dport: 9999 },
      reply: { protocol: 6, source: client, destination: lip, sport: 9999, dport: 2048 },
      mark: 0x40000002,
      status: 0x1b8,
      id: 0xfd5cb7e5,
      tcpState: 1,
    });
    expect(decodeConnection(ESTABLISHED)).toMatchObject({ status: 0x1be, tcpState: 3 });
    expect(decodeConnection(DESTROYED)).toMatchObject({ status: 0x3be, id: 0xfd5cb7e5, tcpState: 3 });
  });

  test('of another family, or without tuples, is none', () => {
    expect(decodeConnection(Uint8Array.of(0x0a, ...NEW.slice(1)))).toBeUndefined();
    expect(decodeConnection(Uint8Array.of(2, 0, 0, 0))).toBeUndefined();
    expect(decodeConnection(new Uint8Array())).toBeUndefined();
  });

  test('any bytes are a connection, none, or a DecodeError', () => {
    const whole = ESTABLISHED;
    const broken = fc.tuple(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255)).map(([length, at, value]) => {
      const copy = whole.slice(0, length);
      if (at < copy.length) copy[at] = value;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 64 })), (payload) => {
        try {
          decodeConnection(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('what the kernel is asked to select', () => {
  test('bits of the mark and of the status, each under its mask, in network order', () => {
    const filter = encodeConnectionFilter({ mark: { value: 2, mask: 0xffff }, status: { value: 0x20, mask: 0x20 } });
    expect(Buffer.from(filter).toString('hex')).toBe(
      ['02000000', '0800080000000002', '080015000000ffff', '0800030000000020', '08001a0000000020'].join(''),
    );
  });

  test('is never everything', () => {
    expect(() => encodeConnectionFilter({})).toThrow(RangeError);
  });
});
