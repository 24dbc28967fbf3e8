/** Answers of real FRRs, read. */
import { describe, expect, test } from 'vitest';
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import { splitJson } from '../../../src/core/frr/json.ts';
import { LSA_KINDS, readLsas } from '../../../src/core/frr/lsdb.ts';
import { readInterfaces, readNeighbors, readSummary } from '../../../src/core/frr/show.ts';
import { describeLsa } from '../../../src/core/ospf/lsa/summary.ts';
import { VERSIONS, vector, vectorText } from './vectors.ts';

describe.each(VERSIONS)('FRR %s', (version) => {
  test('neighbors', () => {
    const rows = readNeighbors(vector(version, 'neighbor')).map((row) => ({
      ...row,
      routerId: formatIpv4(row.routerId),
      address: formatIpv4(row.address),
    }));
    const common = { routerId: '10.255.0.2', priority: 1, state: 'full', requests: 0 };
    expect(rows).toMatchObject([
      { ...common, interface: 'eth1', address: '10.1.0.2', role: undefined },
      { ...common, interface: 'eth2', address: '10.1.1.2', role: 'dr' },
    ]);
    for (const { deadIn } of rows) expect(deadIn).toBeGreaterThan(2000);
  });

  test('interfaces', () => {
    const rows = readInterfaces(vector(version, 'interface'));
    const common = { passive: false, hello: 1000, dead: 4000, cost: 10, mtu: 1500, prefixLength: 24, neighbors: 1 };
    expect(rows).toMatchObject([
      { ...common, name: 'eth1', state: 'pointToPoint', network: 'point-to-point', area: 0, priority: 1 },
      { ...common, name: 'eth2', state: 'drOther', network: 'broadcast', area: 7, priority: 0 },
    ]);
    expect(
      rows.map(({ address, designatedRouter }) => [address, designatedRouter].map((one) => formatIpv4(one ?? 0))),
    ).toEqual([
      ['10.1.0.1', '0.0.0.0'],
      ['10.1.1.1', '10.1.1.2'],
    ]);
  });

  test('the summary names the areas and changes with the database', () => {
    const summary = readSummary(vector(version, 'ospf'));
    expect(summary.areas).toEqual([
      { id: 0, type: 'normal' },
      { id: 7, type: 'nssa' },
    ]);
    expect(formatIpv4(summary.routerId)).toBe('10.255.0.1');
    const other = JSON.parse(vectorText(version, 'ospf.txt').replace(/"lsaNssaChecksum":\d+/, '"lsaNssaChecksum":1'));
    expect(readSummary(other).fingerprint).not.toBe(summary.fingerprint);
    const later = JSON.parse(
      vectorText(version, 'ospf.txt').replace(/"spfLastExecutedMsecs":\d+/, '"spfLastExecutedMsecs":7'),
    );
    expect(readSummary(later).fingerprint).toBe(summary.fingerprint);
  });

  test.each(LSA_KINDS.map(({ show }) => show))('every LSA of %s has the bytes that its checksum is of', (show) => {
    const read = readLsas(vector(version, `database-${show}`));
    expect(read.filter(({ exact }) => !exact).map(({ lsa }) => describeLsa(lsa))).toEqual([]);
    expect(read.length > 0).toBe(show !== 'asbr-summary');
  });
});

test('both versions tell the same', () => {
  const said = VERSIONS.map((version) =>
    LSA_KINDS.flatMap(({ show }) =>
      readLsas(vector(version, `database-${show}`)).map(({ lsa }) => {
        return `${lsa.header.type} ${formatIpv4(lsa.header.advertisingRouter)} ${describeLsa(lsa).join(', ')}`;
      }),
    ),
  );
  expect(said[1]).toEqual(said[0]);
  expect(said[0]).toContain('5 10.255.0.1 203.0.113.10/32 E1 metric 10 tag 7');
});

test('several documents in one answer, with braces in their strings and words between them', () => {
  expect(splitJson('{"a":"}{\\""}\n% a warning\n{ "b": { "c": [] } }')).toEqual([{ a: '}{"' }, { b: { c: [] } }]);
  expect(splitJson('% OSPF instance not found')).toEqual([]);
  expect(() => splitJson('{"a": {')).toThrow(SyntaxError);
});

test('what is not as expected is left out, not an error', () => {
  expect(readNeighbors({ neighbors: { 'x.y': [{}, 7] } })).toMatchObject([
    { routerId: 0, state: 'down', interface: '' },
  ]);
  expect(readInterfaces({ interfaces: { e1: 7, e2: { ospfEnabled: false } } })).toEqual([]);
  expect(readLsas({ asExternalLinkStates: [{ linkStateId: 'x' }] })).toEqual([]);
  expect(readLsas({ somethingElse: [] })).toEqual([]);
});
