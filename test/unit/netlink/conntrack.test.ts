import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { decodeConnection, encodeConnectionFilter, markFilter } from '../../../src/core/netlink/conntrack.ts';

/**
 * What a 6.18 kernel told (groups NEW, UPDATE, DESTROY) of a TCP connection from 127.0.0.1:40001 to 127.0.0.9:9999 under
 *
 *   chain o { type nat hook output priority -100; ip daddr 127.0.0.9 ct mark set 0x40000002 dnat to 127.0.0.1; }
 *   chain i { type nat hook postrouting priority 100; meta l4proto tcp ct mark 0x40000002 snat to 127.0.0.7:2048-2048; }
 *
 * when it was opened, and when it was deleted.
 */
const TUPLES =
  '020000003400018014000180080001007f000001080002007f0000091c0002800500010006000000060002009c41000006000300270f0000' +
  '3400028014000180080001007f000001080002007f0000071c000280050001000600000006000200270f0000060003000800000008000c00fd5cb7e5';
const NEW =
  '08000300000001b80800070000000078300004802c0001800500010001000000050002000a0000000500030000000000060004000300000006000500000000000800080040000002';
const ESTABLISHED =
  '08000300000001be0800070000069780300004802c0001800500010003000000050002000a000000050003000a000000060004002300000006000500230000000800080040000002';
const DESTROY = '08000300000003be080007000006977f100004800c00018005000100030000000800080040000002';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('a connection as the kernel tells of it', () => {
  test('both tuples, mark, status, id and the state of TCP', () => {
    const [client, vip, lip] = ['127.0.0.1', '127.0.0.9', '127.0.0.7'].map(ipv4) as [number, number, number];
    expect(decodeConnection(bytes(TUPLES + NEW))).toEqual({
      original: { protocol: 6, source: client, destination: vip, sport: 40_001, dport: 9999 },
      reply: { protocol: 6, source: client, destination: lip, sport: 9999, dport: 2048 },
      mark: 0x40000002,
      status: 0x1b8,
      id: 0xfd5cb7e5,
      tcpState: 1,
    });
    expect(decodeConnection(bytes(TUPLES + ESTABLISHED))).toMatchObject({ status: 0x1be, tcpState: 3 });
    expect(decodeConnection(bytes(TUPLES + DESTROY))).toMatchObject({ status: 0x3be, id: 0xfd5cb7e5, tcpState: 3 });
  });

  test('of another family, or without tuples, is none', () => {
    expect(decodeConnection(bytes(`0a${(TUPLES + NEW).slice(2)}`))).toBeUndefined();
    expect(decodeConnection(bytes('02000000'))).toBeUndefined();
    expect(decodeConnection(bytes(''))).toBeUndefined();
  });

  test('any bytes are a connection, none, or a DecodeError', () => {
    const whole = bytes(TUPLES + ESTABLISHED);
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

  test('the socket filter leads every jump to one of its two ends', () => {
    const program = markFilter(0xffff);
    expect(program.at(-2)).toEqual([0x06, 0, 0, 0xffffffff]);
    expect(program.at(-1)).toEqual([0x06, 0, 0, 0]);
    const targets = program.flatMap(([code, jt], at) => (code === 0x15 ? [at + 1 + jt] : []));
    expect(targets).toEqual([program.length - 1, program.length - 1]);
  });
});
