import { expect, test } from 'vitest';
import { decodeLsa } from '../../../../src/core/ospf/lsa/codec.ts';
import { buildGraceLsa } from '../../../../src/core/ospf/lsa/grace-lsa.ts';
import { describeLsa } from '../../../../src/core/ospf/lsa/summary.ts';
import * as vectors from '../../../vectors/ospf/handmade.ts';
import { withRightLsaChecksum } from '../arbitraries.ts';

const inWords = (vector: string) => describeLsa(decodeLsa(vectors.fromHex(vector)));

test('a router-LSA lists its flags and links', () => {
  expect(inWords(vectors.routerLsa)).toEqual([
    'flags E',
    'p2p 10.255.0.101 from 10.1.0.1 metric 65535',
    'stub 10.1.0.0/24 metric 10',
    'stub 203.0.113.10/32 metric 10',
    'transit 10.2.0.1 from 10.2.0.11 metric 65535',
  ]);
});

test('a network-LSA lists who is attached', () => {
  expect(inWords(vectors.networkLsa)).toEqual([
    'network 10.2.0.0/24',
    'attached 10.255.0.101',
    'attached 10.255.0.1',
    'attached 10.255.0.2',
  ]);
});

test('the others say it in one line', () => {
  expect(inWords(vectors.summaryLsa)).toEqual(['10.9.0.0/16 metric 20']);
  expect(inWords(vectors.asbrSummaryLsa)).toEqual(['asbr 10.255.0.102 metric 1']);
  expect(inWords(vectors.externalLsa)).toEqual(['0.0.0.0/0 E2 metric 10 tag 42']);
  expect(inWords(vectors.nssaLsa)).toEqual(['10.20.0.0/16 E1 metric 20 via 10.1.0.1']);
  expect(inWords(vectors.opaqueLsa)).toEqual(['opaque type 4 id 0, 8 bytes']);
});

test('LSInfinity and a stub mask with holes are shown for what they are', () => {
  const summary = vectors.fromHex(vectors.summaryLsa);
  summary.set([255, 255, 255], 25);
  expect(describeLsa(decodeLsa(withRightLsaChecksum(summary)))).toEqual(['10.9.0.0/16 metric unreachable']);
  const router = vectors.fromHex(vectors.routerLsa);
  router.set([255, 0, 255, 0], 40);
  expect(describeLsa(decodeLsa(withRightLsaChecksum(router)))[2]).toBe('stub 10.1.0.0 mask 255.0.255.0 metric 10');
});

test('a Grace-LSA says how long, and why', () => {
  const header = { advertisingRouter: 1, options: 0x42, sequence: 1 };
  expect(describeLsa(buildGraceLsa(header, { period: 120, reason: 'upgrade', address: undefined }))).toEqual([
    'grace 120 s, upgrade',
  ]);
});
