import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType } from '../../../../src/core/ospf/codes.ts';
import { buildOpaqueLsa, decodeLsa } from '../../../../src/core/ospf/lsa/codec.ts';
import { buildGraceLsa, decodeGraceLsa, GRACE_LSA_ID, isGraceLsa } from '../../../../src/core/ospf/lsa/grace-lsa.ts';
import { fromHex, toHex } from '../../../vectors/ospf/handmade.ts';

const HEADER = { advertisingRouter: ipv4('10.255.0.1'), options: 0x42, sequence: INITIAL_SEQUENCE };

/** What a Grace-LSA with these bytes behind its header says, or why it says nothing. */
function said(content: string) {
  const header = { ...HEADER, type: LsType.opaqueLink, id: GRACE_LSA_ID, age: 0 };
  try {
    return decodeGraceLsa(buildOpaqueLsa(header, fromHex(content)));
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

test('the bytes of RFC 3623 appendix A', () => {
  const address = ipv4('192.0.2.1');
  const lsa = buildGraceLsa(HEADER, { period: 120, reason: 'upgrade', address });
  expect(toHex(lsa.bytes.subarray(20))).toBe(
    toHex(fromHex('0001 0004 00000078 0002 0001 02000000 0003 0004 c0000201')),
  );
  expect(lsa.header).toMatchObject({ type: 9, id: ipv4('3.0.0.0'), age: 0, length: 44 });
  expect(isGraceLsa(lsa.header)).toBe(true);
  expect(isGraceLsa({ ...lsa.header, id: ipv4('4.0.0.0') })).toBe(false);
  expect(isGraceLsa({ ...lsa.header, type: LsType.opaqueArea })).toBe(false);
});

test('what is built is read again', () => {
  const reason = fc.constantFrom('unknown', 'restart', 'upgrade', 'redundantProcessor');
  const address = fc.option(fc.nat({ max: 0xffffffff }), { nil: undefined });
  const grace = fc.record({ period: fc.nat({ max: 1800 }), reason, address });
  fc.assert(
    fc.property(grace, (value) => {
      expect(decodeGraceLsa(decodeLsa(buildGraceLsa(HEADER, value).bytes))).toEqual(value);
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['in any order', '0002 0001 01000000 0001 0004 0000000a', { period: 10, reason: 'restart', address: undefined }],
  [
    'with others between',
    '8000 0003 ffffff00 0001 0004 0000000a 0002 0001 03000000',
    { period: 10, reason: 'redundantProcessor', address: undefined },
  ],
  [
    'the filling at the end missing',
    '0001 0004 0000000a 0002 0001 00',
    { period: 10, reason: 'unknown', address: undefined },
  ],
  [
    'a reason not known',
    '0001 0004 0000000a 0002 0001 ff000000',
    { period: 10, reason: 'unknown', address: undefined },
  ],
  ['no period', '0002 0001 01000000', 'value'],
  ['no reason', '0001 0004 0000000a', 'value'],
  ['nothing', '', 'value'],
  ['a TLV that runs over the end', '0001 0004 0000000a 0002 ffff 01000000', 'short'],
  ['half a TLV header', '0001 0004 0000000a 0002', 'short'],
  ['a period of two bytes', '0001 0002 000a0000 0002 0001 01000000', 'length'],
])('TLVs: %s', (_what, content, expected) => {
  expect(said(content)).toEqual(expected);
});

test('no content is too strange to be decoded', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
      const result = said(toHex(content));
      expect(typeof result === 'string' ? ['short', 'length', 'value'].includes(result) : result.period >= 0).toBe(
        true,
      );
    }),
  );
});
