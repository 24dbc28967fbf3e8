import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { ConnectionCounts } from '../../../src/core/dataplane/connection-counts.ts';
import { type Connection, flowOfConnection } from '../../../src/core/netlink/conntrack.ts';
import { IPS_ASSURED, IPS_DST_NAT, IPS_SRC_NAT } from '../../../src/core/netlink/conntrack-codes.ts';

const LIP = ipv4('10.8.0.1');
const ESTABLISHED = 3;

/** A connection by a small number; `port`: of the local address, if there is one. */
function connection(
  n: number,
  serverId: number,
  more: Partial<Connection> & { readonly port?: number } = {},
): Uint32Array {
  const { port, ...rest } = more;
  const original = {
    protocol: 6,
    source: ipv4('10.1.0.2'),
    destination: ipv4('203.0.113.10'),
    sport: 1024 + n,
    dport: 80,
  };
  const reply = {
    ...{ protocol: 6, source: ipv4('10.2.0.21'), sport: 80 },
    destination: port === undefined ? original.source : LIP,
    dport: port ?? original.sport,
  };
  const status = IPS_ASSURED | IPS_DST_NAT | (port === undefined ? 0 : IPS_SRC_NAT);
  const id = 0xf0000000 + n;
  return flowOfConnection({ original, reply, mark: serverId, status, id, tcpState: ESTABLISHED, ...rest });
}

test('counts from when both ends have sent until both have closed, whatever else is told', () => {
  const counts = new ConnectionCounts();
  counts.changed(connection(1, 7, { status: IPS_DST_NAT, tcpState: 1 }));
  expect([counts.active(7), counts.tracked]).toEqual([0, 0]);
  counts.changed(connection(1, 7));
  counts.changed(connection(1, 7));
  // The mark has changed; nothing is said of the state.
  counts.changed(connection(1, 0x40000007, { tcpState: undefined }));
  expect(counts.active(7)).toBe(1);
  counts.changed(connection(1, 7, { tcpState: 4 }));
  counts.changed(connection(1, 7, { tcpState: 5 }));
  expect(counts.active(7)).toBe(1);
  counts.changed(connection(1, 7, { tcpState: 6 }));
  expect([counts.active(7), counts.tracked]).toEqual([0, 1]);
  counts.changed(connection(1, 7, { tcpState: undefined }));
  expect(counts.active(7)).toBe(0);
  counts.destroyed(connection(1, 7, { tcpState: 7 }));
  counts.destroyed(connection(1, 7));
  expect([counts.active(7), counts.tracked]).toEqual([0, 0]);
});

test('a copy is counted by whoever carries it, and holds its port', () => {
  const counts = new ConnectionCounts();
  const [COPY, MOVED] = [0x80000007, 0x40000007];
  const one = (mark: number, tcpState?: number) => connection(1, mark, { port: 2048, tcpState });
  const seen = () => [counts.active(7), counts.tracked, counts.portBlocks().get(LIP)?.[2]];
  counts.changed(one(COPY, ESTABLISHED));
  expect(seen()).toEqual([0, 1, 1]);
  // A packet of the client has moved it; nothing is said of the state.
  counts.changed(one(MOVED));
  expect(seen()).toEqual([1, 1, 1]);
  counts.changed(one(COPY, ESTABLISHED));
  expect(seen()).toEqual([0, 1, 1]);
  counts.changed(one(MOVED, 8));
  expect(seen()).toEqual([0, 1, 1]);
  counts.destroyed(one(MOVED));
  expect(seen()).toEqual([0, 0, 0]);
});

test('an entry whose port is used again by the client counts anew', () => {
  const counts = new ConnectionCounts();
  counts.changed(connection(1, 7));
  counts.changed(connection(1, 7, { tcpState: 8 }));
  counts.changed(connection(1, 7));
  expect(counts.active(7)).toBe(1);
});

test('UDP has no states: active until the entry goes', () => {
  const counts = new ConnectionCounts();
  counts.changed(connection(1, 7, { tcpState: undefined }));
  expect(counts.active(7)).toBe(1);
  counts.destroyed(connection(1, 7, { tcpState: undefined }));
  expect(counts.active(7)).toBe(0);
});

test('port blocks count as long as the entry holds its port', () => {
  const counts = new ConnectionCounts();
  for (const [n, port] of [2048, 3071, 3072].entries()) counts.changed(connection(n, 7, { port }));
  counts.changed(connection(9, 7));
  counts.changed(connection(1, 7, { port: 3071, tcpState: 7 }));
  expect([...counts.portBlocks().keys()]).toEqual([LIP]);
  const filled = () =>
    [...(counts.portBlocks().get(LIP) ?? [])].flatMap((count, block) => (count === 0 ? [] : [[block, count]]));
  expect(filled()).toEqual([
    [2, 2],
    [3, 1],
  ]);
  counts.destroyed(connection(1, 7, { port: 3071 }));
  expect(filled()).toEqual([
    [2, 1],
    [3, 1],
  ]);
});

test('whatever is told in whatever order, a listing sets it right', () => {
  const told = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 3 }), fc.constantFrom('open', 'close', 'gone')));
  fc.assert(
    fc.property(told, fc.uniqueArray(fc.nat(20)), (events, open) => {
      const counts = new ConnectionCounts();
      const model = new Map<number, { id: number; active: boolean }>();
      for (const [n, id, what] of events) {
        const one = connection(n, id, what === 'close' ? { tcpState: 8 } : {});
        if (what === 'gone') counts.destroyed(one);
        else counts.changed(one);
        if (what === 'gone') model.delete(n);
        else model.set(n, { id, active: what === 'open' });
      }
      for (const id of [1, 2, 3]) {
        expect(counts.active(id)).toBe([...model.values()].filter((one) => one.active && one.id === id).length);
      }
      counts.clear();
      for (const n of open) counts.changed(connection(n, 2));
      expect([counts.active(1), counts.active(2), counts.tracked]).toEqual([0, open.length, open.length]);
    }),
    { numRuns: 100 },
  );
});
