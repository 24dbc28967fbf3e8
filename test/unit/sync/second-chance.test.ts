import { describe, expect, test } from 'vitest';
import {
  MAX_FLOWS,
  MAX_FLOWS_OF_SOURCE,
  MAX_PACKETS,
  MAX_WAIT,
  QUERY_BURST,
  QUERY_RATE,
} from '../../../src/core/sync/chance/second-chance.ts';
import { Chance, LIPS, NAT, packet, record, SELF, VIP } from './second-chance-bench.ts';

const QUERY = { kind: 'query', id: 1 };

describe('a packet that nobody here knows', () => {
  test('is asked for by its own tuple: of a client', () => {
    const chance = new Chance();
    const tuple = Uint8Array.from([192, 0, 2, 7, 203, 0, 113, 10, 0x9c, 0x40, 0, 80, 6]);
    expect(chance.give({ kind: 'packet', packet: packet() })).toEqual([{ ...QUERY, side: 'client', tuple }]);
  });

  test('of a server, towards a local address, also when it begins an answer', () => {
    const chance = new Chance();
    const answer = { from: '10.2.0.21', to: LIPS.d2, sport: 80, dport: 2000, flags: 0x12 };
    const tuple = Uint8Array.from([10, 2, 0, 21, 10, 8, 0, 2, 0, 80, 7, 208, 6]);
    expect(chance.give({ kind: 'packet', packet: packet(answer) })).toEqual([{ ...QUERY, side: 'server', tuple }]);
  });

  test('goes on as soon as the kernel has what a peer knows of it', () => {
    const chance = new Chance();
    chance.packet({ name: 'first' });
    const known = record();
    const apply = { kind: 'apply', id: 1, records: known };
    expect(chance.give({ kind: 'answered', id: 1, record: known, silent: 0 })).toEqual([apply]);
    expect(chance.give({ kind: 'applied', id: 1, outcome: 'taken' })).toMatchObject([
      { kind: 'reinject', packets: [{ name: 'first' }] },
    ]);
    expect(chance.machine.waiting).toEqual({ flows: 0, predictions: 0 });
    expect(chance.machine.deadline).toBeUndefined();
  });

  test('goes on at once if this director knows it after all: another packet of it was faster', () => {
    const chance = new Chance();
    chance.packet();
    const effects = chance.give({ kind: 'answered', id: 1, record: record({ owner: SELF }), silent: 0 });
    expect(effects.map(({ kind }) => kind)).toEqual(['reinject']);
  });

  test('goes on with those that came behind it, in their order', () => {
    const chance = new Chance();
    chance.packet({ name: 'first' });
    expect(chance.packet({ name: 'second' })).toEqual([]);
    chance.give({ kind: 'answered', id: 1, record: record(), silent: 0 });
    expect(chance.packet({ name: 'third' })).toEqual([]);
    const [reinject] = chance.give({ kind: 'applied', id: 1, outcome: 'taken' });
    expect(reinject).toMatchObject({ packets: [{ name: 'first' }, { name: 'second' }, { name: 'third' }] });
  });

  test('is copied while it waits: its memory is used again', () => {
    const chance = new Chance();
    const bytes = Uint8Array.of(1, 2, 3);
    chance.packet({ bytes });
    bytes.fill(9);
    chance.give({ kind: 'answered', id: 1, record: record(), silent: 0 });
    const [reinject] = chance.give({ kind: 'applied', id: 1, outcome: 'taken' });
    expect(reinject).toMatchObject({ packets: [{ bytes: Uint8Array.of(1, 2, 3) }] });
  });

  test('is dropped when the kernel does not take it', () => {
    const chance = new Chance();
    chance.packet();
    chance.give({ kind: 'answered', id: 1, record: record(), silent: 0 });
    expect(chance.give({ kind: 'applied', id: 1, outcome: 'refused' })).toEqual([]);
    expect(chance.dropped).toEqual({ refused: 1 });
  });

  test('is dropped when nobody answers in time; a late answer changes nothing', () => {
    const chance = new Chance();
    chance.packet();
    chance.packet();
    const begun = chance.now;
    expect(chance.wait()).toEqual([]);
    expect(chance.now - begun).toBe(MAX_WAIT);
    expect(chance.dropped).toEqual({ late: 2 });
    expect(chance.give({ kind: 'answered', id: 1, record: record(), silent: 0 })).toEqual([]);
  });

  test('is asked for anew when it is sent again', () => {
    const chance = new Chance();
    chance.packet();
    chance.wait();
    expect(chance.packet()).toEqual(['query']);
  });

  test('is not given up while the kernel is at it', () => {
    const chance = new Chance();
    chance.packet();
    chance.give({ kind: 'answered', id: 1, record: record(), silent: 0 });
    chance.now += 10 * MAX_WAIT;
    expect(chance.give({ kind: 'timer' })).toEqual([]);
    expect(chance.give({ kind: 'applied', id: 1, outcome: 'taken' }).map(({ kind }) => kind)).toEqual(['reinject']);
  });

  test.each([
    ['a peer has not said', { silent: 1 }, {}, 'silent'],
    ['nobody is dead', { silent: 0 }, {}, 'nobody-dead'],
    [
      'it is an answer, which names no client',
      { silent: 0 },
      { from: '10.2.0.21', to: LIPS.d1, sport: 80 },
      'server-first',
    ],
    ['it is a RST', { silent: 0 }, { flags: 0x14 }, 'pointless'],
  ])('is dropped where nobody knows it and %s', (_name, { silent }, sent, reason) => {
    const chance = new Chance();
    chance.packet(sent);
    expect(chance.give({ kind: 'answered', id: 1, record: undefined, silent })).toEqual([]);
    expect(chance.dropped).toEqual({ [reason]: 1 });
  });

  test.each([
    ['for a port without a service', { dport: 81 }, 'foreign'],
    ['of another protocol than the service', { protocol: 17 }, 'foreign'],
    ['for an address that is none of ours', { to: '198.51.100.1' }, 'foreign'],
    ['that begins a connection', { flags: 0x02 }, 'pointless'],
    ['of a server that begins one', { from: '10.2.0.21', to: LIPS.d1, flags: 0xc2 }, 'pointless'],
  ])('is dropped unasked: %s', (_name, sent, reason) => {
    const chance = new Chance();
    expect(chance.packet(sent)).toEqual([]);
    expect(chance.dropped).toEqual({ [reason]: 1 });
  });

  test('belongs to a service that is known by a mark by its VIP alone', () => {
    const chance = new Chance({ ...NAT, ports: [], fwmark: 7 });
    expect(chance.packet({ dport: 12345 })).toEqual(['query']);
    expect(chance.packet({ to: VIP, protocol: 17, dport: 9 })).toEqual(['query']);
  });
});

