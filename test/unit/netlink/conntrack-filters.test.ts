import { describe, expect, test } from 'vitest';
import { NetlinkReader, NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { assemble, Bpf, DROP, PASS } from '../../../src/core/netlink/bpf.ts';
import { claimFilter, eventFilter, markFilter } from '../../../src/core/netlink/conntrack-filters.ts';
import { passesFilter } from '../../../src/drivers/conntrack/fake-filter.ts';
import { ESTABLISHED } from './ctnetlink-vectors.ts';

const BITS = { serverId: 0xffff, replica: 0x80000000, moved: 0x40000000 };
const [OWN, REPLICA, MOVED] = [7, 0x80000007, 0x40000007];
const OUR_PORT = 0x12345678;
const [ASSURED, REPLIED, BEGUN] = [0x2e, 0x2a, 0x28];
const TCP = 6;
const UDP = 17;

interface Event {
  readonly mark?: number;
  readonly state?: number;
  readonly status?: number;
  readonly protocol?: number;
  readonly destroyed?: boolean;
  readonly portId?: number;
  readonly family?: number;
}

/** With the tuples of a real event. */
function message({ mark = OWN, state, status = ASSURED, protocol = TCP, ...event }: Event): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(event.destroyed ? 0x102 : 0x100);
  w.u16(0)
    .u32(0)
    .u32(event.portId ?? 0);
  w.u8(event.family ?? 2)
    .u8(0)
    .u16(0);
  const tuples = ESTABLISHED.slice(4, 4 + 104);
  tuples[32] = protocol;
  w.bytes(tuples);
  w.attribute(3, () => w.be32(status));
  if (state !== undefined) w.attribute(4, () => w.attribute(1, () => w.attribute(1, () => w.u8(state))));
  if (mark !== 0) w.attribute(8, () => w.be32(mark));
  return w.endMessage(0).finish();
}

const told = (event: Event, all = false) => passesFilter(eventFilter(OUR_PORT, BITS, all), message(event));
const claimed = (event: Event) => passesFilter(claimFilter(OUR_PORT, BITS), message(event));
const states = (passes: (state: number) => boolean) => Array.from({ length: 11 }, (_, i) => i).filter(passes);

describe('which events wake us', () => {
  test.each([
    ['own', { mark: OWN }, [3, 6, 7, 8]],
    ['moved', { mark: MOVED }, [3, 6, 7, 8]],
    ['replica', { mark: REPLICA }, [3, 4, 5, 6, 7, 8]],
    ['not assured', { status: REPLIED }, [6, 7, 8]],
    ['own, destroyed', { destroyed: true }, [0, 1, 2, 3, 4, 5, 8, 9, 10]],
    ['replica, destroyed', { mark: REPLICA, destroyed: true }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['begun, destroyed', { status: BEGUN, destroyed: true }, []],
    ['not marked', { mark: 0 }, []],
    ['of no server', { mark: 0x80000000 }, []],
    ['our own doing', { portId: OUR_PORT }, []],
    ['our own doing, destroyed', { portId: OUR_PORT, destroyed: true }, []],
    ['another socket’s doing', { portId: OUR_PORT + 1 }, [3, 6, 7, 8]],
    ['IPv6', { family: 10 }, []],
  ] as const)('TCP states of what is %s', (_, event, expected) => {
    expect(states((state) => told({ ...event, state }))).toEqual(expected);
  });

  test('without a state: UDP that was answered', () => {
    expect(told({})).toBe(false);
    expect(told({ protocol: UDP, status: REPLIED })).toBe(true);
    expect(told({ protocol: UDP, status: BEGUN })).toBe(false);
    expect(told({ protocol: UDP, status: REPLIED, destroyed: true })).toBe(true);
    expect(told({ protocol: UDP, status: BEGUN, destroyed: true })).toBe(false);
  });

  test('all of them, where some service wants all; but never our own doing, nor others', () => {
    expect(states((state) => told({ state, status: BEGUN }, true))).toHaveLength(11);
    expect(told({ portId: OUR_PORT }, true)).toBe(false);
    expect(told({ mark: 0x40000000 }, true)).toBe(false);
    expect(told({ family: 10 }, true)).toBe(false);
  });

  test('claims: what was moved and is not over', () => {
    expect(claimed({ mark: MOVED })).toBe(true);
    expect(states((state) => claimed({ mark: MOVED, state }))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(claimed({ mark: REPLICA })).toBe(false);
    expect(claimed({ mark: MOVED, portId: OUR_PORT })).toBe(false);
    expect(claimed({ mark: 0 })).toBe(false);
  });

  test('by bits of the mark', () => {
    const passes = (mark: number) => passesFilter(markFilter(0xff00), message({ mark }));
    expect([0, 0xff, 0x100, 0xff00].map(passes)).toEqual([false, false, true, true]);
  });
});

describe('filters', () => {
  test('jumps lead forward, to labels that there are', () => {
    expect(assemble([{ code: Bpf.ifEqual, k: -1, yes: PASS, no: DROP }])).toEqual([
      [0x15, 0, 1, 0xffffffff],
      [0x06, 0, 0, 0xffffffff],
      [0x06, 0, 0, 0],
    ]);
    expect(() => assemble([{ code: Bpf.ifEqual, yes: 'nowhere' }])).toThrow(RangeError);
    expect(() => assemble(['back', { code: Bpf.loadNumber }, { code: Bpf.ifEqual, yes: 'back' }])).toThrow(RangeError);
  });

  test('a message that is too short is not let pass', () => {
    expect(passesFilter(markFilter(1), new Uint8Array(10))).toBe(false);
    expect(passesFilter(eventFilter(1, BITS, true), new NetlinkReader(message({})).bytes().subarray(0, 14))).toBe(
      false,
    );
  });
});
