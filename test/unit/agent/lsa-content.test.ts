import { expect, test } from 'vitest';
import { lsaContent } from '../../../src/agent/lsa-content.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE } from '../../../src/core/ospf/codes.ts';
import { buildLsa, buildOpaqueLsa } from '../../../src/core/ospf/lsa/codec.ts';

const header = { id: ipv4('10.255.0.1'), advertisingRouter: ipv4('10.255.0.1'), age: 1, options: 2 };

test('a router-LSA as values: flags and link types by name, unknown types by number', () => {
  const links = [
    { type: 1, id: ipv4('10.255.0.101'), data: ipv4('10.1.1.2'), metric: 65535 },
    { type: 3, id: ipv4('203.0.113.10'), data: ipv4('255.255.255.255'), metric: 10 },
    { type: 9, id: 1, data: 2, metric: 3 },
  ];
  const lsa = buildLsa({ ...header, type: 1, sequence: INITIAL_SEQUENCE }, { kind: 'router', flags: 0x82, links });
  expect(lsaContent(lsa)).toEqual({
    kind: 'router',
    flags: ['E', 'H'],
    links: [
      { type: 'point-to-point', id: '10.255.0.101', data: '10.1.1.2', metric: 65535 },
      { type: 'stub', id: '203.0.113.10', data: '255.255.255.255', metric: 10 },
      { type: '9', id: '0.0.0.1', data: '0.0.0.2', metric: 3 },
    ],
  });
});

test('an external and an opaque LSA', () => {
  const body = { kind: 'external', mask: 0xffffff00, e2: false, metric: 7, forwardingAddress: 0, tag: 42 } as const;
  expect(lsaContent(buildLsa({ ...header, type: 5, sequence: INITIAL_SEQUENCE }, body))).toEqual({
    kind: 'external',
    mask: '255.255.255.0',
    metricType: 1,
    metric: 7,
    forwardingAddress: '0.0.0.0',
    tag: 42,
  });
  const opaque = buildOpaqueLsa(
    { ...header, id: 0x04000001, type: 10, sequence: INITIAL_SEQUENCE },
    new Uint8Array([0, 1, 254, 255]),
  );
  expect(lsaContent(opaque)).toEqual({ kind: 'opaque', opaqueType: 4, opaqueId: 1, bytes: '0001feff' });
});