describe('bounds', () => {
  test('packets of a flow', () => {
    const chance = new Chance();
    for (let i = 0; i < MAX_PACKETS + 3; i++) chance.packet();
    expect(chance.dropped).toEqual({ full: 3 });
  });

  test('flows of a client, which may ask again when these are over', () => {
    const chance = new Chance();
    for (let i = 0; i < MAX_FLOWS_OF_SOURCE + 5; i++) chance.packet({ sport: 1000 + i });
    expect(chance.dropped).toEqual({ source: 5 });
    expect(chance.packet({ from: '192.0.2.8' })).toEqual(['query']);
    chance.wait();
    expect(chance.packet({ sport: 1 })).toEqual(['query']);
  });

  test('flows of all clients, beside which answers of servers have room of their own', () => {
    const chance = new Chance();
    for (let i = 0; i < MAX_FLOWS + 5; i++) {
      // The rate of queries is another bound.
      chance.now += 0.1;
      chance.packet({ from: `10.${i >> 8}.${i & 255}.1` });
    }
    expect(chance.dropped).toEqual({ full: 5 });
    expect(chance.machine.waiting.flows).toBe(MAX_FLOWS);
    expect(chance.packet({ from: '10.2.0.21', to: LIPS.d1, sport: 80 })).toEqual(['query']);
  });

  test('queries a second', () => {
    const chance = new Chance();
    const flood = (count: number) => {
      let queries = 0;
      for (let i = 0; i < count; i++) {
        const flow = chance.packet({ from: `10.${i >> 8}.${i & 255}.1` }).length;
        queries += flow;
      }
      return queries;
    };
    expect(flood(QUERY_BURST + 50)).toBe(Math.min(QUERY_BURST, MAX_FLOWS));
    expect(chance.dropped).toEqual({ rate: 50 });
    chance.wait();
    chance.now += 10;
    expect(flood(4000)).toBeGreaterThanOrEqual((10 * QUERY_RATE) / 1000);
  });

  test('bytes of all packets', () => {
    const chance = new Chance();
    const bytes = new Uint8Array(65535);
    for (let i = 0; i < 200; i++) chance.packet({ from: `10.0.${i}.1`, bytes });
    expect(chance.dropped).toEqual({ bytes: 200 - 128 });
    chance.wait();
    expect(chance.packet({ bytes })).toEqual(['query']);
  });

  test('a flood of what is over them leaves nothing behind', () => {
    const chance = new Chance();
    for (let i = 0; i < 20_000; i++) chance.packet({ sport: i, dport: i % 2 === 0 ? 80 : 81 });
    expect(chance.machine.waiting.flows).toBe(MAX_FLOWS_OF_SOURCE);
    chance.wait();
    expect(chance.machine.waiting.flows).toBe(0);
    const all = Object.values(chance.dropped).reduce((sum, count) => sum + count, 0);
    expect(all).toBe(20_000);
  });
});
