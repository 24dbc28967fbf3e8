import { describe, expect, test } from 'vitest';
import { readTable } from '../../../src/core/dataplane/read-back.ts';

const header = { table: { family: 'ip', name: 'sluice_v1', handle: 2 } };

describe('reading a listing back', () => {
  test('nft 1.0.6: types by name, protocols by name, counters inside elements', () => {
    const table = readTable({
      nftables: [
        { metainfo: { version: '1.0.6' } },
        header,
        { counter: { family: 'ip', name: 'new_web', table: 'sluice_v1', packets: 3, bytes: 180 } },
        {
          map: {
            name: 'services',
            type: ['ipv4_addr', 'inet_proto', 'inet_service'],
            map: 'verdict',
            elem: [[{ concat: ['10.9.9.1', 'tcp', 80] }, { goto: { target: 'service_web' } }]],
          },
        },
        {
          map: {
            name: 'slots_web',
            type: 'integer',
            map: 'mark',
            elem: [
              [0, 1],
              [4098, 65534],
            ],
          },
        },
        {
          map: {
            name: 'servers_web',
            type: 'mark',
            map: 'ipv4_addr',
            elem: [[{ elem: { val: 1, counter: { packets: 5, bytes: 300 } } }, '10.2.0.21']],
            stmt: [{ counter: null }],
          },
        },
        {
          set: { name: 'traffic_in', type: 'mark', elem: [{ elem: { val: 1, counter: { packets: 9, bytes: 900 } } }] },
        },
        { chain: { name: 'prerouting', type: 'nat', hook: 'prerouting', prio: -100, policy: 'accept' } },
        { chain: { name: 'service_web' } },
        { rule: { chain: 'prerouting', comment: 'sluice 12345678', expr: [{ vmap: {} }] } },
        { rule: { chain: 'prerouting', expr: [{ drop: null }] } },
      ],
    });
    expect(table?.counters.get('new_web')).toEqual({ packets: 3, bytes: 180 });
    expect([...(table?.sets.get('services')?.elements ?? [])]).toEqual([['10.9.9.1 . tcp . 80', 'goto service_web']]);
    expect([...(table?.sets.get('slots_web')?.elements ?? [])]).toEqual([
      ['0', '1'],
      ['4098', '65534'],
    ]);
    expect([...(table?.sets.get('servers_web')?.elements ?? [])]).toEqual([['1', '10.2.0.21']]);
    expect(table?.sets.get('servers_web')?.tallies.get('1')).toEqual({ packets: 5, bytes: 300 });
    expect(table?.sets.get('traffic_in')?.tallies.get('1')).toEqual({ packets: 9, bytes: 900 });
    expect(table?.chains.get('prerouting')?.base).toEqual({ type: 'nat', hook: 'prerouting', priority: -100 });
    expect(table?.chains.get('prerouting')?.stamps).toEqual(['sluice 12345678', '']);
    expect(table?.chains.get('service_web')?.base).toBeUndefined();
  });

  test('nft 1.1.3: chains first, types as objects, protocols by number are all the same table', () => {
    const table = readTable({
      nftables: [
        header,
        { chain: { name: 'service_web' } },
        {
          map: {
            name: 'services',
            type: { typeof: { concat: [] } },
            map: 'verdict',
            elem: [[{ concat: ['10.9.9.1', 6, 80] }, { goto: { target: 'service_web' } }]],
          },
        },
        { set: { name: 'sources', type: { typeof: {} }, elem: [{ concat: ['10.2.0.21', 17, 53] }] } },
      ],
    });
    expect([...(table?.sets.get('services')?.elements ?? [])]).toEqual([['10.9.9.1 . tcp . 80', 'goto service_web']]);
    expect([...(table?.sets.get('sources')?.elements.keys() ?? [])]).toEqual(['10.2.0.21 . udp . 53']);
  });

  test('no table is undefined; what is not understood is skipped', () => {
    expect(readTable(undefined)).toBeUndefined();
    expect(readTable({ nftables: [{ metainfo: {} }] })).toBeUndefined();
    const table = readTable({
      nftables: [header, 7, { set: { name: 's', elem: [{ range: ['a', 'b'] }, '10.0.0.1'] } }],
    });
    expect([...(table?.sets.get('s')?.elements.keys() ?? [])]).toEqual(['10.0.0.1']);
  });
});
